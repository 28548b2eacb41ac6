#!/usr/bin/env python3
"""Every way to drop and merge tokens, on small CLIP checkpoints.

    reduce_fixtures.py [OUTDIR]      default: tests/fixtures beside this folder
    reduce_fixtures.py --trace FOLDER CASE   prints the stages of one case

Each OUTDIR/NAME is a checkpoint folder plus cases.json and cases.safetensors (cases.py).
The rules are in reduce_rules.py, the pass is in tower.py.
"""

import argparse
import pathlib

import torch
from transformers import CLIPModel

from cases import case, check_dense, make_cases, name_of, plan_of, random_pixels
from clip_weights import config, random_model, save_folder
from tower import Tower

STD = 0.2
# The towers are narrow; this one is not used at all.
TEXT = dict(
    hidden_size=8,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=8,
    vocab_size=9,
    max_position_embeddings=4,
    bos_token_id=7,
    eos_token_id=8,
    pad_token_id=8,
)


def vision(image, depth):
    sizes = dict(hidden_size=24, num_attention_heads=3, intermediate_size=40)
    return sizes | dict(num_hidden_layers=depth, image_size=image, patch_size=2)


def dropping():
    yield case("none")
    for summary in ("off", "dropped", "all"):
        for method in ("l2", "knorm", "qnorm", "kqnorm"):
            yield case(method, "embed", 0.7, summary)
            yield case(method, "1+3", 0.7, summary)
        yield case("cls", "", 0.7, summary)
        yield case("cls", "1+2", 0.5, summary)
        yield case("aligned", "embed", 0.6, summary)
        yield case("aligned", "0+2", 0.5, summary)
        yield case("adaptive", "embed", 0.7, summary)
        yield case("adaptive", "1+3", 0.8, summary)
    for summary in ("dropped", "all"):  # nothing goes: there is no summary
        yield case("l2", "embed", 1, summary)
        yield case("knorm", "1+2", 1, summary)
    yield case("l2", "embed", 0.5)
    yield case("l2", "embed", 0.01)
    yield case("l2", "0+1+2+3", 0.9, "dropped")
    yield case("knorm", "0", 0.5)
    yield case("knorm", "2", 0.01)
    yield case("cls", "0", 0.01)
    yield case("cls", "0+3", 0.9)
    yield case("aligned", "embed", 0.99)
    yield case("aligned", "embed", 0.01)
    yield case("adaptive", "2", 0.01)
    yield case("evit", "", 0.7)
    yield case("evit", "1+3", 0.7)
    yield case("evit", "0", 0.5)
    yield case("evit", "0+1+2+3", 0.8)
    yield case("evit", "2", 0.97)
    yield case("evit", "2", 0.99)  # ceil(.99 * 36) = 36: nothing goes, nothing is fused
    for r in (1, 2, 5, 9, 100):
        yield case("tome", merge_r=r)


def thresholds():
    for q in (0, 0.3, 0.5):
        yield case(threshold=q, threshold_scale="quantile")
    yield case("", "1+3", threshold=0.4, threshold_scale="quantile")
    for summary in ("dropped", "all"):
        yield case(summary=summary, threshold=0.25, threshold_scale="quantile")
    for t in (0, 4.6, 5.2, 1000):
        yield case(threshold=t)
    yield case("", "2", threshold=8)


def merging(depth):
    for r in (8, 13, 16):
        yield case("tome", merge_r=r)
    for keep in (0.9, 0.7, 0.5):
        yield case("evit", "+".join(str(i) for i in range(depth)), keep)


# name: (image size, depth, batch, seed, cases). 196 patches are those of ViT-B/16 at 224.
FIXTURES = {
    "reduce_tiny": (12, 4, 3, 3, [*dropping(), *thresholds()]),
    "reduce_49": (14, 3, 2, 1, list(merging(3))),
    "reduce_196": (28, 3, 2, 107, list(merging(3))),
}


def load(folder):
    return CLIPModel.from_pretrained(folder, attn_implementation="eager").eval()


def make_fixture(folder):
    size, depth, batch, seed, cases = FIXTURES[folder.name]
    folder.mkdir(parents=True, exist_ok=True)
    save_folder(random_model(config(vision(size, depth), TEXT, 16), seed, STD), folder)
    model, pixels = load(folder), random_pixels(size, batch, seed)
    check_dense(model, pixels, lambda m, p: m.get_image_features(pixel_values=p), folder.name)
    make_cases(folder, "cases", model, {size: pixels}, cases, seed)


def show(folder, name):
    """Everything about item after item of a case, for a look."""
    size, _, batch, seed, cases = FIXTURES[folder.name]
    plan = next(plan_of(c) for c in cases if name_of(c) == name)
    tower = Tower(load(folder).double())
    for item in random_pixels(size, batch, seed):
        for key, value in vars(tower.forward(item.double(), plan)).items():
            print(key, value)


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    parser.add_argument("--trace", nargs=2, metavar=("FOLDER", "CASE"))
    args = parser.parse_args()

    torch.set_num_threads(1)
    with torch.no_grad():
        if args.trace:
            show(args.outdir / args.trace[0], args.trace[1])
            return
        for name in FIXTURES:
            make_fixture(args.outdir / name)


if __name__ == "__main__":
    main()
