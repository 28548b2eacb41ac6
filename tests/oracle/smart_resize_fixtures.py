#!/usr/bin/env python3
"""The size that Qwen's processor makes of a picture's, as transformers' smart_resize says.

    smart_resize_fixtures.py [OUTDIR]    default: tests/fixtures beside this folder

OUTDIR/smart_resize.json: rows {height, width, factor, min_pixels, max_pixels} and `out`
[height, width], or `error` where the sides are too unlike.
"""

import argparse
import json
import pathlib

from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

FILE = (28, 3136, 12845056)  # of the published preprocessor_config.json
CODE = (28, 3136, 1003520)  # transformers' default
TINY = (8, 64, 65536)  # of qwen2_tiny and qwen25_tiny
LOOSE = (28, 1, 10**12)  # only rounding


def sizes():
    """(height, width, (factor, min, max))"""
    # Nothing to do, and the usual formats of cameras and screens.
    for h, w in ((28, 28), (56, 56), (224, 224), (252, 364), (336, 336), (448, 1008)):
        yield h, w, FILE
    for h, w in ((480, 640), (640, 480), (600, 800), (720, 1280), (1080, 1920), (1365, 2048)):
        yield h, w, FILE
        yield h, w, CODE
    # Halves, of even and of odd multiples: to the even one.
    for n in (42, 70, 98, 126, 154, 182, 1442, 1470):
        yield n, 280, LOOSE
        yield 280, n, FILE
    for n in (41, 43, 69, 71):
        yield n, 280, LOOSE
    for n in (12, 20, 28, 36):
        yield n, 64, TINY
    # A side that rounds to 0 makes an area of 0: too few pixels, whatever the other is.
    for h, w in ((1, 1), (1, 28), (13, 13), (14, 14), (15, 15), (3, 500), (14, 2000), (13, 2600)):
        yield h, w, FILE
    yield 14, 2000, LOOSE
    yield 10, 1990, LOOSE
    for h, w in ((1, 1), (3, 3), (2, 300), (4, 800)):
        yield h, w, TINY
    # Aspect ratios: 200 is allowed, what is above is not.
    for ratio in (199, 200, 201):
        yield 28, 28 * ratio, FILE
        yield 28 * ratio, 28, FILE
        yield ratio, 1, TINY
        yield 3, 3 * ratio, TINY
    yield 28, 5601, FILE
    yield 5601, 28, CODE
    yield 10, 2001, TINY
    # At the limits, and across them.
    for h, w in ((56, 56), (55, 57), (28, 84), (28, 112), (30, 90), (42, 42), (41, 41)):
        yield h, w, FILE
    for h, w in ((3584, 3584), (3584, 3598), (3585, 3612), (4000, 6000), (8192, 8192)):
        yield h, w, FILE
    for h, w in ((1001, 1003), (1002, 1002), (980, 1024), (1008, 1008), (90, 17000), (17000, 90)):
        yield h, w, CODE
    for h, w in ((256, 256), (256, 264), (260, 260), (10, 7000), (7000, 40), (333, 777)):
        yield h, w, TINY
    yield 20000, 10000, (28, 3136, 3136)
    yield 5600, 28, (28, 3136, 3136)  # a side below one factor stays one factor
    yield 100, 100, (28, 40000, 50000)
    yield 37, 211, (28, 40000, 50000)
    yield 427, 640, (28, 256 * 784, 1280 * 784)  # limits as users give them, in tokens
    yield 2252, 4000, (28, 256 * 784, 1280 * 784)
    yield 61, 93, (28, 256 * 784, 1280 * 784)


def row(height, width, numbers):
    factor, low, high = numbers
    out = dict(height=height, width=width, factor=factor, min_pixels=low, max_pixels=high)
    try:
        return out | {"out": list(smart_resize(height, width, factor, low, high))}
    except ValueError:
        return out | {"error": True}


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    outdir = parser.parse_args().outdir

    rows = [row(*size) for size in sizes()]
    unique = {json.dumps(r): r for r in rows}
    text = ",\n".join("  " + line for line in unique)
    (outdir / "smart_resize.json").write_text("[\n" + text + "\n]\n")
    errors = sum("error" in r for r in unique.values())
    print(f"smart_resize: {len(unique)} rows, {errors} of them errors")


if __name__ == "__main__":
    main()
