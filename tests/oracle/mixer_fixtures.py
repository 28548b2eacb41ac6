#!/usr/bin/env python3
"""One selective-scan mixer and one causal attention, alone.

    mixer_fixtures.py [OUTDIR]      default: tests/fixtures beside this folder

OUTDIR/scan_mixer, OUTDIR/attention_mixer: config.json, model.safetensors, oracle.safetensors

    T.x                F32 [B, T, D], the input of a length T
    T.y                [B, T, D], what the mixer makes of it
    T.MODE.R           scan: the same with a multi-resolution scan, MODE low or both
    adaptive.x, .y     scan: a factor for each item, I64 `adaptive.factors` [B]
    gate_mean          scan: [1], of `both`
    state              scan: F32 [1, E, N], after all rows of length 64
"""

import argparse
import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from transformers import MambaConfig
from transformers.models.mamba.modeling_mamba import MambaMixer

from exact import Exact
from mamba_mrss import Mamba, choose_factors

SEED = 1
GATE_SEED = 3
LENGTHS = {1: 2, 2: 1, 13: 2, 64: 1}  # rows: items
FACTORS = (1, 2, 4, 8)
MOST = 8  # of adaptive
SCAN = {
    "model_type": "scan_mixer",
    "hidden_size": 16,
    "state_size": 4,
    "conv_kernel": 4,
    "expand": 2,
    "time_step_rank": 3,
}
ATTENTION = {"model_type": "attention_mixer", "hidden_size": 24, "num_attention_heads": 3}


def random_input(length, items, width):
    rng = np.random.default_rng([SEED, length])
    return rng.standard_normal((items, length, width)).astype(np.float32)


def save(folder, config, weights, out):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config) + "\n")
    metadata = {"seed": str(SEED)}
    arrays = {k: np.ascontiguousarray(v) for k, v in out.items()}
    narrow = {k: a if a.dtype == np.int64 else a.astype(np.float32) for k, a in arrays.items()}
    save_file(weights, folder / "model.safetensors", metadata=metadata)
    save_file(narrow, folder / "oracle.safetensors", metadata=metadata)


# ---- the scan ----


def scan_weights():
    """As of a Mamba: matrices N(0, .3), biases N(0, .1), memories of any length."""
    d, n, r = SCAN["hidden_size"], SCAN["state_size"], SCAN["time_step_rank"]
    e = SCAN["expand"] * d
    rng = np.random.default_rng([SEED, 9])
    shapes = {
        "in_proj.weight": (2 * e, d),
        "conv1d.weight": (e, 1, SCAN["conv_kernel"]),
        "conv1d.bias": (e,),
        "x_proj.weight": (r + 2 * n, e),
        "dt_proj.weight": (e, r),
        "dt_proj.bias": (e,),
        "A_log": (e, n),
        "D": (e,),
        "out_proj.weight": (d, e),
    }
    out = {}
    for name, shape in shapes.items():
        values = rng.standard_normal(shape) * (0.1 if name.endswith("bias") else 0.3)
        if name == "A_log":
            values += np.log(np.arange(1, n + 1))
        if name == "dt_proj.bias":
            values -= 2
        if name == "D":
            values += 1
        out[f"mixer.{name}"] = values.astype(np.float32)
    return out


def published(weights):
    """transformers' own mixer in fp64."""
    config = MambaConfig(
        hidden_size=SCAN["hidden_size"],
        state_size=SCAN["state_size"],
        conv_kernel=SCAN["conv_kernel"],
        expand=SCAN["expand"],
        time_step_rank=SCAN["time_step_rank"],
    )
    mixer = MambaMixer(config, layer_idx=0).double().eval()
    state = {k.removeprefix("mixer."): torch.from_numpy(v).double() for k, v in weights.items()}
    mixer.load_state_dict(state)
    return mixer


def ours_of(weights):
    config = dict(SCAN, num_hidden_layers=1, layer_norm_epsilon=0)
    named = {f"backbone.layers.0.{k}": torch.from_numpy(v) for k, v in weights.items()}
    return Mamba(named, config)


def make_scan(folder):
    weights = scan_weights()
    mixer, ours = published(weights), ours_of(weights)
    gate = ours.gates(GATE_SEED)[0]

    def mix(x, mode="off", factors=None):
        rows = [ours.mix(item, 0, mode, factors[b] if factors else 1, gate) for b, item in enumerate(x)]
        return torch.stack([y for y, _ in rows]), rows[0][1]

    out = {"gate_mean": np.array([gate.mean().item()])}
    for length, items in LENGTHS.items():
        x = torch.from_numpy(random_input(length, items, SCAN["hidden_size"]))
        out[f"{length}.x"] = x.numpy()
        x = x.double()
        y, scan = mix(x)
        assert torch.allclose(mixer.slow_forward(x), y, rtol=0, atol=1e-12)
        out[f"{length}.y"] = y.numpy()
        if length == 64:
            out["state"] = scan["state"][None].numpy()
        for mode in ("low", "both"):
            for r in FACTORS:
                out[f"{length}.{mode}.{r}"] = mix(x, mode, [r] * items)[0].numpy()
    x, factors = slow_rows()
    out["adaptive.x"], out["adaptive.factors"] = x.numpy(), np.array(factors)
    out["adaptive.y"] = mix(x.double(), "low", factors)[0].numpy()
    save(folder, SCAN, weights, out)


def slow_rows():
    """Sequences that change with every row, every second, every eighth, and never."""
    rng = np.random.default_rng([SEED, 7])
    width = SCAN["hidden_size"]
    rows = [
        np.repeat(rng.standard_normal((64, width)), n, axis=0)[:64] for n in (1, 2, 8, 64)
    ]
    x = torch.from_numpy(np.stack(rows).astype(np.float32))
    factors = choose_factors(x.double(), MOST)
    assert len(set(factors)) > 2, factors
    return x, factors


# ---- attention ----


def make_attention(folder):
    d, heads = ATTENTION["hidden_size"], ATTENTION["num_attention_heads"]
    rng = np.random.default_rng([SEED, 10])
    names = ("q_proj", "k_proj", "v_proj", "o_proj")
    weights = {
        f"attn.{n}.weight": (rng.standard_normal((d, d)) * 0.3).astype(np.float32) for n in names
    }
    w = {n: torch.from_numpy(weights[f"attn.{n}.weight"]).double() for n in names}
    out = {}
    for length, items in LENGTHS.items():
        x = torch.from_numpy(random_input(length, items, d))
        out[f"{length}.x"] = x.numpy()
        x = x.double()
        q, k, v = ((x @ w[n].T).unflatten(-1, (heads, -1)).transpose(1, 2) for n in names[:3])
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        out[f"{length}.y"] = (y.transpose(1, 2).flatten(2) @ w["o_proj"].T).numpy()
    save(folder, ATTENTION, weights, out)


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    outdir = parser.parse_args().outdir

    torch.set_num_threads(1)
    with torch.no_grad(), Exact():
        make_scan(outdir / "scan_mixer")
        make_attention(outdir / "attention_mixer")


if __name__ == "__main__":
    main()
