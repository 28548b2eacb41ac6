#!/usr/bin/env python3
"""A small post-norm encoder, with tokens dropped below a threshold.

    encoder_fixtures.py [OUTDIR]      default: tests/fixtures beside this folder

OUTDIR/encoder_tiny has config.json, model.safetensors and oracle.safetensors:

    C.x              F32 [B, T, D], the input of a case C
    C.threshold      F32 [1]; a case named quantile...: of the layer's own norms
    C.pooled         [B, D], the mean of the tokens that stay
    C.class_logits   [B, 2], the mean of the head's answers
    C.kept           I64 [B, K], tokens that stay to the end, -1 behind the last
    C.kept_counts    I64 [layers, B]
    C.flops.fvcore, C.flops.torch     I64 [1] of the same pass without a threshold
    published.*      I64 [1]: what is counted of 16 x 128 tokens, d 512, ff 2048, 2 layers:
                     fvcore, fvcore with products of attention, torch, and fvcore where
                     every sequence has 88 tokens

The reference is torch's own layer on one sequence after the other, of which it sees the
tokens that are left and nothing else: no mask, no padding.
"""

import argparse
import json
import pathlib
import warnings

import numpy as np
import torch
from fvcore.nn import FlopCountAnalysis
from safetensors.torch import save_file
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

SEED = 1
SIZES = dict(width=32, mlp=80, depth=2, heads=4)
PUBLISHED = dict(width=512, mlp=2048, depth=2, heads=8)
CASES = {  # items, tokens, threshold
    "all": (2, 13, 0.0),
    "some": (5, 40, 5.6),
    "one_left": (3, 17, 6.2),
    "nothing": (2, 9, 100.0),
    "single": (3, 1, 5.6),
    "quantile": (4, 33, 0.4),
    "quantile_top": (2, 12, 1.0),
}


class Encoder(nn.Module):
    def __init__(self, width, mlp, depth, heads):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, mlp, dropout=0.0, batch_first=True)
            for _ in range(depth)
        )
        self.head = nn.Linear(width, 2)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x.mean(1), self.head(x).mean(1)


def randomise(model):
    generator = torch.Generator().manual_seed(SEED)
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        if ".norm" in name and name.endswith("weight"):
            p.copy_(1 + 0.3 * noise)
        else:
            p.copy_((0.2 if p.ndim > 1 else 0.1) * noise)
    return model


def above(norms, threshold, by_quantile):
    """Which tokens exceed it; where none does the best one, the first of equals."""
    if by_quantile:
        keep = norms > torch.quantile(norms, threshold) if threshold else norms >= 0
    else:
        keep = norms > threshold
    if not keep.any():
        keep[norms.argmax()] = True
    return keep


def prune(model, x, threshold, by_quantile):
    """One sequence [T, D]: what it gives, which tokens stay, how many behind each layer."""
    alive, counts = torch.arange(len(x)), []
    for layer in model.layers:
        keep = above(x.norm(dim=1), threshold, by_quantile)
        x, alive = x[keep], alive[keep]
        counts.append(len(alive))
        x = layer(x[None])[0]
    return x.mean(0), model.head(x).mean(0), alive, counts


def count(model, x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        analysis = FlopCountAnalysis(model, x)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        fvcore = analysis.total()
    # The fused kernel of a CPU is one that torch's counter does not know.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model(x)
    return int(fvcore), counter.get_total_flops()


def case(model, name, items, tokens, threshold, generator):
    width = SIZES["width"]
    x = torch.randn(items, tokens, width, generator=generator)
    parts = [prune(model, one.double(), threshold, "quantile" in name) for one in x]
    longest = max(len(p[2]) for p in parts)
    kept = torch.full((items, longest), -1)
    for b, part in enumerate(parts):
        kept[b, : len(part[2])] = part[2]
    out = {
        "x": x,
        "threshold": torch.tensor([threshold]),
        "pooled": torch.stack([p[0] for p in parts]).float(),
        "class_logits": torch.stack([p[1] for p in parts]).float(),
        "kept": kept,
        "kept_counts": torch.tensor([p[3] for p in parts]).T.contiguous(),
    }
    flops = count(model, x.double())
    out["flops.fvcore"], out["flops.torch"] = (torch.tensor([f]) for f in flops)
    return {f"{name}.{key}": value for key, value in out.items()}


def published():
    model = Encoder(**PUBLISHED).train()  # the fast path is opaque to fvcore
    fvcore, torchs = count(model, torch.zeros(16, 128, 512))
    padded, _ = count(model, torch.zeros(16, 88, 512))
    attention = fvcore + 2 * 2 * 16 * 128 * 128 * 512
    assert fvcore == 12_907_970_560 and attention == 13_444_841_472
    assert abs(torchs / 26.848e9 - 1) < 1e-4 and abs(padded / 8.874e9 - 1) < 1e-4
    numbers = dict(fvcore=fvcore, attention=attention, torch=torchs, padded=padded)
    return {f"published.{key}": torch.tensor([v]) for key, v in numbers.items()}


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    folder = parser.parse_args().outdir / "encoder_tiny"

    torch.set_num_threads(1)
    torch.backends.mha.set_fastpath_enabled(False)
    folder.mkdir(parents=True, exist_ok=True)
    metadata = {"seed": str(SEED)}
    config = {"model_type": "transformer_encoder", "num_attention_heads": SIZES["heads"]}
    (folder / "config.json").write_text(json.dumps(config) + "\n")
    with torch.no_grad():
        model = randomise(Encoder(**SIZES))
        save_file(model.state_dict(), folder / "model.safetensors", metadata=metadata)
        model = model.double().train()
        generator = torch.Generator().manual_seed(SEED + 1)
        out = published()
        for name, (items, tokens, threshold) in CASES.items():
            out |= case(model, name, items, tokens, threshold, generator)
    counts = out["some.kept_counts"]
    assert (counts[0] > counts[1]).any() and len(set(counts[1].tolist())) > 2, counts
    assert (out["one_left.kept_counts"] == 1).any(), out["one_left.kept_counts"]
    save_file(out, folder / "oracle.safetensors", metadata=metadata)


if __name__ == "__main__":
    main()
