"""Mamba with multi-resolution scans, on plain tensors in fp64, one token after the other.

Written from models/mrss.h's rules and the paper, without transformers; `mamba_fixtures.py`
asserts that it is transformers' own where every token is scanned.
"""

import numpy as np
import torch
import torch.nn.functional as F

MASK = (1 << 64) - 1
HELD_MOST = 0.5  # of the variance may be lost


def rng_key(seed, name):
    h = 0xCBF29CE484222325 ^ seed
    for byte in name.encode():
        h = ((h ^ byte) * 0x100000001B3) & MASK
    h = ((h ^ (h >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    h = ((h ^ (h >> 27)) * 0x94D049BB133111EB) & MASK
    return h ^ (h >> 31)


def rng_uniform(key, n):
    x = np.arange(n, dtype=np.uint64)

    def low(v):
        return v & np.uint64(0xFFFFFFFF)

    x = low(low(x * np.uint64(0x9E3779B9)) + np.uint64(key & 0xFFFFFFFF))
    x ^= x >> np.uint64(16)
    x = low(x * np.uint64(0x85EBCA6B))
    x ^= x >> np.uint64(13)
    x ^= np.uint64(key >> 32)
    x = low(x * np.uint64(0xC2B2AE35))
    x ^= x >> np.uint64(16)
    return (x >> np.uint64(8)).astype(np.float64) * 2.0**-24


def choose_factors(x, most):
    """Adaptive: of each item of x [B, T, D] the largest factor up to `most` with which holding
    every r-th row loses at most half of the variance. None is a close call."""
    factors = []
    for item in x:
        variance = float(((item - item.mean(0)) ** 2).sum())
        lost = {1: 0.0}
        for r in (2, 4, 8, 16):
            held = item[torch.arange(len(item)) // r * r]
            lost[r] = float(((item - held) ** 2).sum())
        varies = variance > 1e-9
        assert not varies or all(abs(e / variance - HELD_MOST) > 1e-2 for e in lost.values())
        good = [r for r, e in lost.items() if e <= HELD_MOST * variance + 1e-9 and r <= most]
        factors.append(max(good))
    return factors


class Mamba:
    def __init__(self, weights, config):
        self.w = {name: value.double() for name, value in weights.items()}
        self.layers = config["num_hidden_layers"]
        self.rank, self.states = config["time_step_rank"], config["state_size"]
        self.kernel = config["conv_kernel"]
        self.eps = config["layer_norm_epsilon"]
        self.inner = config["expand"] * config["hidden_size"]

    def embed(self, ids):
        return self.w["backbone.embeddings.weight"][ids]

    def norm(self, x, name):
        return x / torch.sqrt((x * x).mean(-1, keepdim=True) + self.eps) * self.w[name]

    def gates(self, seed):
        rows = [rng_uniform(rng_key(seed, f"mrss.gate.{i}"), self.inner) for i in range(self.layers)]
        return torch.sigmoid(torch.from_numpy(np.stack(rows)) * 4 - 2)

    def scan(self, u, layer, step):
        """u [T, E] of one item; `step` tokens a row."""

        def w(name):
            return self.w[f"backbone.layers.{layer}.mixer.{name}"]

        padded = torch.cat([torch.zeros(self.kernel - 1, self.inner, dtype=u.dtype), u])
        taps = [padded[j : j + len(u)] * w("conv1d.weight")[:, 0, j] for j in range(self.kernel)]
        u = F.silu(w("conv1d.bias") + sum(taps))
        dt, b, c = (u @ w("x_proj.weight").T).split([self.rank, self.states, self.states], -1)
        delta = F.softplus(dt @ w("dt_proj.weight").T + w("dt_proj.bias"))
        a = -torch.exp(w("A_log"))
        state = torch.zeros(self.inner, self.states, dtype=u.dtype)
        rows = []
        for t in range(len(u)):
            d = step * delta[t][:, None]
            state = torch.exp(d * a) * state + d * u[t][:, None] * b[t]
            rows.append(state @ c[t] + w("D") * u[t])
        return {"delta": delta, "b": b, "c": c, "y": torch.stack(rows), "state": state}

    def mix(self, h, layer, mode, r, gate):
        """One item, h [T, D] -> what is added to the residual, and the scan over all rows."""
        prefix = f"backbone.layers.{layer}.mixer."
        u, z = (h @ self.w[prefix + "in_proj.weight"].T).chunk(2, -1)
        shown = low = None
        if mode != "low":
            shown = self.scan(u, layer, 1)
            y = shown["y"]
        if mode != "off":
            low = self.scan(u[::r], layer, r)["y"].repeat_interleave(r, 0)[: len(u)]
        if mode == "low":
            y = low
        elif mode == "both":
            y = gate * low + (1 - gate) * y
        return (y * F.silu(z)) @ self.w[prefix + "out_proj.weight"].T, shown

    def run(self, ids, mode="off", factors=None, seed=0):
        items = [self.run_item(row, mode, factors[b] if factors else 1, seed) for b, row in enumerate(ids)]
        out = {"logits": torch.stack([i["logits"] for i in items])}
        out["hidden"] = [torch.stack([i["hidden"][n] for i in items]) for n in range(self.layers)]
        if mode == "off":
            out["scans"] = [
                {k: torch.stack([i["scans"][n][k] for i in items]) for k in items[0]["scans"][n]}
                for n in range(self.layers)
            ]
        return out

    def run_item(self, ids, mode, r, seed):
        gates = self.gates(seed)
        x = self.embed(ids)
        hidden, scans = [], []
        for i in range(self.layers):
            h = self.norm(x, f"backbone.layers.{i}.norm.weight")
            added, shown = self.mix(h, i, mode, r, gates[i])
            x = x + added
            hidden.append(x)
            scans.append(shown)
        logits = self.norm(x, "backbone.norm_f.weight") @ self.w["backbone.embeddings.weight"].T
        return {"logits": logits, "hidden": hidden, "scans": scans}
