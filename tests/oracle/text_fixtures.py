#!/usr/bin/env python3
"""CLIP's text tower and zero-shot logits, by transformers.

    text_fixtures.py [OUTDIR]        default: tests/fixtures beside this folder

OUTDIR/clip_text has an eos_token_id of its own, and ids above it; the folder clip_text_eos2
has the 2 of the published files, which means the highest id (and an id 2 in the texts).
Each is a checkpoint folder plus text.safetensors; README.md lists the keys.
"""

import argparse
import copy
import pathlib

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import CLIPModel

from cases import agree, random_pixels, stored
from clip_weights import config, random_model, save_folder
from reduce_fixtures import vision

SEED = 5
STD = 0.2
IMAGES = 3
LENGTH = 12
VOCAB = 61
# name: (eos_token_id, the id that ends a text, the id behind it)
FOLDERS = {
    "clip_text": (50, 50, 0),
    "clip_text_eos2": (2, VOCAB - 1, VOCAB - 1),
}


def text_config(eos):
    return dict(
        hidden_size=20,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=28,
        vocab_size=VOCAB,
        max_position_embeddings=LENGTH,
        bos_token_id=1,
        eos_token_id=eos,
        pad_token_id=0,
    )


def texts(rng, end, pad):
    """I64 [7, LENGTH]: bos, words, end, padding; from the empty text to a full one."""
    ids = np.full((7, LENGTH), pad)
    for row, words in zip(ids, (0, 1, 3, 4, 6, 8, LENGTH - 2)):
        row[0] = 1
        row[1 : 1 + words] = rng.choice([i for i in range(2, VOCAB) if i != end], words)
        row[1 + words] = end
    ids[3, 2] = 2
    return torch.from_numpy(ids)


def run(model, ids, pixels):
    out = model(
        input_ids=ids, pixel_values=pixels, output_hidden_states=True, return_dict=True
    )
    text = out.text_model_output
    stages = {
        "image_embeds": model.get_image_features(pixel_values=pixels),
        "pooled": text.pooler_output,
        "text_embeds": model.text_projection(text.pooler_output),
        "logits_per_image": out.logits_per_image,
    }
    return stages | {f"hidden.{i}": h for i, h in enumerate(text.hidden_states)}


def make_fixture(folder):
    eos, end, pad = FOLDERS[folder.name]
    folder.mkdir(parents=True, exist_ok=True)
    # The model's depth is not the text tower's.
    save_folder(random_model(config(vision(8, 2), text_config(eos), 18), SEED, STD), folder)
    model = CLIPModel.from_pretrained(folder, attn_implementation="eager").eval()
    ids = texts(np.random.default_rng([SEED, 2]), end, pad)
    pixels = random_pixels(8, IMAGES, SEED)
    torch.set_default_dtype(torch.float64)  # of the causal mask
    exact = run(copy.deepcopy(model).double(), ids, pixels.double())
    torch.set_default_dtype(torch.float32)
    worst = agree(exact, run(model, ids, pixels), folder.name)
    tensors = {"ids": ids, "pixel_values": pixels} | {k: stored(v) for k, v in exact.items()}
    save_file(tensors, folder / "text.safetensors", metadata={"seed": str(SEED)})
    print(f"{folder.name}: {len(ids)} texts; fp32 is off by {worst:.1e} of max")


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    outdir = parser.parse_args().outdir

    torch.set_num_threads(1)
    with torch.no_grad():
        for name in FOLDERS:
            make_fixture(outdir / name)


if __name__ == "__main__":
    main()
