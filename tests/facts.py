"""What a program gave back -> plain facts, equal exactly when nobody could tell the two results apart."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy
import torch


def facts(found: Any) -> Any:
    """The facts of a result, of nests of tensors in containers; bit patterns, so that NaN equals itself."""
    if isinstance(found, torch.Tensor):
        return _of_tensor(found)
    if isinstance(found, dict):
        return type(found).__name__, [(key, facts(item)) for key, item in found.items()]
    if isinstance(found, (list, tuple, torch.Size)):
        return type(found).__name__, [facts(item) for item in found]
    if dataclasses.is_dataclass(found) and not isinstance(found, type):
        return type(found).__name__, [facts(getattr(found, each.name)) for each in dataclasses.fields(found)]
    if isinstance(found, numpy.ndarray):
        return "ndarray", found.dtype.str, found.shape, found.tobytes()
    return type(found).__name__, repr(found)


def _of_tensor(tensor: torch.Tensor) -> Any:
    with torch._C.DisableTorchFunction():
        grad_fn = None if tensor.grad_fn is None else tensor.grad_fn.name()
        own = type(tensor).__name__, str(tensor.dtype), tuple(tensor.shape), str(tensor.layout), tensor.requires_grad
        grad = facts(tensor.grad) if tensor.is_leaf and tensor.grad is not None else None
        hooks = len(tensor._backward_hooks or ())
        return *own, tensor.is_leaf, grad_fn, hooks, grad, _numbers(tensor.detach())


def _numbers(tensor: torch.Tensor) -> Any:
    if tensor.layout is torch.strided and not tensor.is_nested and not tensor.is_quantized:
        strides = tensor.stride()
        tensor = tensor.resolve_conj().resolve_neg().contiguous()
        return strides, tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
    return repr(tensor)
