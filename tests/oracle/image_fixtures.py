#!/usr/bin/env python3
"""Small pictures in every format the program reads, with the pixels Pillow sees.

    image_fixtures.py [OUTDIR]       default: tests/fixtures beside this folder

OUTDIR/images/FILE               the pictures
OUTDIR/images/images.safetensors U8 [H, W, 3] per FILE: Image.open(FILE).convert("RGB")
OUTDIR/resize.safetensors        U8: NAME.in, and NAME.WxH by Image.resize(BICUBIC)
"""

import argparse
import io
import pathlib
import warnings

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

import png_encode
from png_encode import GREY, GREY_ALPHA, PALETTE, RGB, RGBA

SEED = 7
# name: (height, width, amplitude of the noise, sizes to make as (width, height))
RESIZES = {
    "a": (53, 37, 12, [(32, 45), (64, 48), (37, 20), (20, 53), (1, 1), (50, 80), (11, 90)]),
    "b": (48, 64, 300, [(42, 32), (32, 32), (63, 49), (65, 47), (5, 3), (128, 7)]),
    "c": (3, 200, 12, [(3, 3), (200, 1), (1, 3), (333, 5), (64, 32)]),
    "d": (5, 1, 300, [(1, 1), (1, 40), (9, 5), (16, 2)]),
}


def scene(rng, height, width, noise=12.0):
    """[H, W, 3] U8: three gradients, a disc and a bar with hard edges, noise."""
    y, x = np.mgrid[0:height, 0:width]
    u, v = x / max(width - 1, 1), y / max(height - 1, 1)
    rgb = np.stack([255 * u, 255 * v, 255 * (1 - u * v)], axis=2)
    rgb[(u - 0.6) ** 2 + (v - 0.4) ** 2 < 0.06] = (250, 240, 30)
    rgb[(u > 0.15) & (u < 0.25)] = (10, 20, 60)
    rgb += rng.uniform(-noise, noise, rgb.shape)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def luminance(rgb):
    return rgb.astype(np.int64).sum(axis=2) // 3


def widen(samples, rng):
    """8-bit samples -> 16-bit ones whose low byte is not the high byte."""
    return samples.astype(np.int64) * 256 + rng.integers(0, 256, samples.shape)


def with_alpha(color, rng):
    alpha = rng.integers(0, 256, color.shape[:2])
    return np.dstack([color, alpha])


def make_pngs(rng):
    palette = (b"PLTE", rng.integers(0, 256, 200 * 3, dtype=np.uint8).tobytes())
    palette16 = (b"PLTE", rng.integers(0, 256, 11 * 3, dtype=np.uint8).tobytes())
    alphas = (b"tRNS", bytes(range(0, 200, 5)))
    linear = (b"gAMA", (100000).to_bytes(4, "big"))
    rgb = scene(rng, 53, 37)
    small = scene(rng, 19, 23)
    grey = luminance(small)
    light = grey > np.median(grey)
    return {
        "rgb.png": png_encode.encode(rgb, RGB),
        "rgb_interlaced.png": png_encode.encode(rgb, RGB, interlaced=True),
        "rgb_trns.png": png_encode.encode(
            small, RGB, extra=[(b"tRNS", small[3, 4].astype(">u2").tobytes())]
        ),
        "rgb_gamma.png": png_encode.encode(small, RGB, extra=[linear]),
        "rgb16.png": png_encode.encode(widen(small, rng), RGB, 16),
        "rgba.png": png_encode.encode(with_alpha(small, rng), RGBA),
        "rgba16.png": png_encode.encode(widen(with_alpha(small, rng), rng), RGBA, 16),
        "grey.png": png_encode.encode(grey, GREY),
        "grey1.png": png_encode.encode(light, GREY, 1),
        "grey1_interlaced.png": png_encode.encode(light, GREY, 1, interlaced=True),
        "grey2.png": png_encode.encode(grey >> 6, GREY, 2),
        "grey4.png": png_encode.encode(grey >> 4, GREY, 4),
        # Half of the samples lie below 256, where clipping leaves detail.
        "grey16.png": png_encode.encode(np.where(light, grey * 257, grey), GREY, 16),
        "grey_trns.png": png_encode.encode(
            grey, GREY, extra=[(b"tRNS", int(grey[3, 4]).to_bytes(2, "big"))]
        ),
        "grey_alpha.png": png_encode.encode(with_alpha(grey, rng), GREY_ALPHA),
        "grey_alpha16.png": png_encode.encode(
            widen(with_alpha(grey, rng), rng), GREY_ALPHA, 16
        ),
        "palette.png": png_encode.encode(grey % 200, PALETTE, extra=[palette]),
        "palette_trns.png": png_encode.encode(grey % 200, PALETTE, extra=[palette, alphas]),
        "palette4_interlaced.png": png_encode.encode(
            grey % 11, PALETTE, 4, interlaced=True, extra=[palette16]
        ),
        "one.png": png_encode.encode([[[1, 128, 254]]], RGB),
        "wide.png": png_encode.encode(scene(rng, 43, 61, noise=0), RGB),
        "strip.png": png_encode.encode(scene(rng, 3, 200), RGB),
    }


