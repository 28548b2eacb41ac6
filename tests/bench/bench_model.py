#!/usr/bin/env python3
"""Whole models, several programs in turns, so that a drifting machine treats them alike.

    bench_model.py BUILD/sparsetop [--model M] [--batch 1,8] [--keep 1,.9,.7,.5] [--rounds N]
                   [--gemm openblas,native] [--peer "python peer_torch.py --serve"]

Every round runs each setting of each contender once; medians, minima and the ratios of
each setting to the same contender's keep 1 and to the first contender are printed. The
contenders wait without computing while another one runs.
"""
import argparse
import json
import statistics
import subprocess
import sys


class Worker:
    """sparsetop's own worker, spoken to in its protocol."""

    def __init__(self, binary, model, gemm):
        self.name = "sparsetop/" + gemm
        self.model, self.gemm, self.next_id = model, gemm, 1
        self.process = subprocess.Popen([binary, "worker"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def time_ms(self, batch, keep):
        knobs = {"keep": str(keep), "batch": str(batch), "gemm": self.gemm}
        request = {"type": "run", "id": self.next_id, "samples": 1, "warmup": 0,
                   "budget_s": 600, "specs": [{"model": self.model, "knobs": knobs}]}
        self.next_id += 1
        print(json.dumps(request), file=self.process.stdin, flush=True)
        for line in self.process.stdout:
            event = json.loads(line)
            if event["id"] != request["id"]:
                continue
            if event["type"] == "error":
                sys.exit(f"{self.name}: {event['message']}")
            if event["type"] == "result":
                ms = event["result"]["wall"]["p50_ns"] / 1e6
            if event["type"] == "done":
                return ms
        sys.exit(f"{self.name} ended")


class Peer:
    """A program that answers every line "BATCH KEEP" with a JSON line that has `ms`."""

    def __init__(self, command):
        self.name = "peer"
        self.process = subprocess.Popen(command, shell=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def time_ms(self, batch, keep):
        print(batch, keep, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit("the peer ended")
        return json.loads(line)["ms"]


def numbers(text):
    return [float(x) if "." in x else int(x) for x in text.split(",")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--model", default="clip-vit-b16")
    parser.add_argument("--batch", type=numbers, default=[1, 8])
    parser.add_argument("--keep", type=numbers, default=[1, .9, .7, .5])
    parser.add_argument("--gemm", default="openblas")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--peer")
    args = parser.parse_args()
    contenders = [Worker(args.binary, args.model, g) for g in args.gemm.split(",")]
    if args.peer:
        contenders.append(Peer(args.peer))
    print(f"{'contender':<22}{'batch':>6}{'keep':>6}{'median ms':>11}{'min ms':>9}"
          f"{'of keep 1':>11}{'of first':>10}")
    for batch in args.batch:
        times = {(c, k): [] for c in contenders for k in args.keep}
        for round_ in range(args.rounds + 1):
            for keep in args.keep:
                for c in contenders:
                    ms = c.time_ms(batch, keep)
                    if round_:  # the first round is warm-up
                        times[c, keep].append(ms)
        for c in contenders:
            for keep in args.keep:
                mine, whole, first = (times[c, keep], times[c, args.keep[0]],
                                      times[contenders[0], keep])
                # Ratios are taken within a round, then their median.
                of_whole = statistics.median(a / b for a, b in zip(mine, whole))
                of_first = statistics.median(a / b for a, b in zip(mine, first))
                print(f"{c.name:<22}{batch:>6}{keep:>6}{statistics.median(mine):>11.1f}"
                      f"{min(mine):>9.1f}{of_whole:>11.3f}{of_first:>10.3f}", flush=True)


if __name__ == "__main__":
    main()
