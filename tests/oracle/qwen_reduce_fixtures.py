#!/usr/bin/env python3
"""Every way to drop merge units, on the checkpoints of qwen_fixtures.py.

    qwen_reduce_fixtures.py [OUTDIR]     default: tests/fixtures beside this folder

In the folders of qwen2_tiny and qwen25_tiny, as STEM.json and STEM.safetensors (cases.py):
    cases     one picture, every method
    ragged    2.5: one whose windows are cut off at two sides
    batch     two pictures of one pass, each with its own decision
    prompt    the tower, and the language model over the tokens that are left
The rules are in reduce_rules.py, the pass is in qwen_tower.py.
"""

import argparse
import contextlib
import json
import pathlib
import sys

import torch

import qwen_configs as configs
import qwen_fixtures as qwen
import reduce_rules as rules
import vlm_weights as weights
from cases import agree, case, name_of, padded, plan_of, stored, write
from exact import Exact, doubled
from qwen_tower import UNIT, QwenTower


def every_method(layers):
    """`layers`: two numbers, the second one's method is applied to what the first one left."""
    one, two = layers.split("+")
    yield case("none")
    for method in ("l2", "knorm", "qnorm", "kqnorm", "aligned"):
        yield case(method, "embed", 0.7)
        yield case(method, "embed", 0.5)
        yield case(method, layers, 0.7)
    for keep in (0.7, 0.5):
        yield case("adaptive", "embed", keep)
    yield case("l2", one, 0.5)
    yield case("knorm", two, 0.5)
    yield case("aligned", "embed", 0.9)
    for method in ("l2", "kqnorm"):
        yield case(method, "embed", 0.01)


def thresholds(*absolute):
    for q in (0, 0.3, 0.5):
        yield case(threshold=q, threshold_scale="quantile")
    for t in absolute:
        yield case(threshold=t)


def some():
    yield case("none")
    for method in ("l2", "knorm", "aligned", "adaptive"):
        yield case(method, "embed", 0.5)
    yield case("kqnorm", "1+2", 0.5)
    yield case(threshold=0.3, threshold_scale="quantile")


def on_ragged():
    yield case("none")
    for method in ("l2", "knorm", "aligned"):
        yield case(method, "embed", 0.7)
        yield case(method, "2+3", 0.5)
    yield case("qnorm", "0+1+2+3", 0.7)
    yield case("kqnorm", "1", 0.5)
    yield case("adaptive", "embed", 0.5)
    yield case("l2", "embed", 0.01)
    yield from thresholds(9.5)


def prompted():
    yield case("l2", "embed", 0.5)
    yield case("knorm", "2", 0.7)


# folder: {stem: (grids, cases)}; `prompt` is apart, its grid is that of P.
FIXTURES = {
    "qwen2_tiny": {
        "cases": (((6, 10),), [*every_method("1+2"), *thresholds(0, 11.2, 12.5, 1000)]),
        "batch": (((6, 10), (4, 14)), list(some())),
    },
    "qwen25_tiny": {
        "cases": (((16, 16),), [*every_method("1+2"), *thresholds(9.8, 1000)]),
        "ragged": (((10, 14),), list(on_ragged())),
        "batch": (((10, 14), (6, 4)), list(some())),
    },
}


# ---- one case ----


def stages(traces):
    """One tensor per fact; an item is a picture, its units and patches count from 0."""
    patches = [[UNIT * u + j for u in t.units for j in range(UNIT)] for t in traces]
    out = {
        "image_embeds": torch.cat([t.embed for t in traces]),
        "counts": torch.tensor([t.counts for t in traces]),
        "kept": padded(patches),
    }
    for i in range(len(traces[0].sites)):
        alive, scores, stayed = zip(*(t.sites[i] for t in traces))
        out[f"site.{i}.alive"] = padded(alive)
        out[f"site.{i}.scores"] = padded(scores, torch.float64)
        out[f"site.{i}.stayed"] = padded(stayed)
    return out


def compute(tower, rows, grids, plan):
    items = torch.split(rows, [h * w for h, w in grids])
    return stages([tower.forward(r, g, plan) for r, g in zip(items, grids)])


