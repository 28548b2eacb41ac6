#!/usr/bin/env python3
"""Times vision towers of transformers, the peers of `sparsetop run`.

    peer_torch.py [--tower NAME] [--dtype fp32|bf16] [--batch 1,8] [--keep 1,.9,.7,.5]
                  [--image-size 224,504] [--rounds 10] [--model FOLDER]
    peer_torch.py --serve            one pass per line "BATCH KEEP [PIXELS]" on stdin

Towers are CLIP's ViT-B/16 and Qwen2-VL's, of the sizes of sparsetop's presets, with random
weights. Attention is sdpa; tokens are dropped before the encoder as sparsetop does it
(method l2, prune-at embed). Settings are interleaved within a round, so that drift of the
machine meets all of them alike; one JSON line per setting at the end, times in ms. With
--serve a driver can interleave another program's passes too: each line is answered by one
JSON line. Needs the packages of tests/oracle/requirements_vlm.txt.
"""

import argparse
import itertools
import json
import statistics
import sys
import time

import torch
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
from transformers.models.qwen2_vl.configuration_qwen2_vl import Qwen2VLVisionConfig
from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VisionTransformerPretrainedModel

VIT_B16 = dict(
    hidden_size=768,
    intermediate_size=3072,
    num_hidden_layers=12,
    num_attention_heads=12,
    image_size=224,
    patch_size=16,
    projection_dim=512,
)
QWEN2_VL = {
    "qwen2-vl-2b-visual": dict(embed_dim=1280, depth=32, num_heads=16, hidden_size=1536),
    "qwen2-vl-7b-visual": dict(embed_dim=1280, depth=32, num_heads=16, hidden_size=3584),
    "qwen2-vl-2b-visual:tiny": dict(embed_dim=64, depth=4, num_heads=4, hidden_size=64),
}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def kept_rows(scores, keep):
    """[B, N] -> [B, k]: the best of each row, ascending."""
    k = max(1, int(scores.shape[1] * keep))
    return scores.topk(k, dim=1).indices.sort(dim=1).values


def random_model(cls, config, dtype):
    # Time does not depend on the values as long as none is denormal.
    torch.manual_seed(0)
    return cls._from_config(config, attn_implementation="sdpa").to(dtype).eval()


class Clip:
    """CLIP's vision tower, of pictures of the one size it knows."""

    def __init__(self, folder, dtype):
        cls = CLIPVisionModelWithProjection
        if folder:
            self.model = cls.from_pretrained(
                folder, torch_dtype=dtype, attn_implementation="sdpa"
            ).eval()
        else:
            self.model = random_model(cls, CLIPVisionConfig(**VIT_B16), dtype)
        self.image_size = self.model.config.image_size

    def make_input(self, batch, pixels):
        if pixels != self.image_size:
            sys.exit(f"CLIP: pictures have {self.image_size} pixels a side")
        generator = torch.Generator().manual_seed(1)
        pictures = torch.randn(batch, 3, pixels, pixels, generator=generator)
        return pictures.to(self.model.dtype)

    def forward(self, pictures, keep):
        """[B, 3, S, S] -> embeddings [B, P] and the number of tokens in the encoder."""
        if keep >= 1:
            out = self.model(pixel_values=pictures).image_embeds
            return out, self.model.vision_model.embeddings.num_positions

        vision = self.model.vision_model
        patches = vision.embeddings.patch_embedding(pictures).flatten(2).transpose(1, 2)
        b, _, d = patches.shape
        kept = kept_rows(patches.norm(dim=2), keep)
        position = vision.embeddings.position_embedding.weight
        chosen = patches.gather(1, kept[:, :, None].expand(-1, -1, d)) + position[1 + kept]
        cls = (vision.embeddings.class_embedding + position[0]).expand(b, 1, d)
        x = vision.pre_layrnorm(torch.cat([cls, chosen], dim=1))
        x = vision.encoder(inputs_embeds=x).last_hidden_state
        x = self.model.visual_projection(vision.post_layernorm(x[:, 0]))
        return x, 1 + kept.shape[1]


