"""The autograd graph behind tensors that were computed earlier, without any recording -> a `Graph`.

This is what torch itself keeps in order to run backward. It knows the operations that gradients flow through, the
leaves they end in and the shapes between; not the inputs without a gradient, nor names, nor lines of code.
"""

from __future__ import annotations

import gc
import math
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import torch

from tracer.graph import Graph, Node, Value, ValueKind
from tracer.pytorch import saved as saved_by
from tracer.pytorch.backward_graph import walk
from tracer.pytorch.nests import Params, named_tensors, names_of
from tracer.pytorch.schemas import plain
from tracer.pytorch.stats import stats
from tracer.pytorch.tensors import DTYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tracer.pytorch.backward_graph import Edges, Function

_FREED_NOTE: Final = "What was saved for backward is not shown where backward() has freed it."


def from_tensor(
    var: Any,
    params: Params = None,
    *,
    saved: bool = False,
    attrs: bool = False,
) -> Graph:
    """The autograd graph behind a tensor.

    Args:
        var: A tensor, or tensors in nested dicts, lists, tuples, NamedTuples and dataclasses; the values that the
            graph ends in. Tensors of a dict, NamedTuple or dataclass are named by their key.
        params: Names for tensors, leaves above all: a module (its parameters and buffers), a mapping from name to
            tensor, or pairs of name and tensor as `named_parameters()` gives them.
        saved: Whether to show the tensors kept for backward: values that were kept are marked
            `saved_for_backward`, and those outside of the graph are added as constants to the inputs of the
            function that kept them. Shows nothing of what `backward()` has freed, and says so in `meta["notes"]`.
        attrs: Whether nodes carry the other things kept for backward, such as `dim` and `keepdim`.

    Returns:
        A graph whose nodes are autograd functions (`MmBackward0`, `AccumulateGrad`), operands before results, all
        of phase "forward": values flow from the leaves to `var`. Leaves are of kind "parameter", with statistics of
        their elements and gradients; between them the shape, dtype and device are known, the elements are not.

    Raises:
        TypeError: There is no tensor in `var`, or `params` is none of what is listed.
    """
    roots = named_tensors(var)
    with _no_collection():  # it would look at every new record over and over, for half of the time
        return _Reader(names_of(params), saved=saved, attrs=attrs).read(roots)


