"""Modules of transformers in fp64, all of them.

The models of Qwen widen to fp32 inside: rotary angles, RMSNorm, the softmax. A model that
is fp64 would be rounded there, differently on every CPU. Under `Exact` fp32 means fp64.
"""

import copy

import torch
from torch.overrides import TorchFunctionMode


class Exact(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.Tensor.float:
            func = torch.Tensor.double
        args = tuple(widen(a) for a in args)
        return func(*args, **{k: widen(v) for k, v in (kwargs or {}).items()})


def widen(value):
    return torch.float64 if value is torch.float32 else value


def doubled(model):
    return copy.deepcopy(model).double()
