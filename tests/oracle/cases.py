"""Cases: settings of the program's knobs, and the tensors that each of them gives.

A case is a dict of knobs by their option's name, those at their default left out. A
fixture is two files: STEM.json lists the cases, STEM.safetensors has `pixel_values` and,
per case, NAME.KEY (README.md). The tests iterate the list, so a case is added here only.
"""

import copy
import json
import sys

import numpy as np
import torch
from safetensors.torch import save_file

import reduce_rules as rules
from tower import Plan, Tower


def case(method="", sites="", keep=1.0, summary="off", **more):
    knobs = {}
    if method:
        knobs["method"] = method
    if sites:
        knobs["prune-at"] = sites
    if keep < 1:
        knobs["keep"] = str(keep)
    if summary != "off":
        knobs["summary"] = summary
    for key, value in more.items():
        knobs[key.replace("_", "-")] = str(value)
    return knobs


def name_of(knobs):
    """The values in order, "knorm.1+3.0.7.dropped"; numbers that need it with their knob."""
    named = ("threshold", "image-size", "rank")
    return ".".join(f"{k}.{v}" if k in named else v for k, v in knobs.items()) or "dense"


def plan_of(knobs):
    at = knobs.get("prune-at", "")
    threshold = knobs.get("threshold")
    plan = Plan(
        method=knobs.get("method", "none" if threshold is None else "threshold"),
        sites=tuple(s if s == "embed" else int(s) for s in at.split("+")) if at else (),
        keep=float(knobs.get("keep", 1)),
        summary=knobs.get("summary", "off"),
        merge_r=int(knobs.get("merge-r", 0)),
        threshold=None if threshold is None else float(threshold),
        quantile=knobs.get("threshold-scale") == "quantile",
        rank=int(knobs.get("rank", 0)),
    )
    if plan.method == "none" and plan.keep < 1:
        plan.method = "l2"
    return plan


def padded(lists, dtype=torch.int64):
    """Ragged lists as one tensor [B, longest], -1 behind the end."""
    longest = max(len(x) for x in lists)
    return torch.tensor([list(x) + [-1] * (longest - len(x)) for x in lists], dtype=dtype)


def stages(traces):
    """One tensor per fact, the items of the batch stacked."""
    out = {"image_embeds": torch.stack([t.embed for t in traces])}
    counts = torch.tensor([t.counts for t in traces])
    out["counts"] = counts
    if (counts == counts[0]).all():
        out["hidden"] = torch.stack([t.hidden[-1] for t in traces])
    out["kept"] = padded([t.kept for t in traces])
    for i in range(len(traces[0].groups)):
        out[f"groups.{i}"] = torch.tensor([t.groups[i] for t in traces])
        out[f"sizes.{i}"] = torch.stack([t.sizes[i] for t in traces]).long()
    for i in range(len(traces[0].sites)):
        alive, scores, stayed = zip(*(t.sites[i] for t in traces))
        out[f"site.{i}.alive"] = padded(alive)
        out[f"site.{i}.scores"] = padded(scores, torch.float64)
        out[f"site.{i}.stayed"] = padded(stayed)
    return out


def compute(tower, pixels, plan):
    return stages([tower.forward(item, plan) for item in pixels])


def agree(exact, single, what):
    """fp32 decides as fp64 does; returns how far its values are off."""
    worst = 0.0
    for key, value in exact.items():
        if value.dtype == torch.int64:
            assert torch.equal(value, single[key]), f"{what}: fp32 has another {key}"
        else:
            largest = value.abs().max().clamp_min(1e-30)
            worst = max(worst, ((value - single[key]).abs().max() / largest).item())
    return worst


def stored(value):
    dtype = torch.int64 if value.dtype == torch.int64 else torch.float32
    return value.to(dtype).contiguous()


def compute_cases(model, pixels, cases):
    """
    The passes run in fp64 and are rounded once, at the end; an fp32 pass has to take the
    same decisions. `pixels`: by image size, the model's own first.
    """
    exact, single = Tower(copy.deepcopy(model).double()), Tower(model)
    own = next(iter(pixels))
    tensors = {
        "pixel_values" + ("" if size == own else f".{size}"): p for size, p in pixels.items()
    }
    worst = 0.0
    for knobs in cases:
        name, plan = name_of(knobs), plan_of(knobs)
        batch = pixels[int(knobs.get("image-size", own))]
        try:
            values = compute(exact, batch.double(), plan)
        except rules.NearTie as tie:
            sys.exit(f"{name}: {tie}")
        worst = max(worst, agree(values, compute(single, batch, plan), name))
        for key, value in values.items():
            tensors[f"{name}.{key}"] = stored(value)
    return tensors, worst


def random_pixels(size, batch, seed):
    rng = np.random.default_rng([seed, 1])  # not the weights' stream
    return torch.from_numpy(rng.standard_normal((batch, 3, size, size), dtype=np.float32))


def check_dense(model, pixels, transformers, what):
    """Nothing dropped has to be the model that transformers runs: transformers(model, pixels)."""
    for m, p, tolerance in (
        (model, pixels, 2e-6),
        (copy.deepcopy(model).double(), pixels.double(), 1e-12),
    ):
        ours, theirs = compute(Tower(m), p, Plan())["image_embeds"], transformers(m, p)
        error = (ours - theirs).abs().max().item()
        assert error <= tolerance, f"{what}: differs from transformers by {error:.2e}"


def write(folder, stem, tensors, cases, seed):
    # One metadata key only: safetensors writes several in a random order.
    save_file(tensors, folder / f"{stem}.safetensors", metadata={"seed": str(seed)})
    lines = ",\n".join("  " + json.dumps({"name": name_of(c), "knobs": c}) for c in cases)
    (folder / f"{stem}.json").write_text("[\n" + lines + "\n]\n")


def make_cases(folder, stem, model, pixels, cases, seed):
    assert len({name_of(c) for c in cases}) == len(cases), "two cases of one name"
    tensors, worst = compute_cases(model, pixels, cases)
    write(folder, stem, tensors, cases, seed)
    print(f"{folder.name}/{stem}: {len(cases)} cases; fp32 is off by {worst:.1e} of max")