@contextmanager
def _no_collection() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Reader:
    """Functions and tensors -> nodes and values, for one graph."""

    def __init__(self, names: Mapping[int, str], *, saved: bool, attrs: bool) -> None:
        self._names = names
        self._saved, self._attrs = saved, attrs
        self._values: list[Value] = []
        self._functions: list[tuple[Function, tuple[int, ...], Mapping[str, Any]]] = []
        self._results: dict[Function, dict[int, int]] = {}  # ids of values by function and number of the output
        self._tensors: dict[int, tuple[int, torch.Tensor]] = {}  # by identity, kept so that it stays one
        self._kept: set[int] = set()
        self._freed = False

    def read(self, roots: Iterable[tuple[str | None, torch.Tensor]]) -> Graph:
        """The graph behind `roots`."""
        heights: dict[Function, int] = {}
        outputs = []
        for name, tensor in roots:
            if tensor.grad_fn is not None:
                for step, function, edges in walk(tensor.grad_fn, heights):
                    if step == "leave":
                        self._function(function, edges)
            outputs.append(self._root(tensor, name))
        if self._saved:
            self._add_saved()
        return Graph(
            name="autograd graph",
            nodes=tuple([self._node(at, *facts) for at, facts in enumerate(self._functions)]),
            values=tuple(self._values),
            outputs=tuple(dict.fromkeys(outputs)),
            meta=self._meta(outputs),
        )

    def _function(self, function: Function, edges: Edges) -> None:
        """Notes a function all of whose operands are there already."""
        inputs = tuple([self._result(operand, at) for operand, at in edges if operand is not None])
        leaf = None if inputs else saved_by.leaf(function)
        if leaf is not None:
            inputs = (self._outside(leaf, "parameter"),)
        self._results[function] = {}
        self._functions.append((function, inputs, _settings(function) if self._attrs else {}))

    def _node(self, at: int, function: Function, inputs: tuple[int, ...], attrs: Mapping[str, Any]) -> Node:
        made = self._results[function]
        return Node(
            id=at,
            op=type(function).__name__,
            target=saved_by.target(function),
            inputs=inputs,
            outputs=tuple([made[number] for number in sorted(made)]),
            attrs=attrs,
        )

    def _result(self, function: Function, number: int) -> int:
        """The value that is output `number` of `function`; new when it is first asked for."""
        made = self._results[function]
        if number not in made:
            made[number] = len(self._values)
            self._values.append(_between(made[number], function, number))
        return made[number]

    def _outside(self, tensor: torch.Tensor, kind: ValueKind, name: str | None = None) -> int:
        """The value of a tensor that no function of the graph made."""
        known = self._tensors.get(id(tensor))
        if known is None:
            known = self._tensors[id(tensor)] = (len(self._values), tensor)
            self._values.append(_value(known[0], tensor, kind, self._names.get(id(tensor), name)))
        return known[0]

    def _root(self, tensor: torch.Tensor, name: str | None) -> int:
        """The value of one of the tensors asked for, with what only the tensor itself knows."""
        if tensor.grad_fn is None:
            return self._outside(tensor, "parameter" if tensor.requires_grad else "input", name)
        found = self._result(tensor.grad_fn, tensor.output_nr)
        self._values[found] = _value(found, tensor, "result", self._names.get(id(tensor), name))
        return found

    def _add_saved(self) -> None:
        """Marks what was kept for backward, and adds what of it lies outside of the graph to the inputs."""
        for at, (function, inputs, attrs) in enumerate(self._functions):
            extra = []
            for tensor in self._saved_tensors(function):
                made = self._results.get(tensor.grad_fn, {}) if tensor.grad_fn is not None else {}
                found = made.get(tensor.output_nr)
                if found is None:
                    found = self._outside(tensor, "constant")
                    if self._values[found].kind == "constant":  # a leaf is there already, as an operand
                        extra.append(found)
                self._kept.add(found)
            self._functions[at] = (function, (*inputs, *extra), attrs)
        self._values = [replace(v, saved_for_backward=True) if v.id in self._kept else v for v in self._values]

    def _saved_tensors(self, function: Function) -> Iterator[torch.Tensor]:
        for kept in (*(kept for _, kept in saved_by.attributes(function)), saved_by.tensors(function)):
            self._freed = self._freed or kept is saved_by.FREED
            for tensor in kept if isinstance(kept, (tuple, list)) else (kept,):
                if isinstance(tensor, torch.Tensor):
                    yield tensor

    def _meta(self, outputs: list[int]) -> dict[str, Any]:
        meta: dict[str, Any] = {"torch": str(torch.__version__)}
        if len(outputs) == 1 and self._functions and self._values[outputs[0]].numel == 1:
            meta["loss"] = outputs[0]
        if self._freed:
            meta["notes"] = (_FREED_NOTE,)
        return meta


def _settings(function: Function) -> dict[str, Any]:
    """What a function keeps that is no tensor, as plain data."""
    found = {name: plain(kept) for name, kept in saved_by.attributes(function) if not isinstance(kept, torch.Tensor)}
    return {name: kept for name, kept in found.items() if kept is not None}


def _between(number: int, function: Function, output: int) -> Value:
    """A value nobody holds a tensor of: its shape is what its gradient must have."""
    facts = function._input_metadata[output]
    shape = _shape(facts)
    dtype = facts.dtype
    return Value(
        id=number,
        shape=shape,
        dtype=DTYPES[dtype],
        device=_device(facts.device),
        nbytes=math.prod(shape) * dtype.itemsize,
        requires_grad=True,
    )


def _value(number: int, tensor: torch.Tensor, kind: ValueKind, name: str | None) -> Value:
    """A value of which there is the tensor, with its elements and gradient."""
    shape = _shape(tensor)
    grad = tensor.grad if tensor.is_leaf or tensor.retains_grad else None
    return Value(
        id=number,
        name=name,
        kind=kind,
        shape=shape,
        dtype=DTYPES[tensor.dtype],
        device=_device(tensor.device),
        nbytes=math.prod(shape) * tensor.dtype.itemsize,
        requires_grad=tensor.requires_grad,
        data=stats(tensor),
        grad=None if grad is None else stats(grad),
    )


def _shape(of: Any) -> tuple[int, ...]:
    """The sizes; none for nested tensors, where they differ from row to row."""
    try:
        return tuple(map(int, of.shape))
    except RuntimeError:
        return ()


_device: Final = cache(str)
