#!/usr/bin/env python3
"""Every way to drop and merge tokens, on small CLIP checkpoints.

    reduce_fixtures.py [OUTDIR]      default: tests/fixtures beside this folder
    reduce_fixtures.py --trace FOLDER CASE   prints the stages of one case

Each OUTDIR/NAME is a checkpoint folder plus
    oracle.safetensors   pixel_values, and what each case gives
    cases.json           the cases: a name, and the knobs by their option's name
README.md lists the keys. The rules are in reduce_rules.py, the pass is in tower.py.
"""

import argparse
import copy
import json
import pathlib
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import CLIPModel

import reduce_rules as rules
from clip_weights import config, random_model, save_folder
from tower import Plan, Tower

BATCH = 3
STD = 0.2
TEXT = dict(
    hidden_size=8,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=8,
    vocab_size=9,
    max_position_embeddings=4,
    bos_token_id=7,
    eos_token_id=8,
    pad_token_id=8,
)


def vision(image, depth, **more):
    sizes = dict(hidden_size=24, num_attention_heads=3, intermediate_size=40)
    return sizes | dict(num_hidden_layers=depth, image_size=image, patch_size=2) | more


def case(method, sites="", keep=1.0, summary="off", **more):
    """The knobs of a case: only those that are not at their default."""
    knobs = {}
    if method != "threshold":
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


def per_method():
    yield case("none")
    for summary in ("off", "dropped", "all"):
        for method in ("l2", "knorm", "qnorm", "kqnorm"):
            yield case(method, "embed", 0.7, summary)
            yield case(method, "1+3", 0.7, summary)
        yield case("cls", "", 0.7, summary)
        yield case("cls", "1+2", 0.5, summary)
        yield case("aligned", "embed", 0.6, summary)
        yield case("aligned", "0+2", 0.5, summary)
        yield case("adaptive", "embed", 0.7, summary)
        yield case("adaptive", "1+3", 0.8, summary)
    yield case("l2", "embed", 0.5)
    yield case("l2", "embed", 0.01)
    yield case("l2", "0+1+2+3", 0.9, "dropped")
    yield case("knorm", "0", 0.5)
    yield case("knorm", "2", 0.01)
    yield case("cls", "0", 0.01)
    yield case("cls", "0+3", 0.9)
    yield case("aligned", "embed", 0.99)
    yield case("aligned", "embed", 0.01)
    yield case("adaptive", "2", 0.01)
    yield case("evit", "", 0.7)
    yield case("evit", "1+3", 0.7)
    yield case("evit", "0", 0.5)
    yield case("evit", "0+1+2+3", 0.8)
    yield case("evit", "2", 0.97)
    yield case("evit", "2", 0.99)
    for r in (1, 2, 5, 9, 100):
        yield case("tome", merge_r=r)


def thresholds():
    for q in (0, 0.3, 0.5):
        yield case("threshold", threshold=q, threshold_scale="quantile")
    yield case("threshold", "1+3", threshold=0.4, threshold_scale="quantile")
    yield case("threshold", summary="dropped", threshold=0.25, threshold_scale="quantile")
    yield case("threshold", summary="all", threshold=0.25, threshold_scale="quantile")
    for t in (0, 4.6, 5.2, 1000):
        yield case("threshold", threshold=t)
    yield case("threshold", "2", threshold=8)


def merging(depth):
    for r in (8, 13, 16):
        yield case("tome", merge_r=r)
    for keep in (0.9, 0.7, 0.5):
        yield case("evit", "+".join(str(i) for i in range(depth)), keep)


# name: (image size, depth, batch, seed, cases). The pass of 196 patches is the one of B/16.
FIXTURES = {
    "reduce_tiny": (12, 4, BATCH, 3, [*per_method(), *thresholds()]),
    "reduce_49": (14, 3, 2, 1, list(merging(3))),
    "reduce_196": (28, 3, 2, 107, list(merging(3))),
}


def name_of(knobs):
    """"knorm.1+3.0.7.dropped": the values, in the order of `case`."""
    name = ".".join(str(value) for value in knobs.values())
    return name if "method" in knobs else "threshold." + name


def plan_of(knobs):
    at = knobs.get("prune-at", "")
    sites = tuple(s if s == "embed" else int(s) for s in at.split("+")) if at else ()
    threshold = knobs.get("threshold")
    return Plan(
        method=knobs.get("method", "threshold"),
        sites=sites,
        keep=float(knobs.get("keep", 1)),
        summary=knobs.get("summary", "off"),
        merge_r=int(knobs.get("merge-r", 0)),
        threshold=None if threshold is None else float(threshold),
        quantile=knobs.get("threshold-scale") == "quantile",
    )


