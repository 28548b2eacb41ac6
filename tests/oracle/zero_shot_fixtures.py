#!/usr/bin/env python3
"""Labels, and pictures told apart by them, as transformers computes it.

    zero_shot_fixtures.py [OUTDIR]        default: tests/fixtures beside this folder

Needs OUTDIR/clip_tiny with its tokenizer and OUTDIR/images/rgb.png. Writes
OUTDIR/zero_shot/test_batch.bin, seeded records in CIFAR-10's format, and oracle.safetensors:

    text_embeds [3, P]         LABELS, not normalised
    logits_per_image [1, 3]    of images/rgb.png
    cifar.classes [10, P]      mean of CLIP's prompts, normalised, without logit scale
    keep100.logits [N, 10]     of the records; keep050: pruned by the L2 norm of patches
"""

import argparse
import pathlib
import sys

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizerFast

from clip_fixtures import forward

SEED = 6
RECORDS = 16
MIN_GAP = 1e-4  # of the two best logits: closer, rounding may choose another class
LABELS = ["a cat", "a dog", "the bird"]
CIFAR = "airplane automobile bird cat deer dog frog horse ship truck".split()
PROMPTS = [
    f"a {before}photo of {article} {after}{{}}."
    for article in ("a", "the")
    for before, after in (
        ("", ""), ("blurry ", ""), ("black and white ", ""), ("low contrast ", ""),
        ("high contrast ", ""), ("bad ", ""), ("good ", ""), ("", "small "), ("", "big "),
    )
]


def make_records(rng):
    """[N, 3, 32, 32] bytes: a gradient between two colours and a disc of a third, with
    noise, so that no two patches are alike."""
    y, x = np.mgrid[0:32, 0:32] / 31.0
    records = []
    for _ in range(RECORDS):
        a, b, c = rng.uniform(0, 255, (3, 3, 1, 1))
        angle, cx, cy, r = rng.uniform(0, 1, 4)
        t = x * angle + y * (1 - angle)
        disc = ((x - cx) ** 2 + (y - cy) ** 2 < (0.1 + r / 3) ** 2)[None]
        picture = np.where(disc, c, a * (1 - t) + b * t) + rng.normal(0, 12, (3, 32, 32))
        records.append(picture.clip(0, 255).astype(np.uint8))
    return np.stack(records)


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)


def text_features(model, tokenizer, texts):
    context = model.config.text_config.max_position_embeddings
    batch = tokenizer(
        texts, truncation=True, max_length=context, padding=True, return_tensors="pt"
    )
    torch.set_default_dtype(torch.float64)  # of the causal mask that transformers makes
    features = model.get_text_features(**batch)
    torch.set_default_dtype(torch.float32)
    return features


def cifar_classes(model, tokenizer):
    rows = []
    for label in CIFAR:
        texts = [prompt.format(label) for prompt in PROMPTS]
        rows.append(unit(unit(text_features(model, tokenizer, texts)).mean(dim=0)))
    return torch.stack(rows)


def check_gap(logits, what):
    best = logits.sort(dim=1, descending=True).values
    gap = (best[:, 0] - best[:, 1]).min().item()
    if gap < MIN_GAP:
        sys.exit(f"{what}: the two best logits differ by {gap:.1e}: change the seed")


def compute(folder, outdir, records):
    model = CLIPModel.from_pretrained(
        folder, torch_dtype=torch.float32, attn_implementation="eager"
    ).eval().double()
    tokenizer = CLIPTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt"))
    processor = CLIPImageProcessor.from_pretrained(folder)
    scale = model.logit_scale.exp()

    def pixels(images):
        return processor(images=images, return_tensors="pt")["pixel_values"].double()

    text = text_features(model, tokenizer, LABELS)
    image = model.get_image_features(pixels([Image.open(outdir / "images/rgb.png")]))
    tensors = {"text_embeds": text, "logits_per_image": scale * unit(image) @ unit(text).T}
    classes = tensors["cifar.classes"] = cifar_classes(model, tokenizer)
    batch = pixels([Image.fromarray(r.transpose(1, 2, 0)) for r in records])
    for keep in (1.0, 0.5):
        embeds = forward(model, batch, keep, "zero_shot")["image_embeds"]
        logits = scale * unit(embeds) @ classes.T
        check_gap(logits, f"keep {keep}")
        tensors[f"keep{round(keep * 100):03d}.logits"] = logits
    return {name: t.float().contiguous() for name, t in tensors.items()}


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    outdir = parser.parse_args().outdir

    torch.set_num_threads(1)
    rng = np.random.default_rng(SEED)
    records = make_records(rng)
    labels = rng.integers(0, 10, RECORDS)
    folder = outdir / "zero_shot"
    folder.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        tensors = compute(outdir / "clip_tiny", outdir, records)
    told = {k: tensors[f"{k}.logits"].argmax(dim=1).numpy() for k in ("keep100", "keep050")}
    labels[: RECORDS // 2] = told["keep100"][: RECORDS // 2]  # some are told right
    with (folder / "test_batch.bin").open("wb") as file:
        for label, record in zip(labels, records):
            file.write(bytes([label]) + record.tobytes())
    save_file(tensors, folder / "oracle.safetensors", metadata={"seed": str(SEED)})
    right = {k: int((v == labels).sum()) for k, v in told.items()}
    print(f"zero_shot: right of {RECORDS}: {right}")


if __name__ == "__main__":
    main()
