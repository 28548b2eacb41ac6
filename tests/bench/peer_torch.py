#!/usr/bin/env python3
"""Times the CLIP vision tower of transformers, the peer of `sparsetop run`.

    peer_torch.py [--batch 1,8] [--keep 1,.9,.7,.5] [--rounds 10] [--model FOLDER]
    peer_torch.py --serve            one pass per line "BATCH KEEP" on stdin

fp32, sdpa, pruned before the encoder as sparsetop does it (method l2, prune-at embed).
Settings are interleaved within a round, so that drift of the machine meets all of them
alike; one JSON line per setting at the end, times in ms.  With --serve a driver can
interleave another program's passes too: each line is answered by one JSON line.
Needs the packages of tests/oracle/requirements.txt.
"""

import argparse
import json
import statistics
import sys
import time

import torch
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

VIT_B16 = dict(
    hidden_size=768,
    intermediate_size=3072,
    num_hidden_layers=12,
    num_attention_heads=12,
    image_size=224,
    patch_size=16,
    projection_dim=512,
)


def load_model(folder):
    if folder:
        return CLIPVisionModelWithProjection.from_pretrained(
            folder, torch_dtype=torch.float32, attn_implementation="sdpa"
        ).eval()
    # Time does not depend on the values as long as none is denormal.
    torch.manual_seed(0)
    config = CLIPVisionConfig(**VIT_B16)
    return CLIPVisionModelWithProjection._from_config(config, attn_implementation="sdpa").eval()


def forward(model, pixels, keep):
    """[B, 3, S, S] -> embeddings [B, P] and the number of tokens in the encoder."""
    if keep >= 1:
        out = model(pixel_values=pixels).image_embeds
        return out, model.vision_model.embeddings.num_positions

    vision = model.vision_model
    patches = vision.embeddings.patch_embedding(pixels).flatten(2).transpose(1, 2)
    b, n, d = patches.shape
    k = max(1, int(n * keep))
    kept = patches.norm(dim=2).topk(k, dim=1).indices.sort(dim=1).values
    position = vision.embeddings.position_embedding.weight
    chosen = patches.gather(1, kept[:, :, None].expand(-1, -1, d)) + position[1 + kept]
    cls = (vision.embeddings.class_embedding + position[0]).expand(b, 1, d)
    x = vision.pre_layrnorm(torch.cat([cls, chosen], dim=1))
    x = vision.encoder(inputs_embeds=x).last_hidden_state
    return model.visual_projection(vision.post_layernorm(x[:, 0])), 1 + k


class Bench:
    """One model and one input per batch size."""

    def __init__(self, model):
        self.model = model
        self.inputs = {}

    def time_pass(self, batch, keep):
        """Milliseconds of one pass, and its tokens per picture."""
        if batch not in self.inputs:
            size = self.model.config.image_size
            generator = torch.Generator().manual_seed(1)
            self.inputs[batch] = torch.randn(batch, 3, size, size, generator=generator)
        start = time.perf_counter_ns()
        _, tokens = forward(self.model, self.inputs[batch], keep)
        return (time.perf_counter_ns() - start) / 1e6, tokens


def describe(batch, keep, tokens, **numbers):
    setting = dict(program="torch", version=torch.__version__, batch=batch, keep=keep)
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
        batch, keep = line.split()
        ms, tokens = bench.time_pass(int(batch), float(keep))
        describe(int(batch), float(keep), tokens, ms=round(ms, 3))


def numbers(kind):
    return lambda text: [kind(item) for item in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="checkpoint folder; default: ViT-B/16, random")
    parser.add_argument("--batch", type=numbers(int), default=[1, 8])
    parser.add_argument("--keep", type=numbers(float), default=[1.0, 0.9, 0.7, 0.5])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--serve", action="store_true", help="one pass per line of stdin")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    bench = Bench(load_model(args.model))
    with torch.inference_mode():
        if args.serve:
            serve(bench)
        else:
            settings = [(batch, keep) for batch in args.batch for keep in args.keep]
            run_rounds(bench, settings, args.warmup, args.rounds)


if __name__ == "__main__":
    main()
