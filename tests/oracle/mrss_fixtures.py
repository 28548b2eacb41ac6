#!/usr/bin/env python3
"""A small proxy of multi-resolution scanning: branches of convolutions and a gate.

    mrss_fixtures.py [OUTDIR]      default: tests/fixtures beside this folder

OUTDIR/mrss_tiny has config.json, model.safetensors and oracle.safetensors:

    C.x                 F32 [B, T, D], the input of a case C
    C.MODE.R            [B, T, D] at --mrss MODE --downsample R (off: R is 1)
    C.adaptive.R.factors    I64 [B], that each item gets
    published.off, published.both.R   I64 [1]: what torch's counter counts of B 8, T 8192,
                        D 512, k 63
"""

import argparse
import json
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch.utils.flop_counter import FlopCounterMode

SEED = 1
WIDTH, KERNEL = 8, 7
RATIOS = (2, 4, 8, 16)
# Items, tokens, settings: T that no r divides, shorter than the kernel, in several pieces.
EVERY = [("off", 1)] + [(m, r) for m in ("both", "low") for r in (1, 2, 4, 8, 16)]
CASES = {
    "one": (2, 1, EVERY),
    "two": (1, 2, EVERY),
    "odd": (3, 13, EVERY + [("adaptive", 16)]),
    "even": (2, 64, [("off", 1), ("both", 2), ("low", 16)]),
    "long": (2, 530, [("off", 1), ("both", 4), ("adaptive", 16)]),
}
PUBLISHED = {"off": 38.5876, 1: 111.5349, 2: 92.2411, 4: 82.5942}  # GFLOP


def weights(width, kernel, device="cpu"):
    generator = torch.Generator().manual_seed(SEED)

    def make(*shape, scale):
        if device == "meta":
            return torch.empty(shape, device=device)
        return scale * torch.randn(shape, generator=generator)

    w = {}
    for branch in ("high", "low"):
        w[f"{branch}.conv.weight"] = make(width, 1, kernel, scale=0.5)
        w[f"{branch}.mix.weight"] = make(width, width, scale=0.5)
    w["gate.weight"] = make(width, width, scale=0.7)
    w["gate.bias"] = make(width, scale=0.5)
    return w


def branch(w, name, x):
    conv = w[f"{name}.conv.weight"]
    padded = F.pad(x.transpose(1, 2), (conv.shape[2] - 1, 0))
    h = F.conv1d(padded, conv, groups=x.shape[2]).transpose(1, 2)
    return F.relu(F.linear(h, w[f"{name}.mix.weight"]))


def coarse(w, x, r):
    return branch(w, "low", x[:, ::r]).repeat_interleave(r, 1)[:, : x.shape[1]]


def run(w, x, mode, r):
    if mode == "off":
        return branch(w, "high", x)
    if mode == "low":
        return coarse(w, x, r)
    gate = torch.sigmoid(F.linear(x, w["gate.weight"], w["gate.bias"]))
    return gate * coarse(w, x, r) + (1 - gate) * branch(w, "high", x)


def choose(x, most):
    """The largest factor with which holding rows loses at most half of what varies."""
    chosen = 1
    for r in RATIOS:
        held = x[::r].repeat_interleave(r, 0)[: len(x)]
        if r <= most and ((x - held) ** 2).sum() <= ((x - x.mean(0)) ** 2).sum() / 2:
            chosen = r
    return chosen


def sequences(items, tokens, generator):
    """Each item smoother than the one before: noise that is summed up and drawn back."""
    noise = torch.randn(items, tokens, WIDTH, generator=generator)
    x = torch.zeros_like(noise)
    for b in range(items):
        back = 1 - 0.9 ** (3 * b + 1) if b % 2 == 0 else 0.02
        x[b, 0] = noise[b, 0]
        for t in range(1, tokens):
            x[b, t] = (1 - back) * x[b, t - 1] + noise[b, t]
    return x


def case(w, name, items, tokens, settings, generator):
    x = sequences(items, tokens, generator)
    out = {f"{name}.x": x}
    wide = x.double()
    for mode, r in settings:
        key = f"{name}.{mode}.{r}"
        if mode != "adaptive":
            out[key] = run(w, wide, mode, r).float()
            continue
        factors = [choose(one, r) for one in wide]
        parts = [run(w, one[None], "low", f) for one, f in zip(wide, factors)]
        out[key] = torch.cat(parts).float()
        out[f"{key}.factors"] = torch.tensor(factors)
    return out


def published():
    w = weights(512, 63, "meta")
    x = torch.empty(8, 8192, 512, device="meta")
    out = {}
    for r, gflop in PUBLISHED.items():
        mode = "off" if r == "off" else "both"
        with FlopCounterMode(display=False) as counter:
            run(w, x, mode, 1 if r == "off" else r)
        flops = counter.get_total_flops()
        assert round(flops * 1e-9, 4) == gflop, (r, flops)
        out["published." + ("off" if r == "off" else f"both.{r}")] = torch.tensor([flops])
    return out


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    folder = parser.parse_args().outdir / "mrss_tiny"

    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    metadata = {"seed": str(SEED)}
    config = {"model_type": "mrss_proxy", "hidden_size": WIDTH, "conv_kernel": KERNEL}
    (folder / "config.json").write_text(json.dumps(config) + "\n")
    w = weights(WIDTH, KERNEL)
    save_file(w, folder / "model.safetensors", metadata=metadata)
    w = {name: t.double() for name, t in w.items()}
    generator = torch.Generator().manual_seed(SEED + 1)
    out = published()
    for name, (items, tokens, settings) in CASES.items():
        out |= case(w, name, items, tokens, settings, generator)
    factors = out["long.adaptive.16.factors"].tolist()
    assert len(set(factors)) > 1, factors
    save_file(out, folder / "oracle.safetensors", metadata=metadata)


if __name__ == "__main__":
    main()
