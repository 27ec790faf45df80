"""A module -> which of the run's parameters are its own, so that unused ones count too, and tied ones once."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator

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
        spans = list(self._spans_of(each for each in module._parameters.values() if each is not None))
        for child in module.children():
            known = self._modules.get(id(child))  # as a rule, for it was called before the module was left
            spans += known[1] if known is not None and known[0]() is child else self._spans_of(child.parameters())
        merged = _union(spans)
        self._modules[id(module)] = (weakref.ref(module), merged)
        return merged

    def release(self, parameter: torch.Tensor) -> None:
        """Holds no reference to a parameter any more."""
        self._spans.pop(id(parameter), None)

    def _spans_of(self, parameters: Iterable[torch.Tensor]) -> Iterator[tuple[int, int]]:
        return (self._span(parameter) for parameter in parameters if not is_lazy(parameter))

    def _span(self, parameter: torch.Tensor) -> tuple[int, int]:
        known = self._spans.get(id(parameter))
        if known is not None and known[0]() is parameter:
            return known[1]
        span = (self._end, self._end + parameter.numel())
        self._end = span[1]
        self._spans[id(parameter)] = (weakref.ref(parameter), span)
        return span


def _union(spans: Iterable[tuple[int, int]]) -> Spans:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            start, end = merged.pop()
            first, last = start, max(end, last)
        merged.append((first, last))
    return tuple(merged)
