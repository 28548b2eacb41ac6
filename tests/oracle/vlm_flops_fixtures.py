#!/usr/bin/env python3
"""What two tools count for a picture and a prompt in vision-language models.

    vlm_flops_fixtures.py [OUTDIR]   default: tests/fixtures beside this folder

OUTDIR/flops_vlm.json: per row a model, a grid in patches, knobs, and the counts of
    torch    torch.utils.flop_counter.FlopCounterMode, attention written as products
    mac      half of that: multiply-adds
    fvcore   fvcore.nn.FlopCountAnalysis, attention one operator, which fvcore skips
The models of published size are on the meta device: counts need no numbers. Published
figures are asserted here.
"""

import argparse
import copy
import json
import logging
import pathlib
import warnings

import torch
from fvcore.nn import FlopCountAnalysis
from torch.utils.flop_counter import FlopCounterMode

import qwen_configs as configs
import qwen_fixtures as qwen
import reduce_rules
from cases import case, name_of, plan_of
from qwen_tower import QwenTower

PATCH = dict(in_chans=3, patch_size=14, spatial_merge_size=2, temporal_patch_size=2)
QWEN2_2B = configs.config(
    "qwen2_vl",
    configs.language(1536, 12, 2, 8960, 28, [16, 24, 24]),
    configs.vision2(32, 1280, 16, 4, 1536) | PATCH,
    tied=True,
) | {"vocab_size": 151936}
QWEN25_3B = configs.config(
    "qwen2_5_vl",
    configs.language(2048, 16, 2, 11008, 36, [16, 24, 24]),
    configs.vision25(32, 1280, 16, 3420, [7, 15, 23, 31], 2048) | {"window_size": 112} | PATCH,
    tied=True,
) | {"vocab_size": 151936}
DROPPED = [case("l2", "embed", k) for k in (0.7, 0.5)] + [
    case("knorm", "embed", 0.5),
    case("kqnorm", "8+16", 0.7),
]

# model: (config.json, grids, knobs beside the dense tower, (grid, text tokens) of prompts).
# What is left of 2.5's windows depends on which units go: no knobs there.
MODELS = {
    "qwen2_tiny": (configs.QWEN2_TINY, ((8, 8), (6, 10), (4, 14)), (), ((6, 10), 14)),
    "qwen25_tiny": (
        configs.QWEN25_TINY,
        ((16, 16), (10, 14), (12, 22), (6, 4)),
        (),
        ((10, 14), 14),
    ),
    "Qwen2-VL-2B": (QWEN2_2B, ((16, 16), (36, 36), (64, 64)), DROPPED, ((16, 16), 36)),
    "Qwen2.5-VL-3B": (QWEN25_3B, ((16, 16), (22, 34)), (), ((22, 34), 36)),
}
PUBLISHED = {("Qwen2-VL-2B", "16x16"): 169.0, ("Qwen2-VL-2B", "36x36"): 966.0}  # GMAC


class FirstUnits(QwenTower):
    """Keeps as many as the rule says, the first ones: numbers are not there to choose by."""

    def choose(self, scores, plan):
        k = max(1, int(len(scores) * plan.keep))
        return [i < k for i in range(len(scores))]


class Picture(torch.nn.Module):
    def __init__(self, visual, tower, grid, plan):
        super().__init__()
        self.visual = visual  # the tracer has to know whose the tensors are
        self.tower, self.grid, self.plan = tower, grid, plan

    def forward(self, pixels):
        return self.tower.forward(pixels, self.grid, self.plan).embed


class Angles(torch.nn.Module):
    """Stands for M-RoPE's, which transformers writes as products; a program need not."""

    def __init__(self, width):
        super().__init__()
        self.width = width

    def forward(self, x, positions):
        angles = x.new_zeros(*positions.shape, self.width)
        return angles, angles


class Language(torch.nn.Module):
    """Layers, and the head over the last `rows` rows."""

    def __init__(self, model, rows):
        super().__init__()
        self.layers, self.head, self.rows = model.language_model, model.lm_head, rows
        self.layers.rotary_emb = Angles(self.layers.layers[0].self_attn.head_dim)

    def forward(self, x, positions):
        out = self.layers(inputs_embeds=x, position_ids=positions, use_cache=False)
        return self.head(out.last_hidden_state[:, -self.rows :])


