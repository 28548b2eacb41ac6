#!/usr/bin/env python3
"""Writes a Mamba of a preset's size with random weights as GGUF, for peers that read nothing else.

    mamba_gguf.py VOCABULARY.gguf OUT.gguf [--type F32|F16|BF16] [--size 130m|370m]

The vocabulary is taken from a file that has one (GPT-NeoX's); time does not depend on values
as long as none is denormal. Needs the packages gguf and numpy.
"""

import argparse

import gguf
import numpy as np

SIZES = {"130m": (768, 24), "370m": (1024, 48)}
STATE, CONV, ROWS = 16, 4, 50280
TYPES = {"F32": gguf.GGMLQuantizationType.F32, "F16": gguf.GGMLQuantizationType.F16,
         "BF16": gguf.GGMLQuantizationType.BF16}


def copy_vocabulary(reader, writer):
    for key, field in reader.fields.items():
        if not key.startswith("tokenizer."):
            continue
        kind = field.types[0]
        if kind == gguf.GGUFValueType.ARRAY:
            values = field.contents()
            if key != "tokenizer.ggml.merges":  # the file's rows are padded further
                values = values[:ROWS]
            writer.add_array(key, values)
        else:
            writer.add_key_value(key, field.contents(), kind)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("vocabulary")
    parser.add_argument("out")
    parser.add_argument("--type", choices=TYPES, default="F32")
    parser.add_argument("--size", choices=SIZES, default="130m")
    args = parser.parse_args()
    width, layers = SIZES[args.size]
    inner, rank = 2 * width, (width + 15) // 16
    random = np.random.default_rng(0)
    writer = gguf.GGUFWriter(args.out, "mamba")
    writer.add_name("random mamba")
    writer.add_context_length(1 << 20)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_block_count(layers)
    writer.add_ssm_conv_kernel(CONV)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(STATE)
    writer.add_ssm_time_step_rank(rank)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type({"F32": 0, "F16": 1, "BF16": 32}[args.type])
    copy_vocabulary(gguf.GGUFReader(args.vocabulary), writer)

    def put(name, values, small=False):
        values = np.ascontiguousarray(values, dtype=np.float32)
        kind = gguf.GGMLQuantizationType.F32 if small else TYPES[args.type]
        writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)

    def matrix(out, into):
        return random.standard_normal((out, into)) / np.sqrt(into)

    put("token_embd.weight", 0.02 * random.standard_normal((ROWS, width)))
    put("output_norm.weight", np.ones(width), small=True)
    for i in range(layers):
        b = f"blk.{i}."
        put(b + "attn_norm.weight", np.ones(width), small=True)
        put(b + "ssm_in.weight", matrix(2 * inner, width))
        put(b + "ssm_conv1d.weight", matrix(inner, CONV), small=True)
        put(b + "ssm_conv1d.bias", np.zeros(inner), small=True)
        put(b + "ssm_x.weight", matrix(rank + 2 * STATE, inner))
        put(b + "ssm_dt.weight", matrix(inner, rank))
        put(b + "ssm_dt.bias", random.uniform(-6, -2, inner), small=True)
        put(b + "ssm_a", -np.tile(np.arange(1, STATE + 1), (inner, 1)), small=True)
        put(b + "ssm_d", np.ones(inner), small=True)
        put(b + "ssm_out.weight", matrix(width, inner))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
