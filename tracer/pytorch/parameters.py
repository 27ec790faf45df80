"""A module -> which of the run's parameters are its own, so that unused ones count too, and tied ones once."""

from __future__ import annotations

import weakref

import torch
from torch.nn.parameter import is_lazy

Spans = tuple[tuple[int, int], ...]


class Parameters:
    """Numbers the elements of all parameters of a run in the order in which their modules were met.

    A module then has a few spans of numbers, most often one, and what several modules have together is the union.
    """

    def __init__(self) -> None:
        self._modules: dict[int, tuple[weakref.ref[torch.nn.Module], Spans]] = {}
        self._spans: dict[int, tuple[weakref.ref[torch.Tensor], tuple[int, int]]] = {}
        self._end = 0

    def of(self, module: torch.nn.Module) -> Spans:
        """The spans of a module with all that lies in it, each from its first number up to, not including, its last."""
        known = self._modules.get(id(module))
        if known is not None and known[0]() is module:
            return known[1]
        merged: list[tuple[int, int]] = []
        for first, last in sorted(
            [self._span(parameter) for parameter in module.parameters() if not is_lazy(parameter)]
        ):
            if merged and merged[-1][1] == first:
                first, _ = merged.pop()
            merged.append((first, last))
        self._modules[id(module)] = (weakref.ref(module), tuple(merged))
        return tuple(merged)

    def release(self, parameter: torch.Tensor) -> None:
        """Holds no reference to a parameter any more."""
        self._spans.pop(id(parameter), None)

    def _span(self, parameter: torch.Tensor) -> tuple[int, int]:
        known = self._spans.get(id(parameter))
        if known is not None and known[0]() is parameter:
            return known[1]
        span = (self._end, self._end + parameter.numel())
        self._end = span[1]
        self._spans[id(parameter)] = (weakref.ref(parameter), span)
        return span
