#!/usr/bin/env python3
"""Small CLIP checkpoints with the outputs of every layer, dense and pruned.

    clip_fixtures.py [OUTDIR]        default: tests/fixtures beside this folder

Each OUTDIR/NAME is a checkpoint folder as transformers writes it, plus
oracle.safetensors; README.md lists the keys.

The pruned pass below takes the layers from transformers and the rule from the design:
a patch's score is the L2 norm of its embedding before CLS and position are added, the
top max(1, int(N * keep)) patches stay in ascending order, each with the position row
that it had, and CLS always stays.
"""

import argparse
import copy
import pathlib
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import CLIPModel

from clip_weights import config, random_model, save_folder

KEEPS = (1.0, 0.7, 0.5)
BATCH = 2
MIN_SCORE_GAP = 1e-5  # closer than this, rounding may choose another patch
STD = 0.1

TEXT = dict(
    hidden_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=48,
    vocab_size=99,
    max_position_embeddings=16,
    bos_token_id=97,
    eos_token_id=98,
    pad_token_id=98,
)
TINY = dict(
    hidden_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=256,
    image_size=32,
    patch_size=8,
)
# Nothing here is a power of two: heads of 16 in a width of 48, 25 patches, F 100.
ODD = dict(
    hidden_size=48,
    num_hidden_layers=3,
    num_attention_heads=3,
    intermediate_size=100,
    image_size=40,
    patch_size=8,
)
SMALL_TEXT = TEXT | dict(  # where the text tower is not the point: it only costs bytes
    hidden_size=24, num_hidden_layers=1, num_attention_heads=3, intermediate_size=40
)

# name: (configuration, seed, dtype of the stored weights)
FIXTURES = {
    "clip_tiny": (config(TINY, TEXT, 32), 1, torch.float32),
    "clip_tiny_f16": (config(TINY, TEXT, 32), 1, torch.float16),
    "clip_tiny_bf16": (config(TINY, TEXT, 32), 1, torch.bfloat16),
    "clip_gelu": (config(TINY, SMALL_TEXT, 32, hidden_act="gelu"), 2, torch.float32),
    "clip_odd": (config(ODD, SMALL_TEXT, 24), 3, torch.float32),
}


def embed_patches(vision, pixels):
    """[B, 3, S, S] -> [B, N, D], row-major patches, nothing added yet."""
    return vision.embeddings.patch_embedding(pixels).flatten(2).transpose(1, 2)


def choose(scores, keep, what):
    """Indices [B, K] of the highest scores [B, N], ascending; refuses a near tie."""
    n = scores.shape[1]
    k = max(1, int(n * keep))
    ranked, order = scores.sort(dim=1, descending=True, stable=True)
    if k < n:
        gap = (ranked[:, k - 1] - ranked[:, k]).min().item()
        if gap <= MIN_SCORE_GAP:
            sys.exit(f"{what}: score gap {gap:.2e} at keep {keep}: change the seed")
    return order[:, :k].sort(dim=1).values


def forward(model, pixels, keep, what=""):
    """The vision tower pruned before its encoder; a dict of every stage."""
    vision = model.vision_model
    patches = embed_patches(vision, pixels)
    b, _, d = patches.shape
    kept = choose(patches.norm(dim=2), keep, what)

    position = vision.embeddings.position_embedding.weight  # [1 + N, D], row 0 is CLS's
    chosen = patches.gather(1, kept[:, :, None].expand(-1, -1, d)) + position[1 + kept]
    cls = (vision.embeddings.class_embedding + position[0]).expand(b, 1, d)

    x = vision.pre_layrnorm(torch.cat([cls, chosen], dim=1))  # [B, 1 + K, D]
    out = {"patch_embeds": patches, "kept": kept, "hidden.0": x}
    for i, layer in enumerate(vision.encoder.layers):
        x = layer(x, attention_mask=None, causal_attention_mask=None)[0]
        out[f"hidden.{i + 1}"] = x
    out["pooled"] = vision.post_layernorm(x[:, 0])
    out["image_embeds"] = model.visual_projection(out["pooled"])
    return out


def check_dense(model, pixels, tolerance, what):
    """keep = 1 has to be the model that transformers runs."""
    ours = forward(model, pixels, 1.0)["image_embeds"]
    theirs = model.get_image_features(pixel_values=pixels)
    error = (ours - theirs).abs().max().item()
    assert error <= tolerance, f"{what}: keep=1 differs from transformers by {error:.2e}"


def compute_oracle(model, seed, what):
    """All keeps of one model (fp32 parameters) on one seeded batch.

    The passes run in fp64 and are rounded once, at the end: the values then do not
    depend on the CPU's order of summation, and a comparison sees the error of the
    program under test alone.
    """
    size = model.config.vision_config.image_size
    rng = np.random.default_rng([seed, 1])  # not the weights' stream
    pixels = torch.from_numpy(rng.standard_normal((BATCH, 3, size, size), dtype=np.float32))
    exact = copy.deepcopy(model).double()

    check_dense(model, pixels, 1e-6, what)
    check_dense(exact, pixels.double(), 1e-12, what)

    tensors = {"pixel_values": pixels}
    worst = 0.0
    for keep in KEEPS:
        stages = forward(exact, pixels.double(), keep, what)
        single = forward(model, pixels, keep, what)
        assert torch.equal(stages["kept"], single["kept"]), f"{what}: fp32 keeps other patches"
        if keep < 1:
            del stages["patch_embeds"]  # the same for every keep
        for key, value in stages.items():
            error = (value - single[key]).abs().max() / value.abs().max()
            worst = max(worst, error.item())
            dtype = torch.int64 if key == "kept" else torch.float32
            tensors[f"keep{round(keep * 100):03d}.{key}"] = value.to(dtype).contiguous()
    return tensors, worst


def make_fixture(folder, cfg, seed, dtype):
    save_folder(random_model(copy.deepcopy(cfg), seed, STD), folder, dtype)
    # Read back, so that a half-precision folder is computed from its rounded weights.
    model = CLIPModel.from_pretrained(
        folder, torch_dtype=torch.float32, attn_implementation="eager"
    ).eval()
    tensors, worst = compute_oracle(model, seed, folder.name)
    # One metadata key only: safetensors writes several in a random order.
    save_file(tensors, folder / "oracle.safetensors", metadata={"seed": str(seed)})
    print(f"{folder.name}: {len(tensors)} tensors; fp32 differs from fp64 by {worst:.1e} of max")


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    outdir = parser.parse_args().outdir

    torch.set_num_threads(1)
    with torch.no_grad():
        for name, (cfg, seed, dtype) in FIXTURES.items():
            (outdir / name).mkdir(parents=True, exist_ok=True)
            make_fixture(outdir / name, cfg, seed, dtype)


if __name__ == "__main__":
    main()
