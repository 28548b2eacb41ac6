#!/usr/bin/env python3
"""What Pillow and transformers do where a reader might guess otherwise.

    facts.py             prints one line per fact; the exit status is 1 if one is wrong

The program has to agree with these in every bit, so they are established by running
the libraries, not by reading them.  README.md says them in words.
"""

import io
import math
import struct
import sys
import warnings

import numpy as np
from PIL import Image
from transformers import CLIPImageProcessor
from transformers.image_transforms import center_crop, get_resize_output_image_size

import png_encode
from png_encode import GREY, GREY_ALPHA, PALETTE, RGB, RGBA

CHECKS = []
EVERY_16BIT = np.arange(65536).reshape(256, 256)


def fact(function):
    """Registers a check; its docstring is the fact."""
    CHECKS.append(function)
    return function


def rgb(data):
    return np.array(Image.open(io.BytesIO(data)).convert("RGB")).astype(np.int64)


def as_grey(values):
    return np.repeat(values[:, :, None], 3, axis=2)


@fact
def png_grey16():
    """16-bit grey PNG: min(sample, 255), clipped and not scaled."""
    want = as_grey(np.minimum(EVERY_16BIT, 255))
    return np.array_equal(rgb(png_encode.encode(EVERY_16BIT, GREY, 16)), want)


@fact
def png_other16():
    """16-bit RGB, RGBA, grey+alpha PNG: the high byte, sample >> 8."""
    ok = True
    for color, channels in ((RGB, 3), (RGBA, 4), (GREY_ALPHA, 2)):
        samples = np.repeat(EVERY_16BIT[:, :, None], channels, axis=2)
        got = rgb(png_encode.encode(samples, color, 16))
        ok &= np.array_equal(got, as_grey(EVERY_16BIT >> 8))
    return ok


@fact
def png_few_bits():
    """1, 2, 4-bit grey PNG: sample * 255, 85, 17."""
    ok = True
    for depth, factor in ((1, 255), (2, 85), (4, 17)):
        samples = np.arange(2**depth).reshape(1, -1)
        got = rgb(png_encode.encode(samples, GREY, depth))
        ok &= np.array_equal(got, as_grey(samples * factor))
    return ok


@fact
def png_alpha_and_gamma():
    """Alpha and tRNS are dropped without blending; gAMA changes nothing."""
    samples = np.random.default_rng(0).integers(0, 256, (4, 5, 4))
    trns = (b"tRNS", samples[0, 0, :3].astype(">u2").tobytes())
    gamma = (b"gAMA", (100000).to_bytes(4, "big"))
    plain = samples[:, :, :3]
    return (
        np.array_equal(rgb(png_encode.encode(samples, RGBA)), plain)
        and np.array_equal(rgb(png_encode.encode(plain, RGB, extra=[trns])), plain)
        and np.array_equal(rgb(png_encode.encode(plain, RGB, extra=[gamma])), plain)
    )


@fact
def png_palette_overrun():
    """A PNG palette index beyond PLTE is black."""
    two = (b"PLTE", bytes([10, 11, 12, 20, 21, 22]))
    got = rgb(png_encode.encode([[0, 1, 2, 255]], PALETTE, extra=[two]))
    return got[0].tolist() == [[10, 11, 12], [20, 21, 22], [0, 0, 0], [0, 0, 0]]


def netpbm(kind, channels, maxval, values):
    data = np.repeat(values.reshape(1, -1, 1), channels, axis=2)
    data = data.astype(">u2" if maxval > 255 else np.uint8).tobytes()
    return rgb(b"%s\n%d 1\n%d\n" % (kind, values.size, maxval) + data)[0, :, 0]


def rescaled(values, maxval, out):
    """Pillow's rescaling: Python's round(), half to even, of a double."""
    return np.array([min(out, round(v / maxval * out)) for v in values.tolist()])


@fact
def ppm_scales():
    """P6 of any maxval, P5 up to 255: min(255, round(v / maxval * 255)), half to even."""
    ok = True
    for maxval in (1, 2, 100, 254, 255):
        v = np.arange(256)
        want = rescaled(v, maxval, 255)
        ok &= np.array_equal(netpbm(b"P6", 3, maxval, v), want)
        ok &= np.array_equal(netpbm(b"P5", 1, maxval, v), want)
    for maxval in (256, 1000, 65535):
        v = np.arange(65536)
        ok &= np.array_equal(netpbm(b"P6", 3, maxval, v), rescaled(v, maxval, 255))
    return ok


@fact
def pgm16_clips():
    """P5 above 255: min(255, round(v / maxval * 65535)), clipped like a 16-bit PNG."""
    ok = True
    for maxval in (256, 1000, 65535):
        v = np.arange(65536)
        want = np.minimum(rescaled(v, maxval, 65535), 255)
        ok &= np.array_equal(netpbm(b"P5", 1, maxval, v), want)
    return ok


@fact
def cmyk():
    """CMYK: t = c * (255 - k) + 128; channel = clip(255 - k - ((t + (t >> 8)) >> 8))."""
    c, k = np.mgrid[0:256, 0:256]
    image = Image.fromarray(np.dstack([c, c, c, k]).astype(np.uint8), "CMYK")
    t = c * (255 - k) + 128
    want = np.clip(255 - k - ((t + (t >> 8)) >> 8), 0, 255)
    return np.array_equal(np.array(image.convert("RGB")).astype(np.int64), as_grey(want))


