#!/usr/bin/env python3
"""Language models without labels: divergence, agreement and loss of made-up logits, as torch
computes them in fp64.

    quality_fixtures.py [OUTDIR]        default: tests/fixtures beside this folder

Writes OUTDIR/quality.safetensors. Of each CASE, all F32:

    CASE.logits [B, T, V]     CASE.base [B, T', V]     CASE.ids [B, P]
    CASE.shape [2]            rows of a text before the picture, tokens that count (0: all)
    CASE.figures [6]          kl, top1_agree, tokens, loss, base loss, perplexity

`plain`: T = T' = P. `picture`: rows of a picture lie in the middle, fewer of them in the
technique; what comes after them is predicted, they themselves are nobody's positions.
`again`: the text comes a second time, and only the first counts to the loss. `sharp`: the
logits are far apart, so that most probabilities are 0 in fp32.
"""

import argparse
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

SEED = 11


def figures(logits, base, ids, before, once):
    """Text rows first, then what they predict: written from the definition."""
    p = ids.shape[1]
    kl, agree, loss, base_loss = [], [], [], []
    for b in range(ids.shape[0]):
        x, y = logits[b].double().log_softmax(-1), base[b].double().log_softmax(-1)
        mine = [*range(before), *range(before + len(x) - p, len(x))]
        theirs = [*range(before), *range(before + len(y) - p, len(y))]
        for i, j in zip(mine, theirs):
            kl.append(F.kl_div(x[i], y[j], log_target=True, reduction="sum"))
            agree.append(float(x[i].argmax() == y[j].argmax()))
        for t in range(once or p):
            if mine[t] == 0:
                continue
            target = ids[b, t : t + 1]
            loss.append(F.cross_entropy(logits[b, mine[t] - 1][None].double(), target))
            base_loss.append(F.cross_entropy(base[b, theirs[t] - 1][None].double(), target))
    mean = torch.stack(loss).mean()
    return torch.stack([
        torch.stack(kl).mean(), torch.tensor(agree, dtype=torch.double).mean(),
        torch.tensor(float(len(loss)), dtype=torch.double), mean,
        torch.stack(base_loss).mean(), mean.exp(),
    ]).float()


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    outdir = parser.parse_args().outdir

    torch.set_num_threads(1)
    g = torch.Generator().manual_seed(SEED)
    out = {}
    #         name       B  T   T'  P   V   before once scale
    cases = (("plain",   2, 13, 13, 13, 37, 0,     0,   2.0),
             ("picture", 2, 11, 15, 8,  29, 3,     0,   2.0),
             ("leading", 1, 7,  9,  5,  17, 0,     0,   1.0),
             ("again",   1, 12, 12, 12, 23, 0,     5,   1.5),
             ("sharp",   1, 9,  9,  9,  31, 0,     0,   80.0))
    for name, b, t, t_base, p, v, before, once, scale in cases:
        base = torch.randn(b, t_base, v, generator=g) * scale
        noise = torch.randn(b, t, v, generator=g) * scale * 0.3
        more = t - p
        rows = [*range(before + more), *range(t_base - (p - before), t_base)]
        logits = base[:, rows] + noise
        ids = torch.randint(v, (b, p), generator=g)
        out[f"{name}.logits"], out[f"{name}.base"] = logits.contiguous(), base
        out[f"{name}.ids"] = ids.float()
        out[f"{name}.shape"] = torch.tensor([float(before), float(once)])
        out[f"{name}.figures"] = figures(logits, base, ids, before, once)
    save_file(out, outdir / "quality.safetensors", metadata={"seed": str(SEED)})


if __name__ == "__main__":
    main()
