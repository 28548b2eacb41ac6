"""Vision towers of Qwen2-VL and Qwen2.5-VL that drop merge units, one picture at a time.

Written from the papers and the design on plain tensors by the hub's names, not from
transformers' modules: with nothing dropped the fixtures assert that both say the same.

A unit is a 2x2 block of patches, four consecutive rows; its score is the mean over its four
patches, and it stays or goes whole. Units keep the order of the model (2.5: by window), and
each keeps its rotary rows. A window is the same window with what is left of it.

Sites: "embed" is before block 0, a number l is block l (from 0). Norms of rows are taken of
the block's input, those of keys and queries of what the block projects, before rotation.
"""

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F

import reduce_rules as rules

UNIT = 4  # patches
EPS = 1e-6


@dataclass
class Trace:
    """What one picture went through; units by their number in the processor's order."""

    counts: list = field(default_factory=list)  # rows that block l's MLP sees
    sites: list = field(default_factory=list)  # (alive, scores, stayed), ascending
    units: list = None  # that stay to the end, ascending
    embed: torch.Tensor = None  # [units, out], ascending


class Rows:
    """The rows alive, x [4 U, D], with the number and the window of each of their U units."""

    def __init__(self, x, turn, units, windows):
        self.x, self.turn, self.units, self.windows = x, turn, units, windows

    def keep(self, at):
        """Only the units at these places."""
        self.x, self.turn = unit_rows(self.x, at), unit_rows(self.turn, at)
        self.units = [self.units[i] for i in at]
        self.windows = [self.windows[i] for i in at]

    def window_rows(self):
        """How many rows each window has left."""
        out = []
        for i, w in enumerate(self.windows):
            if i and self.windows[i - 1] == w:
                out[-1] += UNIT
            else:
                out.append(UNIT)
        return out


