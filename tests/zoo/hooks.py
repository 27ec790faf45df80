"""Hooks of the author's: on tensors, on autograd nodes, on modules, on optimizers, and modes of the author's."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from tests.zoo.registry import program


@program
def hooks_of_the_authors() -> Any:
    calls: list[int] = []
    x = torch.randn(3, requires_grad=True)
    h = x * 2
    h.retain_grad()
    h.register_hook(lambda grad: grad * 3)
    y = h.sum()
    y.grad_fn.register_hook(lambda *_: calls.append(1))
    y.backward()
    return x.grad, h.grad, len(calls)


@program
def hooks_on_leaves() -> Any:
    seen: list[Any] = []
    w = torch.randn(3, requires_grad=True)
    w.register_hook(lambda grad: seen.append(grad.clone()))
    removed = w.register_hook(lambda grad: grad * 100)
    w.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.clone()))
    removed.remove()
    (w * w).sum().backward()
    return seen, w.grad


@program
def hooks_on_several_gradients() -> Any:
    seen: list[Any] = []
    a, b = torch.randn(2, requires_grad=True), torch.randn(2, requires_grad=True)
    torch.autograd.graph.register_multi_grad_hook([a, b], lambda grads: seen.append([grad.clone() for grad in grads]))
    (a * b).sum().backward()
    return seen


@program
def module_hooks() -> Any:
    seen: list[Any] = []
    layer = nn.Linear(2, 2)
    layer.register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    layer.register_forward_hook(lambda module, args, out: out + 1)
    layer.register_full_backward_hook(lambda module, given, out: seen.append([g is not None for g in (*given, *out)]))
    layer.register_full_backward_pre_hook(lambda module, out: (out[0] * 3,))
    y = layer(torch.randn(1, 2))
    y.sum().backward()
    return y, seen, layer.weight.grad


@program
def module_hooks_with_keywords() -> Any:
    layer = nn.MultiheadAttention(4, 2)
    layer.register_forward_pre_hook(
        lambda module, args, kwargs: (args, {**kwargs, "need_weights": False}), with_kwargs=True
    )
    layer.register_forward_hook(lambda module, args, kwargs, out: out[0], with_kwargs=True, always_call=True)
    return layer(*[torch.randn(3, 1, 4)] * 3, need_weights=True)


@program
def global_module_hooks() -> Any:
    seen: list[str] = []
    handle = nn.modules.module.register_module_forward_hook(
        lambda module, args, out: seen.append(type(module).__name__)
    )
    try:
        y = nn.Sequential(nn.Linear(2, 2), nn.ReLU())(torch.ones(1, 2))
    finally:
        handle.remove()
    return y, seen


@program
def features_are_kept_by_a_hook() -> Any:
    kept: dict[str, torch.Tensor] = {}
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    model[1].register_forward_hook(lambda module, args, out: kept.__setitem__("hidden", out))
    y = model(torch.randn(1, 2))
    kept["hidden"].sum().backward()
    return y, kept, model[0].weight.grad


@program
def optimizer_hooks() -> Any:
    seen: list[str] = []
    weight = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weight], 0.1)
    optimizer.register_step_pre_hook(lambda *_: seen.append("before"))
    optimizer.register_step_post_hook(lambda *_: seen.append("after"))
    (weight * 2).sum().backward()
    optimizer.step()
    return weight, seen


@program
def function_mode_of_the_authors() -> Any:
    class Twice(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            return result * 2 if func is torch.exp else result

    with Twice():
        return torch.exp(torch.ones(2)) + 1


@program
def dispatch_mode_of_the_authors() -> Any:
    class Names(TorchDispatchMode):
        seen: ClassVar[list[str]] = []

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.seen.append(str(func))
            return func(*args, **(kwargs or {}))

    x = torch.ones(2, requires_grad=True)
    with Names():
        (x * 2).sum().backward()
    return x.grad, len(Names.seen) > 3


@program
def default_device_and_type() -> Any:
    kind = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("cpu"):
            return torch.ones(2) + torch.randn(2), nn.Linear(2, 2)(torch.ones(1, 2))
    finally:
        torch.set_default_dtype(kind)


@program
def operations_are_counted() -> Any:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    with FlopCounterMode(display=False) as counter:
        model(torch.randn(3, 4)).sum().backward()
    return counter.get_total_flops(), sorted(counter.get_flop_counts())


@program
def profiled() -> Any:
    layer = nn.Linear(2, 2)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        layer(torch.ones(1, 2)).sum().backward()
    return layer.weight.grad, "aten::addmm" in [event.key for event in profile.key_averages()]
