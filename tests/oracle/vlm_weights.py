"""Checkpoint folders of vision-language models as the hub has them, every parameter random.

The names are those of the published files (`visual.*`, `model.*`, `lm_head.weight`), which
are not the names that this release of transformers gives its modules; it reads both. The
numbers are drawn as in clip_weights.py, sorted by the published name.
"""

import json

import numpy as np
import torch
from safetensors.torch import save_file

HUB_NAMES = (  # ours, the hub's; the first that fits
    ("model.visual.", "visual."),
    ("model.language_model.", "model."),
    ("model.vision_tower.", "vision_tower."),
    ("model.multi_modal_projector.", "multi_modal_projector."),
)
MEAN = [0.48145466, 0.4578275, 0.40821073]
DEVIATION = [0.26862954, 0.26130258, 0.27577711]


def hub_name(name):
    for ours, hub in HUB_NAMES:
        if name.startswith(ours):
            return hub + name[len(ours) :]
    return name


def norm_weights(model):
    """Of LayerNorm and of every RMSNorm."""
    return {
        f"{name}.weight"
        for name, module in model.named_modules()
        if type(module).__name__.endswith("Norm")
    }


def random_tensors(model, seed, name_of=hub_name):
    """Matrices N(0, .2), biases N(0, .1), norm weights 1 + N(0, .1), by the hub's names."""
    rng = np.random.default_rng(seed)
    norms = {name_of(name) for name in norm_weights(model)}
    shapes = {name_of(name): p.shape for name, p in model.named_parameters()}
    out = {}
    for name in sorted(shapes):
        # Matrices this large make attention choose: with less, it is the mean of all rows.
        std = np.float32(0.2 if len(shapes[name]) > 1 else 0.1)
        values = rng.standard_normal(tuple(shapes[name]), dtype=np.float32) * std
        out[name] = torch.from_numpy(np.asarray(values)) + float(name in norms)
    return out


def save_weights(tensors, path):
    save_file(tensors, path, metadata={"format": "pt"})


def save_shards(tensors, folder, count):
    """`count` files with about as many tensors each, and the index that names them."""
    names = sorted(tensors)
    per_file = -(-len(names) // count)
    weight_map = {}
    for i in range(count):
        file = f"model-{i + 1:05d}-of-{count:05d}.safetensors"
        mine = names[i * per_file : (i + 1) * per_file]
        save_weights({name: tensors[name] for name in mine}, folder / file)
        weight_map |= dict.fromkeys(mine, file)
    size = sum(t.numel() * t.element_size() for t in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    write_json(index, folder / "model.safetensors.index.json")


def write_json(value, path):
    path.write_text(json.dumps(value, indent=2) + "\n")


def load(kind, folder):
    """The model that transformers reads from the folder, in fp32; nothing left over."""
    # Eager attention writes the softmax out; fused kernels would be a second unknown.
    model, report = kind.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    assert not any(report.values()), f"{folder.name}: {report}"
    return model.eval()
