#!/usr/bin/env python3
"""A small SigLIP checkpoint: its vision tower, with tokens dropped and merged.

    siglip_fixtures.py [OUTDIR]      default: tests/fixtures beside this folder

OUTDIR/siglip_tiny is a checkpoint folder plus
    cases.json, cases.safetensors    as in reduce_fixtures.py
    values.safetensors               pictures through SiglipImageProcessor, F32 [3, S, S]
"""

import argparse
import pathlib

import torch
from PIL import Image
from safetensors.numpy import save_file
from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel

from cases import case, check_dense, make_cases, random_pixels
from clip_weights import randomise

SEED = 1
STD = 0.2
SIZE, SIZE_LARGER, SIZE_SMALLER = 12, 16, 8  # patches of 2
VISION = dict(
    hidden_size=24,
    num_hidden_layers=3,
    num_attention_heads=3,
    intermediate_size=40,
    image_size=SIZE,
    patch_size=2,
)
TEXT = dict(
    hidden_size=24,
    num_hidden_layers=1,
    num_attention_heads=3,
    intermediate_size=8,
    vocab_size=9,
    max_position_embeddings=4,
)
PICTURES = ("wide.png", "strip.png", "rgba.png", "palette.png", "grey_alpha.png")


def cases():
    yield case("none")
    for method in ("l2", "knorm", "qnorm", "kqnorm", "aligned", "adaptive"):
        yield case(method, "embed", 0.6)
        yield case(method, "0+2", 0.7, "dropped")
    yield case("l2", "embed", 0.5, "dropped")
    yield case("l2", "1", 0.5, "all")
    yield case(threshold=0.3, threshold_scale="quantile")
    for r in (2, 5, 100):
        yield case("tome", merge_r=r)
    yield case("none", image_size=SIZE_LARGER)
    yield case("none", image_size=SIZE_SMALLER)
    yield case("l2", "embed", 0.5, image_size=SIZE_LARGER)


def make_model(folder):
    model = SiglipModel._from_config(SiglipConfig(vision_config=VISION, text_config=TEXT))
    randomise(model, SEED, STD).save_pretrained(folder)
    SiglipImageProcessor(size={"height": SIZE, "width": SIZE}).save_pretrained(folder)
    # Not eager: its softmax is fp32 whatever the model is.
    return SiglipModel.from_pretrained(folder, attn_implementation="sdpa").eval()


def features(model, pixels):
    vision = model.vision_model(pixel_values=pixels, interpolate_pos_encoding=True)
    return vision.pooler_output


def make_values(folder, images):
    processor = SiglipImageProcessor.from_pretrained(folder)
    out = {}
    for name in PICTURES:
        image = Image.open(images / name).convert("RGB")
        values = processor(image, input_data_format="channels_last", return_tensors="np")
        out[name] = values["pixel_values"][0]
    save_file(out, folder / "values.safetensors")


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    outdir = parser.parse_args().outdir

    torch.set_num_threads(1)
    folder = outdir / "siglip_tiny"
    folder.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        model = make_model(folder)
        pixels = {s: random_pixels(s, 3, SEED) for s in (SIZE, SIZE_LARGER, SIZE_SMALLER)}
        for size, batch in pixels.items():
            check_dense(model, batch, features, f"siglip at {size}")
        make_cases(folder, "cases", model, pixels, list(cases()), SEED)
    make_values(folder, outdir / "images")


if __name__ == "__main__":
    main()