class Prompt:
    """The language model over text and the image tokens that are left of one picture.

    A token that stays has the position that it has among all; the text keeps its own.
    """

    def __init__(self, model, ids, grid):
        self.model, self.ids = model, ids
        self.positions = qwen.positions_of(model, ids, (grid,))

    def run(self, kept, images):
        """`kept`: patches; `images` [units, D]."""
        alive = torch.ones(len(self.ids), dtype=torch.bool)
        places = (self.ids == configs.IMAGE).nonzero().flatten()
        alive[places] = False
        alive[places[kept[::UNIT] // UNIT]] = True
        ids, positions = self.ids[alive], self.positions[:, alive]
        x = qwen.input_embeds(self.model, ids, images)
        logits = qwen.language(self.model, x, positions)[1]
        greedy = self.greedy(ids, positions, images)
        return {"ids": ids, "positions": positions, "logits": logits, "greedy": greedy}

    def greedy(self, ids, positions, images):
        def logits(ids, positions):
            x = qwen.input_embeds(self.model, ids, images)
            return qwen.language(self.model, x, positions)[1][-1]

        for _ in range(qwen.NEW_TOKENS):
            ids = torch.cat([ids, qwen.likeliest(logits(ids, positions))])
            positions = torch.cat([positions, positions.max().expand(3, 1) + 1], dim=1)
        return ids[-qwen.NEW_TOKENS :]


# ---- fixtures ----


class Side:
    """What runs a case in one precision: the tower, and for `prompt` the language model."""

    def __init__(self, tower, prompt=None):
        self.tower, self.prompt = tower, prompt

    def run(self, rows, grids, knobs):
        rows = rows.to(self.tower.dtype())
        out = compute(self.tower, rows, grids, plan_of(knobs))
        if self.prompt:
            with Exact() if rows.dtype == torch.float64 else contextlib.nullcontext():
                out |= self.prompt.run(out["kept"][0], out["image_embeds"])
        return out


def compute_cases(exact, single, rows, grids, cases):
    tensors, worst = {"pixel_values": rows, "grid_thw": qwen.thw(*grids)}, 0.0
    for knobs in cases:
        name = name_of(knobs)
        try:
            values = exact.run(rows, grids, knobs)
        except rules.NearTie as tie:
            sys.exit(f"{name}: {tie}")
        worst = max(worst, agree(values, single.run(rows, grids, knobs), name))
        tensors |= {f"{name}.{key}": stored(value) for key, value in values.items()}
    return tensors, worst


def check_dense(folder, exact, rows, grids):
    """Nothing dropped has to be what transformers made of it."""
    ours, oracle = exact.run(rows, grids, case("none")), qwen.load_oracle(folder)
    theirs = torch.cat([oracle[f"{qwen.name_of(g)}.merged"] for g in grids])
    qwen.check_close(ours["image_embeds"], theirs, folder.name, 1e-6)
    if exact.prompt:
        qwen.check_close(ours["logits"], oracle["P.logits"], folder.name, 1e-6)
        for key in ("ids", "positions", "greedy"):
            assert torch.equal(ours[key], oracle[f"P.{key}"]), key


def make_stem(folder, stem, sides, cfg, seed, grids, cases):
    assert len({name_of(c) for c in cases}) == len(cases), "two cases of one name"
    rows = torch.cat([qwen.random_patches(cfg, g, seed) for g in grids])
    check_dense(folder, sides[0], rows, grids)
    tensors, worst = compute_cases(*sides, rows, grids, cases)
    if sides[0].prompt:
        tensors["ids"] = sides[0].prompt.ids
    write(folder, stem, tensors, cases, seed)
    print(f"{folder.name}/{stem}: {len(cases)} cases; fp32 is off by {worst:.1e} of max")


def make_fixture(folder, stems):
    cfg, seed, _, _, grid = qwen.FIXTURES[folder.name]
    assert cfg == json.loads((folder / "config.json").read_text())
    single = weights.load(configs.MODELS[cfg["model_type"]], folder)
    models = (doubled(single), single)
    towers = [QwenTower.of_model(m, cfg) for m in models]
    for stem, (grids, cases) in stems.items():
        make_stem(folder, stem, [Side(t) for t in towers], cfg, seed, grids, cases)
    ids = qwen.prompt((grid,), seed)
    sides = [Side(t, Prompt(m, ids, grid)) for t, m in zip(towers, models)]
    make_stem(folder, "prompt", sides, cfg, seed, (grid,), list(prompted()))


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    outdir = parser.parse_args().outdir

    torch.set_num_threads(1)
    with torch.no_grad():
        for name, stems in FIXTURES.items():
            make_fixture(outdir / name, stems)


if __name__ == "__main__":
    main()
