#!/usr/bin/env python3
"""What changes weights: position rows of another image size, low-rank projections.

    weight_fixtures.py [OUTDIR]      default: tests/fixtures beside this folder

Reads OUTDIR/clip_tiny, so it runs after clip_fixtures.py.

OUTDIR/clip_tiny/sizes.*    cases of --image-size (cases.py), each size with its pixels
OUTDIR/clip_tiny/rank.*     cases of --rank; rank.N.error.WHICH: |W - A B| / |W| (Frobenius)
                            of visual, text and both together, and .break_even of visual;
                            `ids` and rank.N.text_embeds of the text tower
OUTDIR/svd.safetensors      M F32 [m, n] a matrix, M.sigma all of its singular values,
                            M.error.R of its best approximation M.rank.R of rank R
"""

import argparse
import copy
import pathlib

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPModel

from cases import case, check_dense, make_cases, random_pixels, stored
from tower import low_rank

SEED = 1
SIZES = (48, 24, 40)  # trained at 32, patches of 8
RANKS = (1, 8, 21, 31, 32)  # of visual [32, 64] and text [32, 48]


def features(model, pixels):
    return model.get_image_features(pixel_values=pixels, interpolate_pos_encoding=True)


def make_sizes(folder, model):
    pixels = {size: random_pixels(size, 2, SEED) for size in SIZES}
    # No patch begins in the last two rows and columns.
    pixels[50] = random_pixels(50, 1, SEED)
    for size, batch in pixels.items():
        check_dense(model, batch, features, f"{folder.name} at {size}")
    cases = [case("none", image_size=size) for size in pixels]
    cases += [case("l2", "embed", 0.5, image_size=size) for size in SIZES]
    make_cases(folder, "sizes", model, pixels, cases, SEED)


def error_of(matrices, rank):
    lost = sum(float((w - low_rank(w, rank)).square().sum()) for w in matrices)
    return (lost / sum(float(w.square().sum()) for w in matrices)) ** 0.5


def make_ranks(folder, model):
    pixels = {32: random_pixels(32, 2, SEED)}
    cases = [case(rank=r) for r in RANKS] + [case("l2", "embed", 0.5, rank=8)]
    make_cases(folder, "rank", model, pixels, cases, SEED)
    path = folder / "rank.safetensors"
    tensors = load_file(path)
    visual, text = (
        p.weight.double() for p in (model.visual_projection, model.text_projection)
    )
    ids = torch.from_numpy(np.random.default_rng([SEED, 4]).integers(0, 97, (3, 16)))
    ids[:, -1] = model.config.text_config.eos_token_id
    torch.set_default_dtype(torch.float64)  # of the causal mask
    pooled = copy.deepcopy(model).double().text_model(input_ids=ids).pooler_output
    torch.set_default_dtype(torch.float32)
    tensors["ids"] = ids
    for rank in RANKS:
        for key, matrices in (("visual", [visual]), ("text", [text]), ("both", [visual, text])):
            error = torch.tensor([error_of(matrices, rank)], dtype=torch.float32)
            tensors[f"rank.{rank}.error.{key}"] = error
        m, n = visual.shape
        tensors[f"rank.{rank}.break_even"] = torch.tensor([m * n // (m + n)])
        tensors[f"rank.{rank}.text_embeds"] = stored(pooled @ low_rank(text, rank).T)
    save_file(tensors, path, metadata={"seed": str(SEED)})


def matrices():
    rng = np.random.default_rng([SEED, 3])
    wide = rng.standard_normal((48, 64), dtype=np.float32)
    tall = rng.standard_normal((37, 21), dtype=np.float32)
    ranks = rng.standard_normal((30, 6)) @ rng.standard_normal((6, 40))
    # Singular values over eight decades, as of a convolution's smooth kernels.
    u, _ = np.linalg.qr(rng.standard_normal((24, 24)))
    v, _ = np.linalg.qr(rng.standard_normal((24, 24)))
    return {
        "wide": (wide, (1, 8, 24, 47)),
        "tall": (tall, (1, 7, 20)),
        "six": (ranks.astype(np.float32), (2, 6)),
        "steep": (((u * 10.0 ** -np.linspace(0, 8, 24)) @ v).astype(np.float32), (1, 4, 12)),
        "row": (wide[:1].copy(), (1,)),
        "twins": (np.repeat(wide[:6, :10], 2, axis=0).copy(), (3, 6)),
    }


def make_svd(path):
    out = {}
    for name, (matrix, ranks) in matrices().items():
        w = torch.from_numpy(matrix)
        out[name] = w
        out[f"{name}.sigma"] = torch.linalg.svdvals(w.double()).float()
        for rank in ranks:
            out[f"{name}.rank.{rank}"] = low_rank(w.double(), rank).float().contiguous()
            error = torch.tensor([error_of([w.double()], rank)], dtype=torch.float32)
            out[f"{name}.error.{rank}"] = error
    save_file(out, path, metadata={"seed": str(SEED)})


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    outdir = parser.parse_args().outdir

    torch.set_num_threads(1)
    folder = outdir / "clip_tiny"
    model = CLIPModel.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.no_grad():
        make_sizes(folder, model)
        make_ranks(folder, model)
    make_svd(outdir / "svd.safetensors")


if __name__ == "__main__":
    main()
