#!/usr/bin/env python3
"""A small Mamba checkpoint, in the format of transformers and in its authors'.

    mamba_fixtures.py [OUTDIR]      default: tests/fixtures beside this folder

OUTDIR/mamba_tiny     config.json, model.safetensors, and
    oracle.safetensors    what transformers makes of it (README.md)
    mrss.safetensors      the same with multi-resolution scans, by mamba_mrss.py
OUTDIR/mamba_native   the same weights: a config.json without model_type, pytorch_model.bin
"""

import argparse
import pathlib

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import MambaConfig, MambaForCausalLM

from exact import Exact, doubled
from mamba_mrss import Mamba, choose_factors
from vlm_weights import save_weights, write_json

SEED = 1
CONFIG = {
    "model_type": "mamba",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "state_size": 8,
    "conv_kernel": 4,
    "expand": 2,
    "time_step_rank": 4,
    "vocab_size": 64,
    "layer_norm_epsilon": 1e-5,
    "hidden_act": "silu",
    "use_bias": False,
    "use_conv_bias": True,
    "residual_in_fp32": True,
    "tie_word_embeddings": True,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
NATIVE = {
    "d_model": 32,
    "n_layer": 2,
    "vocab_size": 61,  # padded to 64
    "ssm_cfg": {"d_state": 8, "dt_rank": 4},
    "rms_norm": True,
    "residual_in_fp32": True,
    "fused_add_norm": True,
    "pad_vocab_size_multiple": 8,
}
LENGTHS = {1: 1, 2: 1, 13: 2, 64: 1}  # tokens: items
LAYER = 1  # whose scan is shown
GREEDY = 8
FACTORS = (1, 2, 4, 8)
TAIL = 16  # positions that are kept of 64
GATE_SEED = 3
MOST = 8  # of adaptive


def random_weights(model):
    """Matrices N(0, .3), norms and D 1 + N(0, .1), biases N(0, .1); memories of any length."""
    rng = np.random.default_rng(SEED)
    out = {}
    for name, p in sorted(model.named_parameters()):
        if name == "lm_head.weight":  # tied
            continue
        values = rng.standard_normal(tuple(p.shape), dtype=np.float32)
        if name.endswith("A_log"):
            values = values * 0.3 + np.log(np.arange(1, p.shape[1] + 1, dtype=np.float32))
        elif name.endswith("dt_proj.bias"):
            values = values - 2
        elif p.ndim > 1:
            values = values * 0.3
        else:
            values = values * 0.1 + float(not name.endswith("bias"))
        out[name] = torch.from_numpy(np.asarray(values, dtype=np.float32))
    return out


def make_folders(outdir):
    hf, native = outdir / "mamba_tiny", outdir / "mamba_native"
    model = MambaForCausalLM(MambaConfig(**CONFIG))
    weights = random_weights(model)
    for folder in (hf, native):
        folder.mkdir(parents=True, exist_ok=True)
    write_json(CONFIG, hf / "config.json")
    save_weights(weights, hf / "model.safetensors")
    write_json(NATIVE, native / "config.json")
    named = {k.replace("embeddings", "embedding"): v for k, v in weights.items()}
    named["lm_head.weight"] = named["backbone.embedding.weight"]  # the same storage
    torch.save(named, native / "pytorch_model.bin")
    return hf, weights


def random_ids(length, items):
    rng = np.random.default_rng(100 + length)
    return torch.from_numpy(rng.integers(0, CONFIG["vocab_size"], (items, length)))


def check_steps(model, ids, logits):
    """Token by token transformers says the same as all at once."""
    out = model(ids[:, :1], use_cache=True, cache_position=torch.arange(CONFIG["conv_kernel"]))
    assert torch.allclose(out.logits[:, 0], logits[:, 0], rtol=0, atol=1e-12)
    for t in range(1, ids.shape[1]):
        out = model(
            ids[:, t : t + 1],
            cache_params=out.cache_params,
            use_cache=True,
            cache_position=torch.tensor([CONFIG["conv_kernel"] + t]),
        )
        assert torch.allclose(out.logits[:, 0], logits[:, t], rtol=0, atol=1e-12), t


def greedy(model, ids):
    for _ in range(GREEDY):
        best = model(ids).logits[0, -1].topk(2)
        assert best.values[0] - best.values[1] > 1e-4
        ids = torch.cat([ids, best.indices[:1][None]], 1)
    return ids[0, -GREEDY:]


def make_oracle(folder, model, ours):
    out = {}
    for length, items in LENGTHS.items():
        ids = random_ids(length, items)
        result = model(ids, output_hidden_states=True)
        seen = ours.run(ids)
        assert torch.allclose(seen["logits"], result.logits, rtol=0, atol=1e-11)
        key = f"T{length}."
        out[key + "ids"], out[key + "logits"] = ids, result.logits
        if length == 64:
            check_steps(model, ids[:, :16], result.logits[:, :16])
            out[key + "greedy"] = greedy(model, ids)
        for i in range(CONFIG["num_hidden_layers"]):
            hidden = result.hidden_states[i]  # after layer i; the embeddings are not there
            assert torch.allclose(hidden, seen["hidden"][i], rtol=0, atol=1e-11)
            out[f"{key}hidden.{i}"] = seen["hidden"][i]
        scan = seen["scans"][LAYER]
        out[f"{key}state.{LAYER}"] = scan["state"]
        if length == 13:
            for name in ("delta", "b", "c", "y"):
                out[f"{key}{name}.{LAYER}"] = scan[name]
    save(out, folder / "oracle.safetensors")


def slow_ids():
    """Sequences that change with every token, every second, every eighth, and never."""
    rng = np.random.default_rng(7)
    rows = [np.repeat(rng.integers(0, CONFIG["vocab_size"], 64), n)[:64] for n in (1, 2, 8, 64)]
    return torch.from_numpy(np.stack(rows))


def make_mrss(folder, ours):
    out = {}
    for length in (13, 64):
        ids = random_ids(length, LENGTHS[length])
        for mode in ("low", "both"):
            for r in FACTORS:
                seen = ours.run(ids, mode, [r] * len(ids), GATE_SEED)
                out[f"{mode}.{r}.T{length}"] = seen["logits"][:, -TAIL:]
                if r == 1:
                    assert torch.allclose(seen["logits"], ours.run(ids)["logits"])
    ids = slow_ids()
    factors = choose_factors(ours.embed(ids), MOST)
    assert len(set(factors)) > 2, factors
    out["adaptive.ids"] = ids
    out["adaptive.factors"] = torch.tensor(factors)
    out["adaptive.logits"] = ours.run(ids, "low", factors)["logits"][:, -TAIL:]
    out["gate_mean"] = torch.tensor([ours.gates(GATE_SEED).mean()])
    save(out, folder / "mrss.safetensors")


def save(tensors, path):
    arrays = {k: v.contiguous().numpy() for k, v in tensors.items()}
    narrow = {k: a if a.dtype == np.int64 else a.astype(np.float32) for k, a in arrays.items()}
    save_file(narrow, path, {"seed": str(SEED)})


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    outdir = parser.parse_args().outdir

    torch.set_num_threads(1)
    folder, weights = make_folders(outdir)
    model, ours = doubled(load_model(folder)), Mamba(weights, CONFIG)
    with torch.no_grad(), Exact():
        make_oracle(folder, model, ours)
        make_mrss(folder, ours)


def load_model(folder):
    model = MambaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    assert torch.equal(model.lm_head.weight, model.backbone.embeddings.weight)
    return model


if __name__ == "__main__":
    main()
