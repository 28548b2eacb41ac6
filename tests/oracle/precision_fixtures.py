#!/usr/bin/env python3
"""CLIP's vision tower in bf16 and fp16, in two ways, from the weights of clip_tiny.

    precision_fixtures.py [OUTDIR]        default: tests/fixtures beside this folder

Writes OUTDIR/clip_tiny/precision.safetensors (F32): `pixel_values`, and for each TYPE of bf16
and fp16 `TYPE.native.image_embeds`, what transformers computes with the model and the pixels
cast to it (the residual stream too; norms and softmax accumulate in fp32), and
`TYPE.rounded.*`, what sparsetop documents: weights and inputs of products rounded to the type,
everything else exact (fp64 here). `fp32.image_embeds` is the same model untouched, in fp64.
"""

import argparse
import pathlib

import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPModel

TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def rounded_to(dtype):
    """Rounds what is F32, once: fp64 is cut to fp32 first, as the program under test has it."""
    return lambda x: x.float().to(dtype).double()


def round_products(model, dtype):
    """Every product of the model with weights and inputs of `dtype`, the rest as it is."""
    to_type = rounded_to(dtype)
    for module in model.modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)):
            module.weight.data = to_type(module.weight.data)
            module.register_forward_pre_hook(lambda _, args: (to_type(args[0]),))


def stages(model, pixels):
    out = model.vision_model(pixel_values=pixels, output_hidden_states=True)
    return {
        "hidden": out.hidden_states[-1],
        "image_embeds": model.visual_projection(out.pooler_output),
    }


def open_model(folder, dtype):
    return CLIPModel.from_pretrained(
        folder, torch_dtype=dtype, attn_implementation="eager"
    ).eval()


def compute(folder, pixels):
    tensors = {"pixel_values": pixels}
    exact = stages(open_model(folder, torch.float64), pixels.double())["image_embeds"]
    tensors["fp32.image_embeds"] = exact.float()
    for name, dtype in TYPES.items():
        native = stages(open_model(folder, dtype), pixels.to(dtype))["image_embeds"]
        model = open_model(folder, torch.float64)
        round_products(model, dtype)
        for key, value in stages(model, pixels.double()).items():
            tensors[f"{name}.rounded.{key}"] = value.float().contiguous()
        tensors[f"{name}.native.image_embeds"] = native.float().contiguous()
        rounded = tensors[f"{name}.rounded.image_embeds"]
        for what, value in (("native", native), ("rounded", rounded)):
            error = (value.double() - exact).norm() / exact.norm()
            print(f"{name} {what}: {error:.2e} from fp64")
        apart = (native.double() - rounded.double()).norm() / exact.norm()
        print(f"{name}: {apart:.2e} between the two")
    return tensors


def main():
    here = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outdir", nargs="?", type=pathlib.Path, default=here)
    outdir = parser.parse_args().outdir / "clip_tiny"
    torch.set_num_threads(1)
    pixels = load_file(here / "clip_tiny" / "oracle.safetensors")["pixel_values"]
    outdir.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        tensors = compute(here / "clip_tiny", pixels)
    save_file(tensors, outdir / "precision.safetensors", metadata={"of": "clip_tiny"})


if __name__ == "__main__":
    main()
