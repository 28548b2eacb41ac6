#!/usr/bin/env python3
"""Pictures through Qwen2VLImageProcessor: the rows of patches that enter the model.

    vlm_preprocess_fixtures.py [OUTDIR]  default: tests/fixtures beside this folder

Made with transformers 4.57.6 (older ones refuse pictures narrower than the factor) and
Pillow 11.0.0. Pillow 13 resizes along columns first where that is less work, and other
bytes come out: it is refused. Reads the committed pictures. Uses the slow processor, on Pillow; the
fast one's resize (torchvision) differs by up to two of 255 levels.

OUTDIR/vlm_preprocess/cases.json
    {"cases": [{name, picture, side, config, rows, columns, width, height, limit, sha256,
                shown_sha256}]}
    config is what the processor itself saves as its preprocessor_config.json; limit is -1
    (shrunk by max_pixels), 0 (rounded) or 1 (grown by min_pixels); sha256 is that of the
    F32 rows, little endian; shown_sha256 that of the resized picture's RGB
OUTDIR/vlm_preprocess/patches.safetensors
    NAME              F32 [rows * columns, 3 * T * P * P] of the cases that are small
OUTDIR/vlm_preprocess/smart_resize.json
    {"sizes": [[height, width, factor, min_pixels, max_pixels, to_height, to_width, limit]],
     "refused": [[height, width]]}
"""

import argparse
import hashlib
import json
import math
import pathlib
import random

import numpy as np
import PIL
from PIL import Image
from safetensors.numpy import save_file
from transformers import CLIPImageProcessor, Qwen2VLImageProcessor
from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

SEED = 5
SMALL = 8192  # floats of a case whose rows are kept beside their hash

# name: (picture, forced side, what the processor is made with)
PICTURES = {
    "rounded": ("grey_alpha.png", 0, {"patch_size": 4, "min_pixels": 64, "max_pixels": 4096}),
    "shrunk": ("wide.png", 0, {"patch_size": 4, "min_pixels": 64, "max_pixels": 1024}),
    "grown": ("palette.png", 0, {"patch_size": 3, "min_pixels": 900, "max_pixels": 4096}),
    "one": ("one.png", 0, {"patch_size": 4, "min_pixels": 1, "max_pixels": 4096}),
    "strip": ("strip.png", 0, {"patch_size": 2, "min_pixels": 16, "max_pixels": 4096}),
    "one_frame": ("rgb16.png", 0, {"patch_size": 5, "temporal_patch_size": 1, "merge_size": 1,
                                   "min_pixels": 25, "max_pixels": 4096}),
    "three_frames": ("rgba.png", 0, {"patch_size": 2, "temporal_patch_size": 3, "merge_size": 3,
                                     "min_pixels": 36, "max_pixels": 4096}),
    "not_normalised": ("rgb.ppm", 0, {"patch_size": 4, "min_pixels": 64, "max_pixels": 4096,
                                      "do_normalize": False}),
    "side": ("wide.png", 16, {"patch_size": 4}),
    "side_grown": ("rgb_trns.png", 24, {"patch_size": 2, "merge_size": 3}),
    "qwen": ("wide.png", 0, {"min_pixels": 3136, "max_pixels": 12845056}),
    "qwen_large": ("rgb.png", 0, {"min_pixels": 313600, "max_pixels": 12845056}),
    "qwen_side": ("wide.png", 224, {"min_pixels": 3136, "max_pixels": 12845056}),
}


# Made by image_fixtures.py, of the other list (make.py).
READ_FROM = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "images"


def check_pillow():
    """Rows first, then columns, whatever the sizes: 10.4 to 12.3 do so, 13.0 does not."""
    noise = np.random.default_rng(SEED).integers(0, 256, (57, 13, 3), dtype=np.uint8)
    image, bicubic = Image.fromarray(noise), Image.Resampling.BICUBIC
    apart = image.resize((30, 57), bicubic).resize((30, 22), bicubic)
    if image.resize((30, 22), bicubic).tobytes() != apart.tobytes():
        raise SystemExit(f"Pillow {PIL.__version__} resizes columns first: use 11.0.0")


def read(path):
    return Image.open(path).convert("RGB")


def square(image, side):
    """Shortest edge to `side`, then the centre: CLIP's way, on bytes."""
    processor = CLIPImageProcessor(size=side, crop_size=side, do_rescale=False, do_normalize=False)
    out = processor(image, input_data_format="channels_last", return_tensors="np")
    return Image.fromarray(out["pixel_values"][0].astype(np.uint8).transpose(1, 2, 0))


