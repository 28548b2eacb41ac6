"""CLIP models whose every parameter is random, the same on every machine.

Default initialisation leaves biases at 0 and norm weights at 1, which hides a
forgotten bias or a swapped norm; here nothing has a value that can be left out.
numpy's PCG64 draws the numbers, because its stream does not depend on the version
of torch, on the number of threads, or on the CPU.
"""

import numpy as np
import torch
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel


def config(vision, text, projection_dim, hidden_act="quick_gelu"):
    """A CLIPConfig from the two towers' sizes (dicts of CLIPVisionConfig/CLIPTextConfig)."""
    act = {"hidden_act": hidden_act}
    return CLIPConfig(
        vision_config=vision | act | {"projection_dim": projection_dim},
        text_config=text | act | {"projection_dim": projection_dim},
        projection_dim=projection_dim,
    )


def randomise(model, seed, std):
    """Norm weights 1 + N(0, std), everything else N(0, std)."""
    rng = np.random.default_rng(seed)
    norm_weights = {
        name + ".weight"
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.LayerNorm)
    }
    with torch.no_grad():
        # Sorted: the order in which a release of transformers registers its parameters
        # must not change which number goes where.
        for name, param in sorted(model.named_parameters()):
            values = rng.standard_normal(tuple(param.shape), dtype=np.float32) * np.float32(std)
            param.copy_(torch.from_numpy(np.asarray(values)))
            if name in norm_weights:
                param += 1
    return model


def random_model(cfg, seed, std):
    """CLIPModel in fp32 with random parameters."""
    # Eager attention writes the softmax out; fused kernels would be a second unknown.
    model = CLIPModel._from_config(cfg, attn_implementation="eager").eval()
    return randomise(model, seed, std)


def save_folder(model, folder, dtype=torch.float32):
    """The folder that `save_pretrained` makes: config, weights, preprocessor."""
    size = model.config.vision_config.image_size
    model.to(dtype).save_pretrained(folder)
    processor = CLIPImageProcessor(
        size={"shortest_edge": size}, crop_size={"height": size, "width": size}
    )
    processor.save_pretrained(folder)
