#!/usr/bin/env python3
"""Small LLaVA-style checkpoints: a tower, its projector, and what a language model is handed.

    llava_fixtures.py [OUTDIR]       default: tests/fixtures beside this folder

OUTDIR/llava_tiny (CLIP) and llava_siglip_tiny are checkpoint folders with the hub's names,
without the language model, plus
    oracle.safetensors             pixel_values, image_features
    cases.json, cases.safetensors  as in reduce_fixtures.py, the projector behind the tower
"""

import argparse
import copy
import pathlib
import sys

import torch
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPImageProcessor,
    LlavaConfig,
    LlavaForConditionalGeneration,
    SiglipImageProcessor,
)

import reduce_rules as rules
import vlm_weights as weights
from cases import agree, case, compute, name_of, plan_of, random_pixels, stored, write
from exact import Exact, doubled
from tower import Tower

BATCH = 2
VISION = dict(hidden_size=24, intermediate_size=40, num_attention_heads=3, num_hidden_layers=4)
TEXT = dict(
    model_type="llama",
    hidden_size=40,
    intermediate_size=64,
    num_attention_heads=4,
    num_hidden_layers=2,
    vocab_size=99,
)


def config(vision, layer, strategy):
    """As published: what is the default of a tower is left out."""
    return {
        "architectures": ["LlavaForConditionalGeneration"],
        "ignore_index": -100,
        "image_token_index": 98,
        "model_type": "llava",
        "projector_hidden_act": "gelu",
        "text_config": TEXT,
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
        "vision_config": VISION | vision,
        "vision_feature_layer": layer,
        "vision_feature_select_strategy": strategy,
    }


CLIP = dict(model_type="clip_vision_model", image_size=20, patch_size=4, projection_dim=16)
SIGLIP = dict(
    model_type="siglip_vision_model", image_size=12, patch_size=2, vision_use_head=False
)  # as in the published files: no pooling head, and no tensors of one

# name: (config.json, seed)
FIXTURES = {
    "llava_tiny": (config(CLIP, -2, "default"), 1),
    "llava_siglip_tiny": (config(SIGLIP, -1, "full"), 2),
}


def cases():
    yield case("none")
    for keep in (0.7, 0.5):
        yield case("l2", "embed", keep)
        yield case("knorm", "0", keep)
    yield case("l2", "1+2", 0.7)
    yield case("knorm", "2", 0.5)
    yield case("aligned", "embed", 0.6)


class Projected(Tower):
    """The tower up to the layer whose rows are taken; layers behind it do not run."""

    def __init__(self, model, cfg):
        super().__init__(model.model.vision_tower)
        self.projector = model.model.multi_modal_projector
        at = cfg["vision_feature_layer"]  # of what enters layer 0 and what each one leaves
        self.layers = self.layers[: at % (len(self.layers) + 1)]
        self.first = int(cfg["vision_feature_select_strategy"] == "default")

    def pool(self, rows, rank):
        return self.projector(rows.x[self.first :])


def save_processor(folder, vision):
    size = vision["image_size"]
    square = {"height": size, "width": size}
    if vision["model_type"] == "siglip_vision_model":
        SiglipImageProcessor(size=square).save_pretrained(folder)
    else:
        CLIPImageProcessor(size={"shortest_edge": size}, crop_size=square).save_pretrained(folder)


def make_folder(folder, cfg, seed):
    """The checkpoint, and the model with the weights that its file has."""
    folder.mkdir(parents=True, exist_ok=True)
    model = LlavaForConditionalGeneration._from_config(
        LlavaConfig(**copy.deepcopy(cfg)), attn_implementation="eager", dtype=torch.float32
    ).eval()
    drawn = weights.random_tensors(model, seed)
    ours = ("vision_tower.", "multi_modal_projector.")
    tensors = {name: t for name, t in drawn.items() if name.startswith(ours)}
    weights.write_json(cfg, folder / "config.json")
    weights.save_weights(tensors, folder / "model.safetensors")
    save_processor(folder, cfg["vision_config"])

    read = load_file(folder / "model.safetensors")
    for prefix, module in zip(ours, (model.model.vision_tower, model.model.multi_modal_projector)):
        mine = {k.removeprefix(prefix): v for k, v in read.items() if k.startswith(prefix)}
        module.load_state_dict(mine)
    return model


def features(model, pixels):
    return torch.stack(model.get_image_features(pixel_values=pixels))


def run(tower, pixels, knobs):
    """As of any tower; what is handed on is one sequence, item after item."""
    out = compute(tower, pixels, plan_of(knobs))
    del out["hidden"]  # the projector shows every row of it
    return out | {"image_embeds": out["image_embeds"].flatten(0, 1)}


def compute_cases(exact, single, pixels):
    tensors, worst = {"pixel_values": pixels}, 0.0
    for knobs in cases():
        name = name_of(knobs)
        try:
            values = run(exact, pixels.double(), knobs)
        except rules.NearTie as tie:
            sys.exit(f"{name}: {tie}")
        worst = max(worst, agree(values, run(single, pixels, knobs), name))
        tensors |= {f"{name}.{key}": stored(value) for key, value in values.items()}
    return tensors, worst


def make_fixture(folder, cfg, seed):
    model = make_folder(folder, cfg, seed)
    exact = doubled(model)
    pixels = random_pixels(cfg["vision_config"]["image_size"], BATCH, seed)
    with Exact():
        theirs = features(exact, pixels.double())
    towers = [Projected(m, cfg) for m in (exact, model)]
    ours = run(towers[0], pixels.double(), case("none"))["image_embeds"]
    error = (ours - theirs.flatten(0, 1)).abs().max().item()
    assert error < 1e-12, f"{folder.name}: differs from transformers by {error:.2e}"

    oracle = {"pixel_values": pixels, "image_features": stored(theirs)}
    save_file(oracle, folder / "oracle.safetensors", metadata={"seed": str(seed)})
    tensors, worst = compute_cases(*towers, pixels)
    write(folder, "cases", tensors, list(cases()), seed)
    print(f"{folder.name}: {len(list(cases()))} cases; fp32 is off by {worst:.1e} of max")


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    outdir = parser.parse_args().outdir

    torch.set_num_threads(1)
    with torch.no_grad():
        for name, of in FIXTURES.items():
            make_fixture(outdir / name, *of)


if __name__ == "__main__":
    main()
