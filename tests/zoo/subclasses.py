"""Classes of the author's that are tensors: wrappers, overrides of functions, parameters and attributes."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import nn
from torch.utils._pytree import tree_map

from tests.zoo.registry import program


class Metres(torch.Tensor):
    """A subclass whose operations give the same class, as torch does by itself."""

    unit = "m"


class Logged(torch.Tensor):
    """A subclass that sees the functions called on it."""

    names: ClassVar[list[str]] = []

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        cls.names.append(getattr(func, "__name__", "?"))
        return super().__torch_function__(func, types, args, kwargs or {})


class Wrapped(torch.Tensor):
    """A tensor without memory of its own that hands every kernel to the tensor inside it."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> Wrapped:
        wrapper = torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype, device=inner.device)
        wrapper.inner = inner
        return wrapper

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        unwrapped = tree_map(lambda a: a.inner if isinstance(a, Wrapped) else a, (args, kwargs or {}))
        result = func(*unwrapped[0], **unwrapped[1])
        return tree_map(lambda a: Wrapped(a) if isinstance(a, torch.Tensor) else a, result)


@program
def plain_subclass() -> Any:
    a = torch.ones(2).as_subclass(Metres)
    y = torch.exp(a * 2)[0]
    return type(y).__name__, y.unit, y.as_subclass(torch.Tensor)


@program
def subclass_that_overrides_functions() -> Any:
    Logged.names.clear()
    w = torch.randn(3).as_subclass(Logged).requires_grad_()
    y = (w.exp() + 1).sum()
    y.backward()
    seen = [name for name in Logged.names if name in ("exp", "add", "sum", "backward")]
    return seen, y.as_subclass(torch.Tensor), w.grad.as_subclass(torch.Tensor)


@program
def wrapper_subclass() -> Any:
    a, b = Wrapped(torch.randn(2, 2)), Wrapped(torch.ones(2, 2))
    y = torch.relu(a @ b + 1)
    return type(y).__name__, y.inner


@program
def wrapper_subclass_with_gradients() -> Any:
    w = Wrapped(torch.randn(3)).requires_grad_()
    (w.exp() * 2).sum().backward()
    return type(w.grad).__name__, w.grad.inner


@program
def object_with_torch_function() -> Any:
    class Scaled:
        def __init__(self, tensor: torch.Tensor) -> None:
            self.tensor = tensor

        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return func(*[a.tensor * 2 if isinstance(a, Scaled) else a for a in args], **(kwargs or {}))

    return torch.add(Scaled(torch.ones(2)), torch.ones(2))


@program
def parameter_subclass() -> Any:
    class Rows(nn.Parameter):
        pass

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = Rows(torch.ones(2, 2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x @ self.weight

    model = Model()
    model(torch.ones(1, 2)).sum().backward()
    return type(model.weight).__name__, model.weight.grad


@program
def operator_of_the_authors() -> Any:
    if not hasattr(torch.ops.graphtrace_zoo, "triple"):

        @torch.library.custom_op("graphtrace_zoo::triple", mutates_args=())
        def triple(a: torch.Tensor) -> torch.Tensor:
            return a * 3

        triple.register_autograd(lambda ctx, grad: grad * 3)
    w = torch.randn(2, requires_grad=True)
    y = torch.ops.graphtrace_zoo.triple(w)
    y.sum().backward()
    return y, w.grad
