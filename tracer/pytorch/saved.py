"""An autograd function -> what it keeps for backward: tensors, and settings such as `dim`."""

from __future__ import annotations

from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import torch

if TYPE_CHECKING:
    from tracer.pytorch.backward_graph import Function

PREFIX: Final = "_saved_"


class Missing(Enum):
    """Stands for what cannot be had any more."""

    FREED = "freed"


FREED: Final = Missing.FREED


def leaf(function: Function) -> torch.Tensor | None:
    """The leaf whose gradient `function` accumulates; None where it does something else."""
    # By name: the class has none in Python's modules, and a custom function's ends in "Backward".
    return function.variable if type(function).__name__ == "AccumulateGrad" else None


def attributes(function: Function) -> list[tuple[str, Any]]:
    """What one of torch's own functions keeps, by name, in alphabetical order.

    Returns:
        Pairs of a name and a tensor, a tuple of tensors, or plain data; `FREED` for tensors that backward has freed.
    """
    return [(name[len(PREFIX) :], _get(function, name)) for name in _names(function)]


def tensors(function: Function) -> tuple[torch.Tensor | None, ...] | Missing:
    """What a custom `torch.autograd.Function` keeps by `save_for_backward`, in its order; `FREED` after backward."""
    if not isinstance(function, torch._C._FunctionBase):
        return ()
    kept: tuple[torch.Tensor | None, ...] | Missing = _get(function, "saved_tensors")
    return kept


@cache
def target(kind: Any) -> str:
    """Full name of a class of functions: that of the author's class for a custom `torch.autograd.Function`."""
    if issubclass(kind, torch._C._FunctionBase):
        custom = getattr(kind, "_forward_cls", kind)
        return f"{custom.__module__}.{custom.__qualname__}"
    return f"torch.autograd.{kind.__name__}"


def _names(function: Function) -> list[str]:
    if isinstance(function, torch._C._FunctionBase):  # one class, but each object has attributes of its own
        return _saved_names(function)
    kind: Any = type(function)
    return _names_of_class(kind)


@cache
def _names_of_class(kind: Any) -> list[str]:
    return _saved_names(kind)


def _saved_names(owner: object) -> list[str]:
    return [name for name in dir(owner) if name.startswith(PREFIX)]


def _get(function: Function, name: str) -> Any:
    try:
        return getattr(function, name)
    except Exception:  # freed; or a user's own `saved_tensors_hooks` failed, with any exception there is
        return FREED
