#!/usr/bin/env python3
"""Sequence models, beside a peer where there is one, in turns.

    bench_sequences.py BUILD/sparsetop [--what mamba,mrss,encoder] [--rounds N]
        [--file MAMBA.gguf --peer "python peer_llama.py MAMBA.gguf"] [--seq 512,4096] [--dtype fp32]

mamba: tokens a second of a prefill and of decoding, of the file or of the preset mamba-130m;
the peer answers "prefill T" and "decode N". mrss: the proxy without and with its coarse branch.
encoder: with thresholds. Medians over rounds, and ratios that were taken within a round.
"""

import argparse
import json
import statistics
import subprocess
import sys

from contenders import Worker, numbers

DECODE = 32


class Peer:
    def __init__(self, command):
        self.process = subprocess.Popen(command, shell=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def ms(self, what, count):
        print(what, count, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit("the peer ended")
        return json.loads(line)["ms"]


def spread(values):
    low, *_, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 2
    return f"{statistics.median(values):.4g} ({low:.4g} ... {high:.4g})"


def mamba(args):
    model = args.file or "mamba-130m"
    ours = Worker(args.binary, model, "auto", dtype=args.dtype)
    peer = Peer(args.peer) if args.peer else None
    rates = {}

    def note(who, what, tokens_per_s):
        rates.setdefault((what, who), []).append(tokens_per_s)

    for round_ in range(args.rounds + 1):
        for seq in args.seq:
            what = f"prefill {seq}"
            run, = ours.run([{"seq": seq}], samples=1, warmup=0, budget_s=600)
            values = {"ours": seq / run["wall"]["p50_ns"] * 1e9}
            if peer:
                values["peer"] = seq / peer.ms("prefill", seq) * 1e3
            step = (run.get("generated") or {}).get("ns_per_token")
            if seq == args.seq[0] and step:
                values_decode = {"ours": 1e9 / step}
                if peer:
                    values_decode["peer"] = DECODE / peer.ms("decode", DECODE) * 1e3
                for who, v in values_decode.items():
                    if round_:
                        note(who, "decode", v)
            for who, v in values.items():
                if round_:
                    note(who, what, v)
    print(f"{model} {args.dtype}: tokens/s, median (quartiles)")
    for (what, who), values in rates.items():
        ratio = ""
        if who == "ours" and (what, "peer") in rates:
            theirs = rates[what, "peer"]
            ratio = f"   x {statistics.median(a / b for a, b in zip(values, theirs)):.2f}"
        print(f"  {what:<14}{who:<6}{spread(values)}{ratio}", flush=True)


def settings(args, model, rows):
    """Each row against the first, interleaved by the worker."""
    ours = Worker(args.binary, model, "auto", **rows[0][1])
    times = {label: [] for label, _ in rows}
    work = {}
    for _ in range(args.rounds):
        runs = ours.run([knobs for _, knobs in rows], samples=1, warmup=1, budget_s=600)
        for (label, _), run in zip(rows, runs):
            times[label].append(run["wall"]["p50_ns"] / 1e6)
            work[label] = run["flops"]["torch"]
    first = rows[0][0]
    print(f"{model}: ms, median (quartiles), of the first's time and of its FLOPs")
    for label, _ in rows:
        ratio = statistics.median(a / b for a, b in zip(times[label], times[first]))
        print(f"  {label:<22}{spread(times[label])}   {ratio:.3f}   "
              f"{work[label] / work[first]:.3f}", flush=True)


def mrss(args):
    shape = {"batch": 8, "seq": 8192, "dtype": args.dtype}
    settings(args, "mrss-proxy", [("off", shape | {"mrss": "off"})] + [
        (f"both r={r}", shape | {"mrss": "both", "downsample": r}) for r in (1, 2, 4)])


def encoder(args):
    shape = {"batch": 16, "seq": 128, "dtype": args.dtype}
    settings(args, "encoder-2l", [("no threshold", shape)] + [
        (f"{t} {layout}", shape | {"threshold": t, "layout": layout})
        for t in (13.0, 13.3) for layout in ("packed", "padded")])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--what", default="mamba,mrss,encoder")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seq", type=numbers, default=[512, 4096])
    parser.add_argument("--dtype", default="fp32")
    parser.add_argument("--file")
    parser.add_argument("--peer")
    args = parser.parse_args()
    for what in args.what.split(","):
        {"mamba": mamba, "mrss": mrss, "encoder": encoder}[what](args)


if __name__ == "__main__":
    main()
