"""Nested outputs and parameter lists, as users have them -> tensors with their names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Union

import torch

Params = Union[torch.nn.Module, Mapping[str, torch.Tensor], Iterable[tuple[str, torch.Tensor]], None]

_MAX_DEPTH: Final = 20  # levels of nesting; deeper is a cycle


def named_tensors(nest: Any) -> list[tuple[str | None, torch.Tensor]]:
    """The tensors in nested dicts, lists, tuples, NamedTuples and dataclasses, in order, each once.

    Returns:
        Pairs of the innermost key or field name, None where there is none, and the tensor.

    Raises:
        TypeError: There is no tensor.
    """
    found: dict[int, tuple[str | None, torch.Tensor]] = {}
    for name, tensor in _tensors(nest, None, _MAX_DEPTH):
        found.setdefault(id(tensor), (name, tensor))
    if not found:
        raise TypeError(
            f"there is no tensor in this {type(nest).__name__}: pass a tensor, such as the loss or an output of the "
            "model, or dicts, lists, tuples or dataclasses of tensors"
        )
    return list(found.values())


def _tensors(nest: Any, name: str | None, depth: int) -> Iterator[tuple[str | None, torch.Tensor]]:
    if isinstance(nest, torch.Tensor):
        yield name, nest
    elif depth:
        for key, item in _items(nest, name):
            yield from _tensors(item, key, depth - 1)


def _items(nest: Any, name: str | None) -> Iterable[tuple[str | None, Any]]:
    """The entries of one level with their names; those of a list bear the name of the list."""
    if isinstance(nest, Mapping):
        return [(str(key), item) for key, item in nest.items()]
    if isinstance(nest, tuple) and hasattr(nest, "_fields"):
        return list(zip(nest._fields, nest, strict=True))
    if isinstance(nest, (list, tuple)):
        return [(name, item) for item in nest]
    if dataclasses.is_dataclass(nest) and not isinstance(nest, type):
        return [(each.name, getattr(nest, each.name, None)) for each in dataclasses.fields(nest)]
    return ()


def names_of(params: Params) -> dict[int, str]:
    """Names by identity of the tensor, which `params` must keep alive; the last of several names counts.

    Raises:
        TypeError: `params` is neither a module nor names with tensors.
    """
    if params is None:
        return {}
    if isinstance(params, torch.nn.Module):
        pairs: Any = [*params.named_buffers(), *params.named_parameters()]
    else:
        pairs = params.items() if isinstance(params, Mapping) else params
    names = {}
    try:
        for name, tensor in pairs:
            if not isinstance(tensor, torch.Tensor):
                raise TypeError(f"{name!r} is of type {type(tensor).__name__}")
            names[id(tensor)] = str(name)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"params must be a module, a dict from name to tensor, or pairs such as model.named_parameters(): {error}"
        ) from error
    return names


def variables(names: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """The tensors that variables hold and the parameters of modules, by name; by `module.name` with several modules."""
    public = {name: held for name, held in names.items() if not name.startswith("_")}
    modules = {name: held for name, held in public.items() if isinstance(held, torch.nn.Module)}
    found: dict[str, torch.Tensor] = {}
    for name, module in modules.items():
        prefix = f"{name}." if len(modules) > 1 else ""
        found.update((f"{prefix}{path}", tensor) for path, tensor in module.named_parameters())
    found.update((name, held) for name, held in public.items() if isinstance(held, torch.Tensor))
    return found
