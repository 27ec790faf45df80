"""A function of torch's -> what it is called, in a picture and in full."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch.overrides import resolve_name

from tracer.pytorch.internals import Quietly

_ACCESSORS: Final = ("__get__", "__set__")
# Where torch keeps what it has, the most special first: some of it stands in several.
_PLACES: Final[Mapping[str, Any]] = {
    "torch.special": torch.special, "torch.fft": torch.fft, "torch.linalg": torch.linalg, "torch.Tensor": torch.Tensor,
    "torch.nn.init": torch.nn.init, "torch.nn.functional": torch.nn.functional, "torch.functional": torch.functional,
    "torch": torch,
}  # fmt: skip


def short_name(func: Any) -> str:
    """How a function is called in a picture: `mm`, `T` for the property."""
    name = getattr(func, "__name__", None) or str(func)
    if name in _ACCESSORS:
        return str(getattr(getattr(func, "__self__", None), "__name__", name))
    name = name.split(".")[0]
    return name.strip("_") if name.startswith("__") else name


def qualified(func: Any) -> str:
    """The dotted name of a function; torch's own tables know some only under an alias, so the last part is our own.

    Those tables take 30 ms to make: most functions are found where their name says.
    """
    with Quietly():
        path = _where_it_stands(func) or resolve_name(func)
    path = path or f"{getattr(func, '__module__', '') or ''}.{short_name(func)}"
    name = getattr(func, "__name__", None)
    if path.endswith(_ACCESSORS) or name is None:
        return path
    return ".".join([*path.split(".")[:-1], name])


def _where_it_stands(func: Any) -> str | None:
    name = getattr(func, "__name__", None)
    if name in _ACCESSORS:
        owner = getattr(func, "__self__", None)
        held = getattr(owner, "__name__", "")
        return f"torch.Tensor.{held}.{name}" if getattr(torch.Tensor, held, None) is owner else None
    if isinstance(name, str):
        return next((f"{place}.{name}" for place, held in _PLACES.items() if getattr(held, name, None) is func), None)
    return None
