#!/usr/bin/env python3
"""Times llama.cpp (llama-cpp-python) on a GGUF: a peer of `sparsetop run` for language models.

    peer_llama.py FILE.gguf [--threads N] [--all-logits]      one answer per line on stdin

"prefill T" evaluates T tokens from an empty state, "decode N" one token after the other, N
times; the answer is a JSON line with the `ms` of all of it. --all-logits: the logits of every
token of a prefill, as sparsetop computes them; else of the last one only.
"""

import argparse
import json
import sys
import time

import llama_cpp


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--all-logits", action="store_true")
    args = parser.parse_args()
    model = llama_cpp.Llama(args.file, n_ctx=8192, n_batch=512, n_ubatch=512, verbose=False,
                            n_threads=args.threads, n_threads_batch=args.threads,
                            logits_all=args.all_logits)
    for line in sys.stdin:
        what, count = line.split()
        tokens = [(17 * i + 5) % 50000 for i in range(int(count))]
        model.reset()
        if what == "decode":
            model.eval(tokens[:8])
        start = time.perf_counter_ns()
        if what == "prefill":
            model.eval(tokens)
        else:
            for token in tokens:
                model.eval([token])
        print(json.dumps({"ms": (time.perf_counter_ns() - start) / 1e6}), flush=True)


if __name__ == "__main__":
    main()
