#!/usr/bin/env python3
"""Qwen's vision towers where pictures grow: blocks, their sub-layers, attention's share.

    bench_vision.py BUILD/sparsetop [--model M] [--grids 16,36,64] [--keep 1,.7,.5]
                    [--rounds N] [--budget S] [--gemm E] [--threads N] [--json]
                    [--peer PYTHON [--peer-dtype fp32,bf16] [--peer-grids 16,36]
                     [--peer-keep 1,.5] [--peer-rounds N]]

For each grid (patches a side) one worker runs all keep ratios (l2, before the blocks) in
turns (ABBA), at most S seconds. Whole passes: the median with the smallest and the largest,
the ratio to the first keep (median of the ratios within a round, with their extremes) beside
that of the FLOPs (torch's convention), the time of a visual token that is handed on, and the
share of attention alone (sdpa) in the pass. Blocks: the mean of all that attend alike, in
Qwen2.5 those with windows and those without, with the fastest and the slowest, and how their
sub-layers share it, of instrumented passes.

With --peer the same towers run in transformers by this Python, too, in turns with ours: the
ratio of its time to ours within a round. An empty --grids leaves it at that.
"""
import argparse
import json
import pathlib
import shlex
import statistics

from contenders import Peer, Worker, numbers, take_turns

PATCH = 14  # pixels a side, in all of these towers
PARTS = {  # of a block, by the names of its sub-layers
    "norms": ("norm1", "norm2"),
    "qkv": ("attn.qkv", "attn.q", "attn.k", "attn.v"),
    "rotary": ("attn.rotary", "attn.rotary_q", "attn.rotary_k"),
    "sdpa": ("attn.sdpa",),
    "out": ("attn.out",),
    "mlp": ("mlp.fc1", "mlp.fc2", "mlp.gate", "mlp.up", "mlp.down"),
}


