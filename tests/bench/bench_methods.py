#!/usr/bin/env python3
"""Every reduction method of a vision tower, interleaved in one worker.

    bench_methods.py BUILD/sparsetop [--model M] [--batch N] [--samples N] [--gemm E]

All settings run in turns (ABBA), so that a drifting machine treats them alike. Printed per
method: the median, its ratio to the base, the ratio of the FLOPs (torch's convention), and
the share of the pass that choosing, moving and merging tokens takes (spans `prune` and
`merge`), with the smallest and the largest of the samples as ratios of the median.
"""
import argparse

from contenders import Worker

SETTINGS = [
    {},
    {"method": "l2", "keep": "0.5"},
    {"method": "l2", "keep": "0.5", "prune_at": "THIRDS"},
    {"method": "l2", "keep": "0.5", "summary": "dropped"},
    {"method": "knorm", "keep": "0.5"},
    {"method": "qnorm", "keep": "0.5"},
    {"method": "kqnorm", "keep": "0.5"},
    {"method": "random", "keep": "0.5"},
    {"method": "aligned", "keep": "0.5"},
    {"method": "adaptive", "keep": "0.5"},
    {"method": "cls", "keep": "0.7"},
    {"method": "evit", "keep": "0.7"},
    {"method": "tome", "merge_r": "8"},
    {"method": "tome", "merge_r": "13"},
    {"method": "threshold", "threshold": "0.1", "threshold_scale": "quantile"},
]


def is_selection(path):
    return any(part in ("prune", "merge") for part in path.split("."))


def selection_share(result):
    layers = result["layers"]
    parents = {layer["parent"] for layer in layers}
    leaves = [layer for layer in layers if layer["path"] not in parents]
    chosen = sum(layer["wall_ns"] for layer in leaves if is_selection(layer["path"]))
    return chosen / sum(layer["wall_ns"] for layer in leaves)


def label(knobs):
    return " ".join(f"{name}={value}" for name, value in knobs.items()) or "base"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--model", default="clip-vit-b16")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--samples", type=int, default=15)
    parser.add_argument("--gemm", default="openblas")
    args = parser.parse_args()
    depth = 24 if "l14" in args.model else 12
    thirds = "+".join(str(depth * i // 4) for i in (1, 2, 3))
    settings = [{k: thirds if v == "THIRDS" else v for k, v in s.items()} for s in SETTINGS]
    worker = Worker(args.binary, args.model, args.gemm, batch=args.batch)
    results = worker.run(settings, samples=args.samples, warmup=2, budget_s=3600)
    worker.close()
    base = results[0]
    print(f"{args.model}, batch {args.batch}, {args.gemm}, {args.samples} samples each")
    print(f"{'setting':<50}{'ms':>9}{'of base':>9}{'FLOPs':>8}{'min..max':>14}{'selection':>11}")
    for knobs, result in zip(settings, results):
        wall = result["wall"]
        spread = f"{wall['min_ns'] / wall['p50_ns']:.2f}..{wall['max_ns'] / wall['p50_ns']:.2f}"
        print(f"{label(knobs):<50}{wall['p50_ns'] / 1e6:9.2f}"
              f"{wall['p50_ns'] / base['wall']['p50_ns']:9.3f}"
              f"{result['flops']['torch'] / base['flops']['torch']:8.3f}{spread:>14}"
              f"{100 * selection_share(result):10.2f}%")


if __name__ == "__main__":
    main()