def jpeg(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85, **options)
    return out.getvalue()


def make_jpegs(rng):
    rgb = Image.fromarray(scene(rng, 53, 37))
    cmyk = Image.fromarray(rng.integers(0, 256, (3, 4, 4), dtype=np.uint8), "CMYK")
    turned = Image.Exif()
    turned[0x0112] = 6  # orientation: rotate by 90 degrees to see it upright
    return {
        "rgb420.jpg": jpeg(rgb, subsampling="4:2:0"),
        "rgb422.jpg": jpeg(rgb, subsampling="4:2:2"),
        "rgb444.jpg": jpeg(rgb, subsampling="4:4:4"),
        "progressive.jpg": jpeg(rgb, progressive=True),
        "exif6.jpg": jpeg(rgb, exif=turned),
        "grey.jpg": jpeg(rgb.convert("L")),
        "cmyk.jpg": jpeg(cmyk.resize((23, 19), Image.Resampling.BICUBIC)),
    }


def netpbm(kind, samples, maxval, comment=b""):
    """P5 or P6 bytes; two bytes a sample, high byte first, when maxval > 255."""
    h, w = samples.shape[:2]
    header = b"%s\n%s%d %d\n%d\n" % (kind, comment, w, h, maxval)
    return header + samples.astype(">u2" if maxval > 255 else np.uint8).tobytes()


def make_netpbm(rng):
    rgb = scene(rng, 19, 23).astype(np.int64)
    grey = luminance(rgb)
    light = grey > np.median(grey)
    return {
        "rgb.ppm": netpbm(b"P6", rgb, 255, b"# a comment\n"),
        "rgb100.ppm": netpbm(b"P6", rgb * 100 // 255, 100),
        "rgb1000.ppm": netpbm(b"P6", rgb * 1000 // 255, 1000),
        "rgb65535.ppm": netpbm(b"P6", widen(rgb, rng), 65535),
        "grey.pgm": netpbm(b"P5", grey, 255),
        "grey100.pgm": netpbm(b"P5", grey * 100 // 255, 100),
        "grey1000.pgm": netpbm(b"P5", np.where(light, grey * 3, grey // 32), 1000),
    }


def pixels(data):
    """What the program has to see: alpha dropped, orientation and gamma ignored."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a palette's alphas get lost is the point
        return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def make_images(folder):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    files = make_pngs(rng) | make_jpegs(rng) | make_netpbm(rng)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    tensors = {name: pixels(data) for name, data in files.items()}
    save_file(tensors, folder / "images.safetensors", metadata={"seed": str(SEED)})


def make_resizes(path):
    rng = np.random.default_rng([SEED, 1])
    tensors = {}
    for name, (height, width, noise, sizes) in RESIZES.items():
        source = scene(rng, height, width, noise)
        tensors[f"{name}.in"] = source
        for w, h in sizes:
            resized = Image.fromarray(source).resize((w, h), Image.Resampling.BICUBIC)
            tensors[f"{name}.{w}x{h}"] = np.array(resized)
    save_file(tensors, path, metadata={"seed": str(SEED)})


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    outdir = parser.parse_args().outdir
    make_images(outdir / "images")
    make_resizes(outdir / "resize.safetensors")


if __name__ == "__main__":
    main()