def spread(values):
    """The extremes and the middle of a list, for the table and for --json."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


# ---- what a result says ----


def part_of(name):
    return next((part for part, names in PARTS.items() if name in names), "other")


def parts_of(block, layers):
    """ms of the parts of one block; the rest of its time is `other`."""
    parts = dict.fromkeys([*PARTS, "other"], 0.0)
    for layer in layers:
        if layer["parent"] == block["path"]:
            name = layer["path"].removeprefix(block["path"] + ".")
            parts[part_of(name)] += layer["wall_ns"] / 1e6
    parts["other"] += block["self_ns"] / 1e6
    return parts


def attention_flops(block, layers):
    path = f"{block['path']}.attn.sdpa"
    return next(layer["flops"] for layer in layers if layer["path"] == path)


def blocks_of(result):
    """Blocks that attend to as much as each other, those that do to most of it first."""
    layers = result["layers"]
    alike = {}
    for layer in layers:
        if layer["kind"] == "group" and layer["path"].startswith("blocks."):
            alike.setdefault(attention_flops(layer, layers), []).append(layer)
    kinds = sorted(alike.items(), reverse=True)
    out = []
    for i, (_, blocks) in enumerate(kinds):
        times = [block["wall_ns"] / 1e6 for block in blocks]
        parts = [parts_of(block, layers) for block in blocks]
        out.append({"kind": "all" if len(kinds) == 1 else "windows" if i else "whole",
                    "count": len(blocks),
                    "ms": spread(times) | {"mean": statistics.fmean(times)},
                    "parts_ms": {part: statistics.fmean(p[part] for p in parts)
                                 for part in parts[0]}})
    return out


def share_of_attention(result):
    layers = result["layers"]
    parents = {layer["parent"] for layer in layers}
    leaves = [layer for layer in layers if layer["path"] not in parents]
    attention = sum(layer["wall_ns"] for layer in leaves if layer["path"].endswith(".attn.sdpa"))
    return attention / sum(layer["wall_ns"] for layer in leaves)


def row_of(grid, keep, result, base):
    samples = result["wall"]["samples_ns"]
    ratios = [a / b for a, b in zip(samples, base["wall"]["samples_ns"])]
    return {"patches": grid, "keep": keep, "n": len(samples),
            "visual_tokens": result["visual"]["tokens"],
            "ms": spread([ns / 1e6 for ns in samples]),
            "of_first": spread(ratios),
            "flops": result["flops"]["torch"],
            "flops_of_first": result["flops"]["torch"] / base["flops"]["torch"],
            "ms_per_visual_token": result["visual"]["ns_per_token"] / 1e6,
            "attention_share": share_of_attention(result),
            "peak_rss_bytes": result["memory"]["peak_rss_bytes"],
            "stopped_by": result["wall"]["stopped_by"],
            "blocks": blocks_of(result)}


# ---- measuring ----


def measure(args):
    """Rows, grid by grid, and where they were measured."""
    worker = Worker(args.binary, args.model, args.gemm, threads=args.threads)
    rows = []
    for grid in args.grids:
        settings = [{"image_size": grid * PATCH, "keep": keep, "method": "l2"} if keep < 1
                    else {"image_size": grid * PATCH} for keep in args.keep]
        results = worker.run(settings, samples=args.rounds, warmup=1, budget_s=args.budget)
        rows += [row_of(grid, keep, result, results[0])
                 for keep, result in zip(args.keep, results)]
    worker.close()
    return rows, results[0]["env"]


def peer_command(args, dtype):
    script = pathlib.Path(__file__).with_name("peer_torch.py")
    return shlex.join([args.peer, str(script), "--serve", "--tower", args.model,
                       "--dtype", dtype, "--threads", str(args.threads)])


def measure_peers(args):
    """Rows: ours first, then the peers with their ratios to it."""
    contenders = [Worker(args.binary, args.model, args.gemm, threads=args.threads)]
    contenders += [Peer(peer_command(args, dtype), f"torch/{dtype}") for dtype in args.peer_dtype]
    settings = [(1, keep, grid * PATCH) for grid in args.peer_grids for keep in args.peer_keep]
    times = take_turns(contenders, settings, args.peer_rounds)
    for c in contenders:
        c.close()
    rows = []
    for setting in settings:
        ours = times[contenders[0].name, *setting]
        for c in contenders:
            mine = times[c.name, *setting]
            rows.append({"patches": setting[2] // PATCH, "keep": setting[1],
                         "contender": c.name, "n": len(mine), "ms": spread(mine),
                         "of_ours": spread([a / b for a, b in zip(mine, ours)])})
    return rows


# ---- tables ----


def extremes(s, digits):
    return f"{s['min']:.{digits}f}..{s['max']:.{digits}f}"


def setting_of(row):
    return f"{row['patches']}x{row['patches']:<6}{row['keep']:<6}"


def print_passes(rows):
    print(f"\n{'patches':<9}{'keep':<6}{'tokens':>7}{'n':>4}{'ms':>10}{'min..max':>19}"
          f"{'of first':>10}{'min..max':>14}{'FLOPs':>8}{'ms/token':>10}{'sdpa':>8}")
    for row in rows:
        print(f"{setting_of(row)}{row['visual_tokens']:>7}{row['n']:>4}"
              f"{row['ms']['median']:>10.1f}{extremes(row['ms'], 1):>19}"
              f"{row['of_first']['median']:>10.3f}{extremes(row['of_first'], 3):>14}"
              f"{row['flops_of_first']:>8.3f}{row['ms_per_visual_token']:>10.3f}"
              f"{100 * row['attention_share']:>7.1f}%")


def print_blocks(rows):
    parts = [*PARTS, "other"]
    print(f"\n{'patches':<9}{'keep':<6}{'blocks':<8}{'n':>4}{'ms':>10}{'min..max':>17}"
          + "".join(f"{part:>9}" for part in parts) + f"{'sdpa':>8}")
    for row in rows:
        for b in row["blocks"]:
            print(f"{setting_of(row)}{b['kind']:<8}{b['count']:>4}{b['ms']['mean']:>10.2f}"
                  f"{extremes(b['ms'], 2):>17}"
                  + "".join(f"{b['parts_ms'][part]:>9.2f}" for part in parts)
                  + f"{100 * b['parts_ms']['sdpa'] / b['ms']['mean']:>7.1f}%")


def print_peers(rows):
    print(f"\n{'patches':<9}{'keep':<6}{'contender':<22}{'n':>4}{'ms':>10}{'min..max':>19}"
          f"{'of ours':>10}{'min..max':>14}")
    for row in rows:
        print(f"{setting_of(row)}{row['contender']:<22}{row['n']:>4}{row['ms']['median']:>10.1f}"
              f"{extremes(row['ms'], 1):>19}{row['of_ours']['median']:>10.3f}"
              f"{extremes(row['of_ours'], 2):>14}")


def words(text):
    return text.split(",")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("--model", default="qwen2-vl-2b-visual")
    parser.add_argument("--grids", type=numbers, default=[16, 36, 64])
    parser.add_argument("--keep", type=numbers, default=[1, .7, .5])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--budget", type=float, default=600, help="seconds for each grid")
    parser.add_argument("--gemm", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--peer", help="a Python with torch and transformers")
    parser.add_argument("--peer-dtype", type=words, default=["fp32", "bf16"])
    parser.add_argument("--peer-grids", type=numbers, default=[16, 36])
    parser.add_argument("--peer-keep", type=numbers, default=[1, .5])
    parser.add_argument("--peer-rounds", type=int, default=5)
    return parser.parse_args()


def main():
    args = parse()
    rows, env = measure(args) if args.grids else ([], None)
    peers = measure_peers(args) if args.peer else []
    if args.json:
        print(json.dumps({"model": args.model, "env": env, "passes": rows, "peers": peers}))
        return
    if rows:
        print(f"{args.model}: {env['cpu']}, {env['threads']} threads, {env['blas']['name']}")
        print_passes(rows)
        print_blocks(rows)
    if peers:
        print_peers(peers)


if __name__ == "__main__":
    main()