@fact
def adobe_cmyk_jpeg_is_inverted():
    """A CMYK JPEG with an Adobe marker stores 255 - value; Pillow turns it back."""
    out = io.BytesIO()
    Image.new("CMYK", (16, 16), (10, 60, 110, 160)).save(out, "JPEG", quality=100)
    got = np.array(Image.open(out)).astype(int)[8, 8]
    return b"Adobe" in out.getvalue() and abs(got - [10, 60, 110, 160]).max() <= 1


@fact
def exif_is_ignored():
    """EXIF orientation turns nothing."""
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.new("RGB", (8, 5)).save(out, "JPEG", exif=exif)
    return Image.open(out).convert("RGB").size == (8, 5)


@fact
def shortest_edge():
    """Resize: short = S, long = S * long / short, truncated; any ratio, both orientations."""
    for size in (24, 32, 40, 224, 336):
        for short in range(1, 80):
            for long in range(short, 80):
                want = (size * long) // short
                for h, w, expected in ((long, short, (want, size)), (short, long, (size, want))):
                    picture = np.empty((h, w, 3), np.uint8)
                    got = get_resize_output_image_size(
                        picture, size, default_to_square=False, input_data_format="channels_last"
                    )
                    if got != expected:
                        return False
    return True


def crop_by_hand(picture, crop):
    """floor((have - crop) / 2) from the top and left; what is outside is black."""
    h, w = picture.shape[:2]
    top, left = (h - crop) // 2, (w - crop) // 2  # Python floors: -5 // 2 = -3
    out = np.zeros((crop, crop, 3), np.uint8)
    for y in range(crop):
        for x in range(crop):
            if 0 <= y + top < h and 0 <= x + left < w:
                out[y, x] = picture[y + top, x + left]
    return out


@fact
def centre_crop():
    """Crop: origin = floor((have - crop) / 2); outside the picture bytes are 0."""
    rng = np.random.default_rng(1)
    for h in range(4, 12):
        for w in range(4, 12):
            picture = rng.integers(1, 256, (h, w, 3), dtype=np.uint8)
            for crop in (5, 6, 8, 9):
                got = center_crop(picture, (crop, crop), input_data_format="channels_last")
                if not np.array_equal(got, crop_by_hand(picture, crop)):
                    return False
    return True


@fact
def normalise():
    """Values: float(x * (1/255) in double), then (v - mean) / std in float."""
    mean = np.float32([0.48145466, 0.4578275, 0.40821073])
    std = np.float32([0.26862954, 0.26130258, 0.27577711])
    picture = as_grey(np.arange(256).reshape(16, 16)).astype(np.uint8)
    processor = CLIPImageProcessor(do_resize=False, do_center_crop=False)
    got = processor(picture, return_tensors="np")["pixel_values"][0]
    unit = (picture.astype(np.float64) * (1 / 255)).astype(np.float32)
    return np.array_equal(got, ((unit - mean) / std).transpose(2, 0, 1))


def bicubic_taps(size_in, size_out):
    """For each output position: the first source position and the fixed-point weights."""
    scale = size_in / size_out
    filterscale = max(scale, 1.0)
    support = 2.0 * filterscale
    for x in range(size_out):
        center = (x + 0.5) * scale
        first = max(0, int(center - support + 0.5))
        last = min(size_in, int(center + support + 0.5))
        weights = [cubic((j - center + 0.5) * (1.0 / filterscale)) for j in range(first, last)]
        total = sum(weights)
        fixed = [math.copysign(int(abs(w / total) * 2**22 + 0.5), w) for w in weights]
        yield first, np.array(fixed, np.int64)


def cubic(x):
    """Keys' kernel with a = -0.5."""
    x = abs(x)
    if x < 1:
        return (1.5 * x - 2.5) * x * x + 1
    return (((x - 5) * x + 8) * x - 4) * -0.5 if x < 2 else 0.0


def resize_columns(picture, width):
    out = np.empty((picture.shape[0], width, 3), np.uint8)
    for x, (first, fixed) in enumerate(bicubic_taps(picture.shape[1], width)):
        taps = picture[:, first : first + fixed.size].astype(np.int64)
        total = np.einsum("hkc,k->hc", taps, fixed) + 2**21
        out[:, x] = np.clip(total >> 22, 0, 255)
    return out


@fact
def bicubic():
    """Resize: horizontal, then vertical, bytes between, 22-bit weights, half away from 0."""
    rng = np.random.default_rng(2)
    for h, w, height, width in ((53, 37, 45, 32), (48, 64, 65, 128), (3, 200, 1, 7), (1, 1, 4, 3)):
        picture = rng.integers(0, 256, (h, w, 3), dtype=np.uint8)
        got = Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
        want = resize_columns(picture, width).swapaxes(0, 1)
        want = resize_columns(want, height).swapaxes(0, 1)
        if not np.array_equal(np.array(got), want):
            return False
    return True


def main():
    warnings.simplefilter("ignore")
    failed = 0
    for check in CHECKS:
        holds = check()
        failed += not holds
        print("holds" if holds else "WRONG", check.__doc__, sep="  ")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
