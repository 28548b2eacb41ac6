#!/usr/bin/env python3
"""What two tools count for one image in the published towers, every method.

    flops_fixtures.py [OUTDIR]       default: tests/fixtures beside this folder

OUTDIR/flops.json: per row a preset, knobs, and the counts of
    torch    torch.utils.flop_counter.FlopCounterMode, attention written as products
    fvcore   fvcore.nn.FlopCountAnalysis, attention one operator, which fvcore skips
Scores of cls and evit are one row of products of their own, as beside a fused attention;
knorm, qnorm and kqnorm project keys or queries of all rows, the rest of those that stay.
The parameters are random: counts do not look at them. Published figures are asserted here.
"""

import argparse
import json
import logging
import pathlib
import warnings

import torch
from fvcore.nn import FlopCountAnalysis
from fvcore.nn.jit_handles import conv_flop_count, get_shape
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

import reduce_rules
from cases import case, name_of, plan_of
from tower import Tower

# Of ViT-B, whose width is the configuration's default, and of none.
TEXT_B = dict(hidden_size=512, num_hidden_layers=12, num_attention_heads=8, intermediate_size=2048)
NO_TEXT = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)


def clip(width, mlp, depth, heads, patch, image, projection):
    vision = dict(
        hidden_size=width,
        intermediate_size=mlp,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        patch_size=patch,
        image_size=image,
    )
    return CLIPModel(
        CLIPConfig(vision_config=vision, text_config=NO_TEXT, projection_dim=projection)
    )


def siglip_b16():
    vision = dict(hidden_size=768, intermediate_size=3072, image_size=224, patch_size=16)
    return SiglipModel(SiglipConfig(vision_config=vision, text_config=NO_TEXT))


PRESETS = {
    "clip-vit-b16": lambda: clip(768, 3072, 12, 12, 16, 224, 512),
    "clip-vit-b32": lambda: clip(768, 3072, 12, 12, 32, 224, 512),
    "clip-vit-l14": lambda: clip(1024, 4096, 24, 16, 14, 224, 768),
    "siglip-b16": siglip_b16,
}


def b16_cases():
    yield case()
    for keep in (0.9, 0.7, 0.5):
        yield case("l2", "", keep)
        yield case("l2", "", keep, "dropped")
    yield case("l2", "", 0.7, "all")
    for method in ("l2", "knorm", "qnorm", "kqnorm", "cls", "evit", "aligned"):
        yield case(method, "3+6+9", 0.7)
        yield case(method, "3+6+9", 0.7, "dropped") if method != "evit" else case("evit", "", 0.5)
    for method in ("knorm", "kqnorm"):
        yield case(method, "embed", 0.7)
    yield case("cls", "", 0.9)
    for r in (8, 13, 16):
        yield case("tome", merge_r=r)
    for size in (128, 448, 800):
        yield case(image_size=size)
    yield case("l2", "", 0.5, image_size=448)


CASES = {
    "clip-vit-b16": list(b16_cases()),
    "clip-vit-b32": [case(), case("l2", "", 0.5)],
    "clip-vit-l14": [case(), case("l2", "", 0.5)],
    "siglip-b16": [case(), case("l2", "", 0.7), case("knorm", "3+6+9", 0.7), case("tome", merge_r=8)],
}

# (preset, case): torch GMAC, fvcore G; as published, None where nothing was.
PUBLISHED = {
    ("clip-vit-b16", "dense"): (17.5635, 16.867),
    ("clip-vit-b16", "l2.0.9"): (15.727, 15.166),
    ("clip-vit-b16", "l2.0.7"): (12.188, 11.850),
    ("clip-vit-b16", "l2.0.5"): (8.705, 8.534),
    ("clip-vit-b16", "l2.0.9.dropped"): (15.818, None),
    ("clip-vit-b16", "l2.0.7.dropped"): (12.278, None),
    ("clip-vit-b16", "l2.0.5.dropped"): (8.794, None),
    ("clip-vit-b16", "tome.8"): (13.11, None),
    ("clip-vit-b16", "tome.13"): (10.37, None),
    ("clip-vit-b16", "tome.16"): (8.77, None),
    ("clip-vit-b16", "text"): (2.980, None),
    ("clip-vit-b32", "dense"): (4.409, None),
    ("clip-vit-l14", "dense"): (81.01, None),
}


