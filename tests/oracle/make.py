#!/usr/bin/env python3
"""Makes all fixtures, or checks that the committed ones are what the scripts make.

    make.py              writes tests/fixtures
    make.py --check      writes elsewhere and compares; exit status 1 on a difference
    make.py --vlm        the same of the vision-language fixtures, also with --check

The two lists are made with different releases of transformers (README.md).
"""

import argparse
import filecmp
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE.parent / "fixtures"
SCRIPTS = (  # in this order
    "clip_fixtures.py",
    "image_fixtures.py",
    "preprocess_fixtures.py",
    "quality_fixtures.py",
    "reduce_fixtures.py",
    "siglip_fixtures.py",
    "text_fixtures.py",
    "tokenizer_fixtures.py",
    "zero_shot_fixtures.py",
    "weight_fixtures.py",
    "flops_fixtures.py",
    "torch_fixtures.py",
)
VLM_SCRIPTS = (  # in this order, of requirements_vlm.txt
    "byte_bpe_fixtures.py",
    "encoder_fixtures.py",
    "gguf_fixtures.py",
    "embedding_fixtures.py",
    "llava_fixtures.py",
    "mamba_fixtures.py",
    "long_conv_fixtures.py",
    "mixer_fixtures.py",
    "mrss_fixtures.py",
    "precision_fixtures.py",
    "qwen_fixtures.py",
    "qwen_reduce_fixtures.py",
    "smart_resize_fixtures.py",
    "vlm_flops_fixtures.py",
    "vlm_preprocess_fixtures.py",
)


def make(scripts, outdir):
    for script in scripts:
        subprocess.run([sys.executable, HERE / script, outdir], check=True)


def differences(made, committed):
    """Paths that are missing from `committed` or have other bytes there."""
    for path in sorted(made.rglob("*")):
        name = path.relative_to(made)
        if path.is_file():
            twin = committed / name
            if not twin.is_file() or not filecmp.cmp(path, twin, shallow=False):
                yield name


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, change nothing")
    parser.add_argument("--vlm", action="store_true", help="the vision-language fixtures")
    args = parser.parse_args()
    scripts = VLM_SCRIPTS if args.vlm else SCRIPTS
    if not args.check:
        make(scripts, FIXTURES)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        made = pathlib.Path(folder)
        make(scripts, made)
        changed = list(differences(made, FIXTURES))
    for name in changed:
        print("differs:", name)
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
