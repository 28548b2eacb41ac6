#!/usr/bin/env python3
"""A CLIP checkpoint of the published size with seeded random parameters.

    checkpoint.py OUTDIR --config b16 [--dtype bfloat16] [--seed N]
    checkpoint.py OUTDIR --config b32 --hub-cache CACHE --repo acme/clip-b32

For trying the loader and the timing by hand; the outputs mean nothing.  With
--hub-cache the folder is also laid out as the hub's client does it: blobs named by
their hash, a snapshot of relative links, and refs/main.
"""

import argparse
import hashlib
import pathlib
import shutil

import torch

from clip_weights import config, random_model, save_folder

STD = 0.02
TEXT = dict(hidden_size=512, intermediate_size=2048, num_hidden_layers=12, num_attention_heads=8)
VISION = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
# name: (patch size, parameters of the published checkpoint)
CONFIGS = {"b16": (16, 149_620_737), "b32": (32, 151_277_313)}


def make_checkpoint(folder, name, dtype, seed):
    patch, published = CONFIGS[name]
    cfg = config(VISION | {"image_size": 224, "patch_size": patch}, TEXT, 512)
    model = random_model(cfg, seed, STD)
    count = sum(p.numel() for p in model.parameters())
    assert count == published, f"{count} parameters instead of {published}"
    save_folder(model, folder, dtype)


def digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def lay_out_cache(folder, cache, repo):
    root = cache / ("models--" + repo.replace("/", "--"))
    blobs = {path.name: digest(path) for path in sorted(folder.iterdir()) if path.is_file()}
    revision = hashlib.sha1(repr(blobs).encode()).hexdigest()
    snapshot = root / "snapshots" / revision
    for made in (snapshot, root / "blobs", root / "refs"):
        made.mkdir(parents=True, exist_ok=True)
    for name, blob in blobs.items():
        shutil.copyfile(folder / name, root / "blobs" / blob)
        link = snapshot / name
        link.unlink(missing_ok=True)
        link.symlink_to(f"../../blobs/{blob}")
    (root / "refs" / "main").write_text(revision)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", type=pathlib.Path)
    parser.add_argument("--config", choices=CONFIGS, required=True)
    parser.add_argument("--dtype", choices=("float32", "float16", "bfloat16"), default="float32")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hub-cache", type=pathlib.Path, help="also fill this hub cache")
    parser.add_argument("--repo", default="acme/clip", help="the name there: OWNER/NAME")
    args = parser.parse_args()

    args.outdir.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        make_checkpoint(args.outdir, args.config, getattr(torch, args.dtype), args.seed)
    if args.hub_cache:
        lay_out_cache(args.outdir, args.hub_cache, args.repo)


if __name__ == "__main__":
    main()