class Pass(torch.nn.Module):
    """One image through a tower, for fvcore to trace."""

    def __init__(self, tower, plan):
        super().__init__()
        self.model, self.tower, self.plan = tower.model, tower, plan

    def forward(self, pixels):
        trace = self.tower.forward(pixels[0], self.plan)
        # Decisions are taken in Python: a product that only serves them would look unused.
        return trace.embed, *trace.products


class Text(torch.nn.Module):
    """One text of 77 tokens; the last norm only of the row that is used."""

    def __init__(self, model):
        super().__init__()
        self.model, self.tower = model, model.text_model

    def forward(self, ids):
        x = self.tower.embeddings(input_ids=ids)
        mask = torch.full((ids.shape[1], ids.shape[1]), -1e9).triu(1)[None, None]
        x = self.tower.encoder(inputs_embeds=x, causal_attention_mask=mask)[0]
        return self.model.text_projection(self.tower.final_layer_norm(x[:, -1]))


def text_model(attention):
    cfg = CLIPConfig(vision_config=NO_TEXT, text_config=TEXT_B, projection_dim=512)
    return Text(CLIPModel._from_config(cfg, attn_implementation=attention)).eval()


def text_row():
    ids = torch.full((1, 77), 49407)
    with FlopCounterMode(display=False) as counter:
        text_model("eager")(ids)
    analysis = FlopCountAnalysis(text_model("sdpa"), ids)
    return {"torch": int(counter.get_total_flops()), "fvcore": int(analysis.total())}


def worded_convolution(inputs, outputs):
    """One whose padding is given in words, as SigLIP's, which fvcore does not know."""
    return conv_flop_count(get_shape(inputs[0]), get_shape(inputs[1]), get_shape(outputs[0]))


def count(model, size, plan):
    pixels = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    with FlopCounterMode(display=False) as counter:
        trace = Tower(model).forward(pixels[0], plan)
    analysis = FlopCountAnalysis(Pass(Tower(model, fused=True), plan), pixels)
    analysis.set_op_handle("aten::_convolution_mode", worded_convolution)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return counter.get_total_flops(), analysis.total(), trace.counts


def near(got, published):
    """Equal in the digits that were published."""
    digits = len(str(published).split(".")[1])
    return abs(got - published) <= 0.5 * 10.0**-digits + 1e-9


def check_published(preset, name, torch_flops, fvcore_flops):
    want = PUBLISHED.get((preset, name), (None, None))
    for got, published in zip((torch_flops / 2e9, fvcore_flops / 1e9), want):
        ok = published is None or near(got, published)
        assert ok, f"{preset} {name}: {got:.6f}, published {published}"


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=default)
    outdir = parser.parse_args().outdir

    warnings.simplefilter("ignore")  # the tracer's: decisions are taken in Python
    logging.disable(logging.WARNING)
    reduce_rules.MIN_GAP = -1.0  # which token goes does not change a count
    rows = []
    with torch.no_grad():
        for preset, make in PRESETS.items():
            model = make().eval()
            own = model.config.vision_config.image_size
            for knobs in CASES[preset]:
                size = int(knobs.get("image-size", own))
                torch_flops, fvcore_flops, counts = count(model, size, plan_of(knobs))
                check_published(preset, name_of(knobs), torch_flops, fvcore_flops)
                row = {"preset": preset, "name": name_of(knobs), "knobs": knobs}
                row |= {"torch": int(torch_flops), "fvcore": int(fvcore_flops), "rows": counts}
                rows.append(row)
                print(preset, name_of(knobs), f"{torch_flops / 2e9:.4f} {fvcore_flops / 1e9:.4f}")
        row = text_row()
        check_published("clip-vit-b16", "text", row["torch"], row["fvcore"])
        rows.append({"preset": "clip-vit-b16", "name": "text", "knobs": {}} | row)
    text = ",\n".join("  " + json.dumps(row) for row in rows)
    (outdir / "flops.json").write_text("[\n" + text + "\n]\n")


if __name__ == "__main__":
    main()