def counted(module, *inputs):
    with FlopCounterMode(display=False) as counter:
        module(*inputs)
    return int(counter.get_total_flops())


def traced(module, *inputs):
    analysis = FlopCountAnalysis(module, inputs)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return int(analysis.total())


def numbers(torch_flops, fvcore):
    assert torch_flops % 2 == 0
    return {"torch": torch_flops, "mac": torch_flops // 2, "fvcore": fvcore}


def blank(cfg, attention):
    kind = configs.MODELS[cfg["model_type"]]
    with torch.device("meta"):
        model = kind._from_config(
            kind.config_class(**copy.deepcopy(cfg)),
            attn_implementation=attention,
            dtype=torch.float32,
        )
    return model.eval()


def tower_row(cfg, model, grid, knobs):
    weights = dict(model.visual.named_parameters())
    width = model.visual.patch_embed.proj.weight[0].numel()
    pixels = torch.empty(grid[0] * grid[1], width, device="meta")
    plan = plan_of(knobs)
    written, fused = (
        Picture(model.visual, FirstUnits(weights, cfg, f), grid, plan) for f in (False, True)
    )
    return numbers(counted(written, pixels), traced(fused, pixels))


def check_tower(cfg, grid, got):
    """Our pass multiplies what transformers' modules multiply."""
    with torch.device("cpu"):
        kind = configs.MODELS[cfg["model_type"]]
        model = kind._from_config(
            kind.config_class(**copy.deepcopy(cfg)), attn_implementation="eager"
        )
    pixels = qwen.random_patches(cfg, grid, 0)
    with FlopCounterMode(display=False) as counter:
        model.visual(pixels, grid_thw=qwen.thw(grid))
    assert counter.get_total_flops() == got, f"{grid}: {counter.get_total_flops()}, ours {got}"


def language_row(cfg, tokens, rows):
    x = torch.empty(1, tokens, cfg["hidden_size"], device="meta")
    positions = torch.empty(3, 1, tokens, dtype=torch.int64, device="meta")
    out = []
    for attention, count in (("eager", counted), ("sdpa", traced)):
        out.append(count(Language(blank(cfg, attention), rows), x, positions))
    return numbers(*out)


def rows_of(name, cfg, grids, dropped, prompt):
    model = blank(cfg, "eager")
    for grid in grids:
        for knobs in [case(), *dropped]:
            row = tower_row(cfg, model, grid, knobs)
            if not knobs and name.endswith("tiny"):
                check_tower(cfg, grid, row["torch"])
            at = dict(model=name, part="visual", grid=qwen.name_of(grid))
            yield at | dict(name=name_of(knobs), knobs=knobs) | row
    grid, text = prompt
    tokens = grid[0] * grid[1] // 4 + text
    for rows in (tokens, 1):
        at = dict(model=name, part="language", grid=qwen.name_of(grid), prompt=tokens)
        yield at | dict(logits=rows) | language_row(cfg, tokens, rows)


def check_published(row):
    if row["part"] == "visual" and not row["knobs"]:
        want = PUBLISHED.get((row["model"], row["grid"]))
        got = row["mac"] / 1e9
        assert want is None or abs(got - want) < 0.051, f"{row}: published {want}"


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    outdir = parser.parse_args().outdir

    warnings.simplefilter("ignore")  # the tracer's: decisions are taken in Python
    logging.disable(logging.WARNING)
    reduce_rules.MIN_GAP = -1.0
    rows = []
    with torch.no_grad():
        for name, of in MODELS.items():
            for row in rows_of(name, *of):
                check_published(row)
                rows.append(row)
                print(json.dumps(row), flush=True)
    text = ",\n".join("  " + json.dumps(row) for row in rows)
    (outdir / "flops_vlm.json").write_text("[\n" + text + "\n]\n")


if __name__ == "__main__":
    main()
