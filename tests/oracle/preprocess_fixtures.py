#!/usr/bin/env python3
"""Pictures through CLIPImageProcessor: the values that enter the model.

    preprocess_fixtures.py [OUTDIR]  default: tests/fixtures beside this folder

Reads OUTDIR/images and OUTDIR/clip_*, so it runs after the other two scripts.

OUTDIR/preprocess.safetensors
    FILE.S            F32 [3, S, S]: the processor of the fixture of that image size
    FILE.EDGE.CROP    F32 [3, CROP, CROP]: shortest edge EDGE, then a crop of CROP;
                      where CROP is the larger one, the processor pads
OUTDIR/crop224.png    `wide.png` resized and cropped for S = 224, before the arithmetic
"""

import argparse
import pathlib

import numpy as np
from PIL import Image
from safetensors.numpy import save_file
from transformers import CLIPImageProcessor

import png_encode

# The folder whose preprocessor_config.json is used: the pictures.
PICTURES = {
    "clip_tiny": (
        "rgb.png",
        "rgba.png",
        "palette.png",
        "grey16.png",
        "one.png",
        "wide.png",
        "strip.png",
        "rgb420.jpg",
    ),
    "clip_odd": ("rgb.png",),
}
# (picture, shortest edge, crop): odd margins, and a crop that outgrows the picture.
CROPS = (("wide.png", 24, 17), ("rgb.png", 16, 21))


def values(processor, path):
    # Said, because transformers guesses: it takes a picture of 1 or 3 rows for one whose
    # channels come first.
    image = Image.open(path).convert("RGB")
    out = processor(image, input_data_format="channels_last", return_tensors="np")
    return out["pixel_values"][0]


def make_values(outdir):
    tensors = {}
    for folder, names in PICTURES.items():
        processor = CLIPImageProcessor.from_pretrained(outdir / folder)
        size = processor.size["shortest_edge"]
        for name in names:
            tensors[f"{name}.{size}"] = values(processor, outdir / "images" / name)
    for name, edge, crop in CROPS:
        processor = CLIPImageProcessor(size=edge, crop_size=crop)
        tensors[f"{name}.{edge}.{crop}"] = values(processor, outdir / "images" / name)
    save_file(tensors, outdir / "preprocess.safetensors")


def make_crop(outdir):
    """The true size once, as bytes: its 150,528 floats would be 600 KB."""
    processor = CLIPImageProcessor(do_rescale=False, do_normalize=False)
    crop = values(processor, outdir / "images" / "wide.png").astype(np.uint8)
    png = png_encode.encode(crop.transpose(1, 2, 0), png_encode.RGB)
    (outdir / "crop224.png").write_bytes(png)


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    outdir = parser.parse_args().outdir
    make_values(outdir)
    make_crop(outdir)


if __name__ == "__main__":
    main()
