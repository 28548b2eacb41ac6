#!/usr/bin/env python3
"""Long convolutions over all channels, and what is left of them at a rank.

    long_conv_fixtures.py [OUTDIR]      default: tests/fixtures beside this folder

OUTDIR/long_conv           K [64, 8, 8]: fewer taps than pairs of channels, all ranks there
OUTDIR/long_conv_narrow    K [40, 3, 3]: more of them; of rank 5

Both with config.json, model.safetensors and oracle.safetensors:

    C.x                F32 [B, T, D], the input of a case C: long (T > L), short (T < L), one
    C.full             [B, T, D]: y[t] = sum over l of K[l] x[t - l]
    C.rank.R           the same of the kernel's best approximation of rank R
    C.flops.full, C.flops.rank.R
                       I64 [1]: what torch's counter counts of the same convolutions
    sigma, error.R     singular values of K as [L, D D]; |K - K_R| / |K| (Frobenius)
"""

import argparse
import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from torch.utils.flop_counter import FlopCounterMode

SEED = 1
CASES = {"long": (2, 100), "short": (3, 13), "one": (1, 1)}


def smooth(length, width, rng):
    """Taps that fade, a few of them large: singular values over two decades."""
    kernel = rng.standard_normal((length, width, width))
    fade = np.exp(-np.arange(length) / 16)[:, None, None]
    trend = np.cos(np.arange(length) / 5)[:, None, None] * rng.standard_normal((width, width))
    return (0.1 * kernel * fade + trend * fade).astype(np.float32)


def of_rank(length, width, rank, rng):
    left = rng.standard_normal((length, rank))
    right = rng.standard_normal((rank, width * width))
    return (left @ right).reshape(length, width, width).astype(np.float32)


def convolve(kernel, x):
    """By the definition."""
    y = np.zeros_like(x)
    for l in range(min(len(kernel), x.shape[1])):
        y[:, l:] += np.einsum("btd,od->bto", x[:, : x.shape[1] - l], kernel[l])
    return y


def count(run):
    with FlopCounterMode(display=False) as counter:
        y = run()
    return y, np.array([counter.get_total_flops()])


def by_torch(kernel, x):
    """The same as one operator of torch: channels first, padded on the left."""
    length = len(kernel)
    weight = torch.from_numpy(np.ascontiguousarray(kernel[::-1].transpose(1, 2, 0)))
    padded = F.pad(torch.from_numpy(x).transpose(1, 2), (length - 1, 0))
    y, flops = count(lambda: F.conv1d(padded, weight))
    return y.transpose(1, 2).numpy(), flops


def by_filters(taps, mixes, x):
    """r scalar filters, each over every channel, and one mix: [B, T, r D] -> [B, T, D]."""
    rank, length = taps.shape
    width = x.shape[2]
    weight = torch.from_numpy(np.ascontiguousarray(taps[:, ::-1])).repeat(width, 1)
    padded = F.pad(torch.from_numpy(x).transpose(1, 2), (length - 1, 0))
    mix = torch.from_numpy(np.concatenate(mixes, axis=1))

    def run():
        y = F.conv1d(padded, weight[:, None], groups=width)  # [B, D r, T], channel first
        y = y.reshape(len(x), width, rank, -1).transpose(1, 2).flatten(1, 2)
        return y.transpose(1, 2) @ mix.T

    y, flops = count(run)
    return y.numpy(), flops


def same(a, b):
    assert np.abs(a - b).max() <= 1e-12 * np.abs(b).max(), np.abs(a - b).max()


def make(folder, kernel, ranks, rng):
    length, width, _ = kernel.shape
    wide = kernel.astype(np.float64)
    u, sigma, v = np.linalg.svd(wide.reshape(length, -1), full_matrices=False)
    out = {"sigma": sigma.astype(np.float32)}
    for rank in ranks:
        error = np.sqrt((sigma[rank:] ** 2).sum() / (sigma**2).sum())
        out[f"error.{rank}"] = np.array([error], np.float32)
    for name, (items, tokens) in CASES.items():
        x = rng.standard_normal((items, tokens, width)).astype(np.float32)
        out[f"{name}.x"] = x
        x = x.astype(np.float64)
        full = convolve(wide, x)
        torchs, out[f"{name}.flops.full"] = by_torch(wide, x)
        same(torchs, full)
        out[f"{name}.full"] = full.astype(np.float32)
        for rank in ranks:
            cut = ((u[:, :rank] * sigma[:rank]) @ v[:rank]).reshape(wide.shape)
            y = convolve(cut, x)
            taps = (u[:, :rank] * sigma[:rank]).T
            mixes = v[:rank].reshape(rank, width, width)
            filters, flops = by_filters(taps, mixes, x)
            same(filters, y)
            out[f"{name}.rank.{rank}"] = y.astype(np.float32)
            out[f"{name}.flops.rank.{rank}"] = flops
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "long_conv"}) + "\n")
    metadata = {"seed": str(SEED)}
    save_file({"kernel": kernel}, folder / "model.safetensors", metadata=metadata)
    save_file(out, folder / "oracle.safetensors", metadata=metadata)


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    outdir = parser.parse_args().outdir

    torch.set_num_threads(1)
    rng = np.random.default_rng([SEED, 8])
    make(outdir / "long_conv", smooth(64, 8, rng), (1, 3, 16, 64), rng)
    make(outdir / "long_conv_narrow", of_rank(40, 3, 5, rng), (2, 5, 9), rng)


if __name__ == "__main__":
    main()