def limit_of(height, width, factor, min_pixels, max_pixels):
    """Which branch of smart_resize is taken: by its condition, on Python's own round()."""
    area = round(height / factor) * factor * round(width / factor) * factor
    return -1 if area > max_pixels else 1 if area < min_pixels else 0


def run(processor, image):
    # Said, because transformers guesses: it takes a picture of 1 or 3 rows for one whose
    # channels come first.
    return processor(image, input_data_format="channels_last", return_tensors="np")


def shown(processor, image, grid):
    """The bytes that the values were made of, [H, W, 3]."""
    _, rows, columns = (int(n) for n in grid)
    side = processor.patch_size
    if not processor.do_resize:
        return np.asarray(image)
    return np.asarray(image.resize((columns * side, rows * side), Image.Resampling.BICUBIC))


def sha256(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def make_case(name, path, side, arguments):
    """The row of cases.json, and the patches."""
    processor = Qwen2VLImageProcessor(**arguments)
    config = {key: v for key, v in processor.to_dict().items() if v is not None}
    image = read(path)
    limit = limit_of(image.height, image.width, processor.patch_size * processor.merge_size,
                     processor.min_pixels, processor.max_pixels)
    if side:  # the picture has its size already
        image, limit, processor.do_resize = square(image, side), 0, False
    out = run(processor, image)
    patches, grid = out["pixel_values"], out["image_grid_thw"][0]
    assert patches.dtype == np.float32 and grid[0] == 1 and len(patches) == grid[1] * grid[2]
    return {
        "name": name, "picture": path.name, "side": side, "config": config,
        "rows": int(grid[1]), "columns": int(grid[2]),
        "height": int(grid[1]) * processor.patch_size, "width": int(grid[2]) * processor.patch_size,
        "limit": limit, "sha256": sha256(patches),
        "shown_sha256": sha256(shown(processor, image, grid)),
    }, patches


def make_cases(outdir):
    cases, tensors = [], {}
    for name, (picture, side, arguments) in PICTURES.items():
        case, patches = make_case(name, READ_FROM / picture, side, arguments)
        cases.append(case)
        if patches.size <= SMALL:
            tensors[name] = patches
    limits = {case["limit"] for case in cases}
    assert limits == {-1, 0, 1}, limits
    folder = outdir / "vlm_preprocess"
    save_file(tensors, folder / "patches.safetensors")
    write_rows(folder / "cases.json", {"cases": cases})


def sizes(rng):
    """[height, width, factor, min_pixels, max_pixels]: the usual, the edges, the random."""
    qwen = (28, 3136, 12845056)
    for height, width in ((480, 640), (640, 480), (3000, 4000), (8000, 6000), (1, 1), (1, 200), (200, 1),
                          (14, 14), (42, 42), (70, 98), (126, 13), (27, 5400), (56, 56), (55, 55),
                          (13377, 13377), (945, 189000)):
        yield height, width, *qwen
        yield height, width, 28, 3136, 1003520
    for half in range(1, 24, 2):  # halves: to the even multiple
        yield half * 14, 280, *qwen
        yield half * 4, half * 12, 8, 64, 4096
    for _ in range(300):
        factor = rng.choice((6, 8, 16, 28, 28, 28, 32, 56))
        height = int(math.exp(rng.uniform(0, math.log(12000))))
        width = max(1, int(height * math.exp(rng.uniform(-5, 5))))
        low = factor * factor * rng.randint(1, 64)
        yield height, width, factor, low, low * rng.randint(1, 400)


def make_sizes(outdir):
    rng = random.Random(SEED)
    rows = []
    for row in sizes(rng):
        if max(row[:2]) <= 200 * min(row[:2]):
            rows.append([*row, *smart_resize(*row[:2], factor=row[2], min_pixels=row[3], max_pixels=row[4]),
                         limit_of(*row)])
    refused = [[1, 201], [201, 1], [5, 1001], [178956970, 1]]
    for height, width in refused:
        try:
            smart_resize(height, width)
        except ValueError:
            continue
        raise AssertionError(f"{height} x {width} is not refused")
    write_rows(outdir / "vlm_preprocess" / "smart_resize.json", {"sizes": rows, "refused": refused})


def write_rows(path, lists):
    """A line per row, so that a change can be read."""
    parts = []
    for key, rows in lists.items():
        parts.append(f"{json.dumps(key)}: [\n" + ",\n".join(map(json.dumps, rows)) + "\n]")
    path.write_text("{" + ",\n".join(parts) + "}\n")


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    outdir = parser.parse_args().outdir
    check_pillow()
    (outdir / "vlm_preprocess").mkdir(parents=True, exist_ok=True)
    make_cases(outdir)
    make_sizes(outdir)


if __name__ == "__main__":
    main()