def padded(lists, dtype=torch.int64):
    """Ragged lists as one tensor [B, longest], -1 behind the end."""
    longest = max(len(x) for x in lists)
    return torch.tensor([list(x) + [-1] * (longest - len(x)) for x in lists], dtype=dtype)


def stages(traces, plan):
    """One tensor per fact, the items of the batch stacked."""
    out = {"image_embeds": torch.stack([t.embed for t in traces])}
    counts = torch.tensor([t.counts for t in traces])
    out["counts"] = counts
    if (counts == counts[0]).all():
        out["hidden"] = torch.stack([t.hidden[-1] for t in traces])
    if plan.method == "tome":
        for i in range(len(traces[0].groups)):
            out[f"groups.{i}"] = torch.tensor([t.groups[i] for t in traces])
            out[f"sizes.{i}"] = torch.stack([t.sizes[i] for t in traces]).long()
        return out
    out["kept"] = padded([t.kept for t in traces])
    for i in range(len(traces[0].sites)):
        alive, scores, stayed = zip(*(t.sites[i] for t in traces))
        out[f"site.{i}.alive"] = padded(alive)
        out[f"site.{i}.scores"] = padded(scores, torch.float64)
        out[f"site.{i}.stayed"] = padded(stayed)
    return out


def compute(tower, pixels, plan):
    return stages([tower.forward(item, plan) for item in pixels], plan)


def check_dense(model, tower, pixels, tolerance):
    ours = compute(tower, pixels, Plan())["image_embeds"]
    theirs = model.get_image_features(pixel_values=pixels)
    error = (ours - theirs).abs().max().item()
    assert error <= tolerance, f"nothing dropped differs from transformers by {error:.2e}"


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


def compute_oracle(exact, single, pixels, knobs_list):
    """fp64, rounded once at the end; as clip_fixtures.py, and for the same reasons."""
    tensors, worst = {"pixel_values": pixels}, 0.0
    for knobs in knobs_list:
        name, plan = name_of(knobs), plan_of(knobs)
        try:
            values = compute(exact, pixels.double(), plan)
        except rules.NearTie as tie:
            sys.exit(f"{name}: {tie}")
        worst = max(worst, agree(values, compute(single, pixels, plan), name))
        for key, value in values.items():
            dtype = torch.int64 if value.dtype == torch.int64 else torch.float32
            tensors[f"{name}.{key}"] = value.to(dtype).contiguous()
    return tensors, worst


def random_pixels(size, batch, seed):
    rng = np.random.default_rng([seed, 1])  # not the weights' stream
    return torch.from_numpy(rng.standard_normal((batch, 3, size, size), dtype=np.float32))


def towers(model, make=Tower):
    return make(copy.deepcopy(model).double()), make(model)


def write(folder, tensors, knobs_list, seed):
    save_file(tensors, folder / "oracle.safetensors", metadata={"seed": str(seed)})
    cases = [{"name": name_of(k), "knobs": k} for k in knobs_list]
    lines = ",\n".join("  " + json.dumps(c) for c in cases)
    (folder / "cases.json").write_text("[\n" + lines + "\n]\n")


def make_fixture(folder):
    size, depth, batch, seed, knobs_list = FIXTURES[folder.name]
    cfg = config(vision(size, depth), TEXT, 16)
    folder.mkdir(parents=True, exist_ok=True)
    save_folder(random_model(cfg, seed, STD), folder)
    model = CLIPModel.from_pretrained(folder, attn_implementation="eager").eval()
    exact, single = towers(model)
    pixels = random_pixels(size, batch, seed)
    check_dense(model, single, pixels, 2e-6)
    check_dense(exact.model, exact, pixels.double(), 1e-12)
    tensors, worst = compute_oracle(exact, single, pixels, knobs_list)
    write(folder, tensors, knobs_list, seed)
    print(f"{folder.name}: {len(knobs_list)} cases; fp32 differs from fp64 by {worst:.1e} of max")


def show(folder, name):
    """Everything about item after item of a committed case, for a look."""
    cases = json.loads((folder / "cases.json").read_text())
    plan = next(plan_of(c["knobs"]) for c in cases if c["name"] == name)
    model = CLIPModel.from_pretrained(folder, attn_implementation="eager").eval()
    exact, _ = towers(model)
    _, _, batch, seed, _ = FIXTURES[folder.name]
    for item in random_pixels(model.config.vision_config.image_size, batch, seed):
        trace = exact.forward(item.double(), plan)
        for key, value in vars(trace).items():
            print(key, value)


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    parser.add_argument("--trace", nargs=2, metavar=("FOLDER", "CASE"))
    args = parser.parse_args()

    torch.set_num_threads(1)
    with torch.no_grad():
        if args.trace:
            show(args.outdir / args.trace[0], args.trace[1])
            return
        for name in FIXTURES:
            make_fixture(args.outdir / name)


if __name__ == "__main__":
    main()