class Qwen2VL:
    """Qwen2-VL's vision tower, of square pictures of any size."""

    image_size = 224

    def __init__(self, sizes, dtype):
        config = Qwen2VLVisionConfig(**sizes)
        self.model = random_model(Qwen2VisionTransformerPretrainedModel, config, dtype)
        self.patch = config.patch_size
        self.unit = config.spatial_merge_size**2  # patches that go or stay together
        self.floats = 3 * config.temporal_patch_size * self.patch**2

    def make_input(self, batch, pixels):
        side = pixels // self.patch
        generator = torch.Generator().manual_seed(1)
        patches = torch.randn(batch * side * side, self.floats, generator=generator)
        return patches.to(self.model.dtype), torch.tensor([[1, side, side]] * batch)

    def forward(self, patches_and_grid, keep):
        """[B N, K] -> visual tokens [B k, P] and the patches of a picture in the blocks."""
        patches, grid = patches_and_grid
        if keep >= 1:
            return self.model(patches, grid_thw=grid), len(patches) // len(grid)

        def units_of(t):
            return t.unflatten(0, (-1, self.unit))

        x = units_of(self.model.patch_embed(patches))
        turn = units_of(self.model.rot_pos_emb(grid))
        kept = kept_rows(x.norm(dim=2).mean(dim=1).view(len(grid), -1), keep)
        a_picture = len(x) // len(grid)
        rows = (kept + a_picture * torch.arange(len(grid))[:, None]).flatten()
        x, turn = x[rows].flatten(0, 1), turn[rows].flatten(0, 1)
        turn = torch.cat([turn, turn], dim=1)
        rotary = turn.cos(), turn.sin()
        tokens = self.unit * kept.shape[1]
        ends = torch.arange(len(grid) + 1, dtype=torch.int32) * tokens
        for block in self.model.blocks:
            x = block(x, cu_seqlens=ends, position_embeddings=rotary)
        return self.model.merger(x), tokens


def make_tower(name, folder, dtype):
    if name == "clip-vit-b16":
        return Clip(folder, dtype)
    return Qwen2VL(QWEN2_VL[name], dtype)


class Bench:
    """One tower and one input per batch and size of pictures."""

    def __init__(self, tower):
        self.tower = tower
        self.inputs = {}

    def time_pass(self, batch, keep, pixels=None):
        """Milliseconds of one pass, and its tokens per picture."""
        key = batch, pixels or self.tower.image_size
        if key not in self.inputs:
            self.inputs[key] = self.tower.make_input(*key)
        start = time.perf_counter_ns()
        _, tokens = self.tower.forward(self.inputs[key], keep)
        return (time.perf_counter_ns() - start) / 1e6, tokens


def describe(batch, keep, pixels, tokens, **numbers):
    setting = dict(program="torch", version=torch.__version__, batch=batch, keep=keep)
    if pixels:
        setting["image_size"] = pixels
    print(json.dumps(setting | dict(tokens=tokens) | numbers), flush=True)


def run_rounds(bench, settings, warmup, rounds):
    times = {setting: [] for setting in settings}
    tokens = {}
    for i in range(warmup + rounds):
        for setting in settings:
            ms, tokens[setting] = bench.time_pass(*setting)
            if i >= warmup:
                times[setting].append(ms)
    for setting, values in times.items():
        describe(
            *setting,
            tokens[setting],
            rounds=rounds,
            min_ms=round(min(values), 3),
            p50_ms=round(statistics.median(values), 3),
            max_ms=round(max(values), 3),
        )


def serve(bench):
    for line in sys.stdin:
        batch, keep, *pixels = line.split()
        setting = int(batch), float(keep), int(pixels[0]) if pixels else None
        ms, tokens = bench.time_pass(*setting)
        describe(*setting, tokens, ms=round(ms, 3))


def numbers(kind):
    return lambda text: [kind(item) for item in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tower", default="clip-vit-b16", choices=["clip-vit-b16", *QWEN2_VL])
    parser.add_argument("--model", help="checkpoint folder of CLIP; default: random weights")
    parser.add_argument("--dtype", default="fp32", choices=DTYPES)
    parser.add_argument("--batch", type=numbers(int), default=[1, 8])
    parser.add_argument("--keep", type=numbers(float), default=[1.0, 0.9, 0.7, 0.5])
    parser.add_argument("--image-size", type=numbers(int), default=[None])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--serve", action="store_true", help="one pass per line of stdin")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    bench = Bench(make_tower(args.tower, args.model, DTYPES[args.dtype]))
    with torch.inference_mode():
        if args.serve:
            serve(bench)
        else:
            settings = list(itertools.product(args.batch, args.keep, args.image_size))
            run_rounds(bench, settings, args.warmup, args.rounds)


if __name__ == "__main__":
    main()
