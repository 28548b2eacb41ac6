#!/usr/bin/env python3
"""One small Mamba in every kind of file.

    gguf_fixtures.py [OUTDIR]        default: tests/fixtures beside this folder

OUTDIR/gguf/ gets
    mamba/              config.json, model.safetensors and pytorch_model.bin: the same F32 values
    mamba_f32.gguf      the same as llama.cpp's convert_hf_to_gguf.py writes them
    mamba_f16.gguf      the matrices of products and the embeddings in halves, the rest F32
    mamba_bf16.gguf

The converter squeezes the convolution, stores A as -exp(A_log) and leaves out the head that is
the embeddings. Sizes are small for the repository's sake, and all different where they may be:
D 24, inner 48, N 8, K 4, R 4, two layers, 64 tokens.
"""

import json
import pathlib
import sys

import gguf
import numpy as np
import torch
from safetensors.torch import save_file

SEED = 6
D, INNER, N, K, R, LAYERS, VOCAB, EPSILON = 24, 48, 8, 4, 4, 2, 64, 1e-5
CONFIG = {
    "architectures": ["MambaForCausalLM"], "model_type": "mamba", "hidden_size": D,
    "intermediate_size": INNER, "expand": 2, "state_size": N, "conv_kernel": K, "time_step_rank": R,
    "num_hidden_layers": LAYERS, "vocab_size": VOCAB, "layer_norm_epsilon": EPSILON,
    "tie_word_embeddings": True, "use_bias": False, "use_conv_bias": True, "hidden_act": "silu",
    "residual_in_fp32": True, "torch_dtype": "float32",
}
BLOCK = {
    "norm.weight": "attn_norm.weight", "mixer.in_proj.weight": "ssm_in.weight",
    "mixer.conv1d.weight": "ssm_conv1d.weight", "mixer.conv1d.bias": "ssm_conv1d.bias",
    "mixer.x_proj.weight": "ssm_x.weight", "mixer.dt_proj.weight": "ssm_dt.weight",
    "mixer.dt_proj.bias": "ssm_dt.bias", "mixer.A_log": "ssm_a", "mixer.D": "ssm_d",
    "mixer.out_proj.weight": "ssm_out.weight",
}
WHOLE = {"backbone.embeddings.weight": "token_embd.weight",
         "backbone.norm_f.weight": "output_norm.weight"}
HALVES = ("token_embd.weight", "ssm_in.weight", "ssm_x.weight", "ssm_dt.weight", "ssm_out.weight")


def weights():
    """Of a state_dict: no bias is 0, no norm 1, A is near -1 ... -N."""
    random = torch.Generator().manual_seed(SEED)

    def normal(*shape, mean=0.0):
        return mean + 0.1 * torch.randn(*shape, generator=random)

    state = {"backbone.embeddings.weight": normal(VOCAB, D)}
    for i in range(LAYERS):
        layer = {
            "norm.weight": normal(D, mean=1.0),
            "mixer.A_log": torch.log(torch.arange(1.0, N + 1)) + normal(INNER, N),
            "mixer.D": normal(INNER, mean=1.0),
            "mixer.conv1d.weight": normal(INNER, 1, K),
            "mixer.conv1d.bias": normal(INNER),
            "mixer.in_proj.weight": normal(2 * INNER, D),
            "mixer.x_proj.weight": normal(R + 2 * N, INNER),
            "mixer.dt_proj.weight": normal(INNER, R),
            "mixer.dt_proj.bias": normal(INNER, mean=-1.0),
            "mixer.out_proj.weight": normal(D, INNER),
        }
        state |= {f"backbone.layers.{i}.{name}": tensor for name, tensor in layer.items()}
    state["backbone.norm_f.weight"] = normal(D, mean=1.0)
    return state


def name_there(name):
    if name in WHOLE:
        return WHOLE[name]
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{BLOCK[rest]}"


def as_stored(name, there, tensor, kind):
    """(numpy array, raw type or None) of a tensor in a file of this kind."""
    if name.endswith("A_log"):
        tensor = -torch.exp(tensor)
    values = tensor.squeeze().numpy()
    if kind == gguf.GGMLQuantizationType.F32 or not there.endswith(HALVES):
        return values, None
    if kind == gguf.GGMLQuantizationType.F16:
        return values.astype(np.float16), None
    return gguf.quants.quantize(values, kind), kind


def write_gguf(path, state, kind):
    writer = gguf.GGUFWriter(path, "mamba")
    writer.add_name("a small Mamba")
    writer.add_context_length(1 << 20)
    writer.add_embedding_length(D)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_block_count(LAYERS)
    writer.add_ssm_conv_kernel(K)
    writer.add_ssm_inner_size(INNER)
    writer.add_ssm_state_size(N)
    writer.add_ssm_time_step_rank(R)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_ssm_dt_b_c_rms(False)
    for name, tensor in state.items():
        there = name_there(name)
        values, raw = as_stored(name, there, tensor, kind)
        writer.add_tensor(there, values, raw_dtype=raw)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    here = pathlib.Path(__file__).resolve().parent
    outdir = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else here.parent / "fixtures") / "gguf"
    folder = outdir / "mamba"
    folder.mkdir(parents=True, exist_ok=True)
    state = weights()
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    torch.save(state, folder / "pytorch_model.bin")
    for kind in (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16,
                 gguf.GGMLQuantizationType.BF16):
        write_gguf(outdir / f"mamba_{kind.name.lower()}.gguf", state, kind)


if __name__ == "__main__":
    main()
