#!/usr/bin/env python3
"""Checkpoints as torch.save writes them, each with a safetensors twin.

    torch_fixtures.py [OUTDIR]       default: tests/fixtures beside this folder

OUTDIR/torch/ gets
    weights.bin, weights.safetensors   every dtype, views, shared storages; the same values
    sharded/                           the same in two shards with their index
    parameter.bin, module.bin, protocol4.bin, list.bin    what must be refused

torch.save writes the same bytes for the same content and file name. (Not so the format
before torch 1.6: its keys are addresses. The test that refuses it writes its own.)
"""

import collections
import json
import pathlib
import sys

import torch
from safetensors.torch import save_file

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def weights():
    """A state_dict: views of one storage, strides of every kind, scalars and nothing."""
    random = torch.Generator().manual_seed(4)
    base = torch.randn(6, 10, generator=random)
    cube = torch.randn(2, 3, 4, generator=random)
    state = collections.OrderedDict()
    state["f32"] = torch.randn(3, 5, generator=random)
    state["f16"] = torch.randn(7, generator=random).half()
    state["bf16"] = torch.randn(2, 3, generator=random).bfloat16()
    state["f64"] = torch.randn(4, generator=random).double()
    state["embeddings.position_ids"] = torch.arange(300).expand(1, -1)
    state["shared.all"] = base
    state["shared.rows"] = base[2:5]
    state["shared.block"] = base[1:4, 3:9]
    state["transposed"] = torch.randn(4, 6, generator=random).t()
    state["transposed.f16"] = torch.randn(4, 6, generator=random).half().t()
    state["permuted"] = cube.permute(2, 0, 1)
    state["every_other"] = torch.arange(20.0)[1::2]
    state["expanded"] = torch.tensor([[1.5], [-2.5]]).expand(2, 3)
    state["scalar"] = torch.tensor(2.6592)
    state["empty"] = torch.zeros(0, 4)
    state["of_ones"] = torch.randn(1, 1, 3, generator=random).transpose(0, 1)
    # What nn.Module.state_dict() adds, and torch.save keeps with BUILD.
    state._metadata = collections.OrderedDict({"": {"version": 1}, "vision_model": {"version": 2}})
    return state


def save_shards(folder, state):
    folder.mkdir(parents=True, exist_ok=True)
    names = list(state)
    weight_map = {}
    for shard, part in zip(SHARDS, (names[::2], names[1::2])):
        save_file({name: state[name] for name in part}, folder / shard, {"format": "pt"})
        weight_map |= {name: shard for name in part}
    size = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    index = {"metadata": {"total_size": size}, "weight_map": dict(sorted(weight_map.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def main():
    here = pathlib.Path(__file__).resolve().parent
    outdir = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else here.parent / "fixtures") / "torch"
    outdir.mkdir(parents=True, exist_ok=True)
    state = weights()
    plain = {name: tensor.contiguous().clone() for name, tensor in state.items()}
    torch.save(state, outdir / "weights.bin")
    save_file(plain, outdir / "weights.safetensors", {"format": "pt"})
    save_shards(outdir / "sharded", plain)

    torch.manual_seed(4)
    layer = torch.nn.Linear(2, 1)
    torch.save({"w": layer.weight}, outdir / "parameter.bin")
    torch.save(layer, outdir / "module.bin")
    torch.save([layer.weight.data], outdir / "list.bin")
    torch.save(layer.state_dict(), outdir / "protocol4.bin", pickle_protocol=4)


if __name__ == "__main__":
    main()
