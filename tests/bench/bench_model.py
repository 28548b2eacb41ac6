#!/usr/bin/env python3
"""Whole models, several programs in turns, so that a drifting machine treats them alike.

    bench_model.py BUILD/sparsetop [--model M] [--batch 1,8] [--keep 1,.9,.7,.5] [--rounds N]
                   [--gemm openblas,native] [--peer "python peer_torch.py --serve"]

Every round runs each setting of each contender once; medians, minima and the ratios of
each setting to the same contender's keep 1 and to the first contender are printed. The
contenders wait without computing while another one runs.
"""
import argparse
import statistics

from contenders import Peer, Worker, numbers, take_turns


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
        times = take_turns(contenders, [(batch, keep) for keep in args.keep], args.rounds)
        for c in contenders:
            for keep in args.keep:
                mine, whole, first = (times[name, batch, k] for name, k in [
                    (c.name, keep), (c.name, args.keep[0]), (contenders[0].name, keep)])
                # Ratios are taken within a round, then their median.
                of_whole = statistics.median(a / b for a, b in zip(mine, whole))
                of_first = statistics.median(a / b for a, b in zip(mine, first))
                print(f"{c.name:<22}{batch:>6}{keep:>6}{statistics.median(mine):>11.1f}"
                      f"{min(mine):>9.1f}{of_whole:>11.3f}{of_first:>10.3f}", flush=True)


if __name__ == "__main__":
    main()