class QwenTower:
    """
    `weights`: the tensors of `visual.`, without the prefix. `fused`: attention is one
    operator, which hides its products from what counts them.
    """

    def __init__(self, weights, cfg, fused=False):
        self.w, self.fused = weights, fused
        vision = cfg["vision_config"]
        self.windowed = cfg["model_type"] == "qwen2_5_vl"
        self.depth, self.heads = vision["depth"], vision["num_heads"]
        self.full = vision.get("fullatt_block_indexes", range(self.depth))
        pixels = vision["spatial_merge_size"] * vision["patch_size"]
        self.window = vision.get("window_size", 0) // pixels  # units a side

    @classmethod
    def of_model(cls, model, cfg):
        return cls(dict(model.visual.named_parameters()), cfg)

    def dtype(self):
        return self.w["patch_embed.proj.weight"].dtype

    def linear(self, name, x):
        return F.linear(x, self.w[f"{name}.weight"], self.w.get(f"{name}.bias"))

    def norm(self, name, x):
        w = self.w[f"{name}.weight"]
        if self.windowed:
            return w * (x * torch.rsqrt(x.pow(2).mean(dim=1, keepdim=True) + EPS))
        return F.layer_norm(x, w.shape, w, self.w[f"{name}.bias"], EPS)

    # ---- geometry ----

    def angles(self, units, columns, width, like):
        """[4 U, dh / 2]: h f, then w f, of the patches of these units."""
        patch = torch.arange(UNIT)
        unit = torch.tensor(units)[:, None]
        h = (2 * (unit // columns) + patch // 2).flatten()
        w = (2 * (unit % columns) + patch % 2).flatten()
        # As the model has them: frequencies are fp32.
        f = 1.0 / (10000.0 ** (torch.arange(0, width, 2, dtype=torch.float) / width))
        at = torch.stack([h, w], dim=1).to(like.dtype)
        return (at[:, :, None] * f.to(like.dtype)).flatten(1)

    def start(self, pixels, grid):
        """Every row in the model's order."""
        x = F.linear(pixels, self.w["patch_embed.proj.weight"].flatten(1))
        units, columns = list(range(len(x) // UNIT)), grid[1] // 2
        windows = [0] * len(units)
        if self.windowed:
            across = -(-columns // self.window)
            windows = [
                u // columns // self.window * across + u % columns // self.window for u in units
            ]
            units.sort(key=lambda u: (windows[u], u))
        turn = self.angles(units, columns, x.shape[1] // self.heads // 2, pixels)
        turn = turn.to(x.device)
        return Rows(unit_rows(x, units), turn, units, [windows[u] for u in units])

    # ---- a block ----

    def project(self, layer, which, h):
        """q, k or v: [T, D] -> [H, T, dh]"""
        name, at = f"blocks.{layer}.attn.qkv", "qkv".index(which)
        w, b = (self.w[f"{name}.{p}"].chunk(3)[at] for p in ("weight", "bias"))
        return F.linear(h, w, b).view(len(h), self.heads, -1).transpose(0, 1)

    def mix(self, q, k, v, segments):
        """Attention within each segment of rows: [H, T, dh] -> [T, D]"""
        out = []
        for a, b, c in zip(*(t.split(segments, dim=1) for t in (q, k, v))):
            if self.fused:
                out.append(F.scaled_dot_product_attention(a[None], b[None], c[None])[0])
                continue
            logits = a @ b.transpose(1, 2) * q.shape[2] ** -0.5
            out.append(logits.softmax(dim=-1) @ c)
        return torch.cat(out, dim=1).transpose(0, 1).flatten(1)

    def mlp(self, layer, x):
        name = f"blocks.{layer}.mlp"
        if self.windowed:
            gate = F.silu(self.linear(f"{name}.gate_proj", x))
            return self.linear(f"{name}.down_proj", gate * self.linear(f"{name}.up_proj", x))
        u = self.linear(f"{name}.fc1", x)
        return self.linear(f"{name}.fc2", u * torch.sigmoid(1.702 * u))

    def block(self, layer, rows, plan, site, trace):
        if site and plan.method in rules.NORMS:
            self.drop(rows, rows.x.norm(dim=1), plan, trace)
        h = self.norm(f"blocks.{layer}.norm1", rows.x)
        if site and plan.method in rules.PROJECTED:
            q, k, v = self.drop_projected(layer, rows, h, plan, trace)
        else:
            q, k, v = (self.project(layer, which, h) for which in "qkv")
        segments = [len(rows.x)] if layer in self.full else rows.window_rows()
        mixed = self.mix(turned(q, rows.turn), turned(k, rows.turn), v, segments)
        rows.x = rows.x + self.linear(f"blocks.{layer}.attn.proj", mixed)
        rows.x = rows.x + self.mlp(layer, self.norm(f"blocks.{layer}.norm2", rows.x))
        trace.counts.append(len(rows.x))

    # ---- dropping ----

    def choose(self, scores, plan):
        """Of every unit whether it stays."""
        if plan.method != "aligned":
            return rules.choose(scores, 0, False, plan, False)
        # So many that their rows fill up tiles.
        k = max(1, int(len(scores) * plan.keep))
        step = rules.TILE // UNIT
        return rules.top(scores, min(len(scores), -(-k // step) * step))

    def drop(self, rows, of_rows, plan, trace):
        """By the scores of rows; returns the places of the units that stay."""
        scores = of_rows.view(-1, UNIT).mean(dim=1)
        stays = self.choose(scores, plan)
        order = sorted(range(len(rows.units)), key=lambda i: rows.units[i])
        trace.sites.append(
            (
                [rows.units[i] for i in order],
                scores[order],
                [rows.units[i] for i in order if stays[i]],
            )
        )
        at = [i for i, stay in enumerate(stays) if stay]
        rows.keep(at)
        return at

    def drop_projected(self, layer, rows, h, plan, trace):
        """What the scores need is projected of all rows, the rest of those that stay."""
        first = {w: self.project(layer, w, h) for w in rules.PROJECTED[plan.method]}
        norms = torch.cat([p.norm(dim=2) for p in first.values()])  # [H or 2 H, T]
        at = self.drop(rows, norms.mean(dim=0), plan, trace)
        h = unit_rows(h, at)
        return [
            unit_rows(first[w].transpose(0, 1), at).transpose(0, 1)
            if w in first
            else self.project(layer, w, h)
            for w in "qkv"
        ]

    # ---- the pass ----

    def sites(self, plan):
        sites = set(plan.sites)
        if not sites:
            sites = set(range(self.depth)) if plan.method == "threshold" else {"embed"}
        # Nothing is added to the patches, so the embedding's rows are block 0's input.
        return {0 if site == "embed" else site for site in sites}

    def forward(self, pixels, grid, plan=None):
        """One picture: [h w, row] in the processor's order, grid (h, w) in patches."""
        trace, rows = Trace(), self.start(pixels, grid)
        for layer in range(self.depth):
            site = plan is not None and layer in self.sites(plan)
            self.block(layer, rows, plan, site, trace)
        merged = self.norm("merger.ln_q", rows.x).view(len(rows.units), -1)
        merged = self.linear("merger.mlp.2", F.gelu(self.linear("merger.mlp.0", merged)))
        order = sorted(range(len(rows.units)), key=lambda i: rows.units[i])
        trace.units = [rows.units[i] for i in order]
        trace.embed = merged[order]
        return trace


def unit_rows(x, at):
    """[4 U, ..] -> the four rows of each of these units."""
    return x.unflatten(0, (-1, UNIT))[at].flatten(0, 1)


def turned(x, angles):
    """Rotary: pairs are (i, i + dh / 2); [H, T, dh]"""
    a, b = x.chunk(2, dim=2)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=2)
