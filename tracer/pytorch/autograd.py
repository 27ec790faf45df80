"""The autograd graph behind tensors that were computed earlier, without any recording -> a `Graph`.

This is what torch itself keeps in order to run backward. It knows the operations that gradients flow through, the
leaves they end in and the shapes between; not the inputs without a gradient, nor names, nor lines of code.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import torch

from tracer.graph import Graph, Node, Value, ValueKind
from tracer.pytorch import saved as saved_by
from tracer.pytorch.backward_graph import walk
from tracer.pytorch.nests import Params, named_tensors, names_of
from tracer.pytorch.schemas import plain
from tracer.pytorch.stats import stats
from tracer.pytorch.tensors import DTYPES
from tracer.records import collector_paused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import TypeAlias

    from tracer.pytorch.backward_graph import Edges, Function

Result: TypeAlias = "tuple[Function, int]"  # a function and the number of the output
Layout: TypeAlias = tuple[tuple[int, ...], str, str, int]
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
    with collector_paused():
        return _Reader(names_of(params), saved=saved, attrs=attrs).read(roots)


class _Reader:
    """Functions and tensors -> nodes and values, for one graph."""

    def __init__(self, names: Mapping[int, str], *, saved: bool, attrs: bool) -> None:
        self._names = names
        self._saved, self._attrs = saved, attrs
        # Every value by what it is: an output of a function, or (by identity) a tensor that no function made.
        self._ids: dict[Result | int, int] = {}
        self._tensors: dict[int, tuple[torch.Tensor, ValueKind, str | None]] = {}  # those there are, by id of the value
        self._functions: list[tuple[Function, tuple[int, ...]]] = []
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
        values = self._values()
        return Graph(
            name="autograd graph",
            nodes=self._nodes(),
            values=values,
            outputs=tuple(dict.fromkeys(outputs)),
            meta=self._meta([values[at] for at in outputs]),
        )

    def _function(self, function: Function, edges: Edges) -> None:
        """Notes a function all of whose operands are there already."""
        ids = self._ids
        inputs = tuple([ids.setdefault(edge, len(ids)) for edge in edges if edge[0] is not None])
        leaf = None if inputs else saved_by.leaf(function)
        if leaf is not None:
            inputs = (self._outside(leaf, "parameter"),)
        self._functions.append((function, inputs))

    def _outside(self, tensor: torch.Tensor, kind: ValueKind, name: str | None = None) -> int:
        """The value of a tensor that no function of the graph made."""
        found = self._ids.setdefault(id(tensor), len(self._ids))
        self._tensors.setdefault(found, (tensor, kind, self._names.get(id(tensor), name)))
        return found

    def _root(self, tensor: torch.Tensor, name: str | None) -> int:
        """The value of one of the tensors asked for."""
        if tensor.grad_fn is None:
            return self._outside(tensor, "parameter" if tensor.requires_grad else "input", name)
        found = self._ids.setdefault((tensor.grad_fn, tensor.output_nr), len(self._ids))
        self._tensors[found] = (tensor, "result", self._names.get(id(tensor), name))
        return found

    def _values(self) -> tuple[Value, ...]:
        """All values in the order they were first met."""
        seen = {at: _seen(at, *facts) for at, facts in self._tensors.items()}
        values = [seen[at] if at in seen else _between(at, key) for key, at in self._ids.items()]
        for at in self._kept:
            values[at] = replace(values[at], saved_for_backward=True)
        return tuple(values)

    def _nodes(self) -> tuple[Node, ...]:
        """The functions in the order they ran, each with those of its outputs that were met, in their order."""
        made: dict[Function, list[tuple[int, int]]] = {}
        for key, at in self._ids.items():
            if type(key) is tuple:
                made.setdefault(key[0], []).append((key[1], at))
        nodes = []
        for at, (function, inputs) in enumerate(self._functions):
            outputs = tuple([value for _, value in sorted(made.get(function, ()))])
            kind: Any = type(function)
            attrs = _settings(function) if self._attrs else {}
            nodes.append(Node(at, kind.__name__, saved_by.target(kind), "forward", inputs, outputs, None, None, attrs))
        return tuple(nodes)

    def _add_saved(self) -> None:
        """Marks what was kept for backward, and adds what of it lies outside of the graph to the inputs."""
        for at, (function, inputs) in enumerate(self._functions):
            extra = []
            for tensor in self._saved_tensors(function):
                found = self._ids.get((tensor.grad_fn, tensor.output_nr))
                if found is None:
                    found = self._outside(tensor, "constant")
                    if self._tensors[found][1] == "constant":  # a leaf is there already, as an operand
                        extra.append(found)
                self._kept.add(found)
            self._functions[at] = (function, (*inputs, *extra))

    def _saved_tensors(self, function: Function) -> Iterator[torch.Tensor]:
        for kept in (*(kept for _, kept in saved_by.attributes(function)), saved_by.tensors(function)):
            self._freed = self._freed or kept is saved_by.FREED
            for tensor in kept if isinstance(kept, (tuple, list)) else (kept,):
                if isinstance(tensor, torch.Tensor):
                    yield tensor

    def _meta(self, outputs: list[Value]) -> dict[str, Any]:
        meta: dict[str, Any] = {"torch": str(torch.__version__)}
        if len(outputs) == 1 and self._functions and outputs[0].numel == 1:
            meta["loss"] = outputs[0].id
        if self._freed:
            meta["notes"] = (_FREED_NOTE,)
        return meta


def _settings(function: Function) -> dict[str, Any]:
    """What a function keeps that is no tensor, as plain data."""
    found = {name: plain(kept) for name, kept in saved_by.attributes(function) if not isinstance(kept, torch.Tensor)}
    return {name: kept for name, kept in found.items() if kept is not None}


def _between(at: int, key: Any) -> Value:
    """A value nobody holds a tensor of: its shape is what its gradient must have."""
    function, number = key
    shape, dtype, device, nbytes = _layout(function._input_metadata[number])
    return Value(at, None, "result", shape, dtype, device, nbytes, True)


def _seen(at: int, tensor: torch.Tensor, kind: ValueKind, name: str | None) -> Value:
    """A value of which there is the tensor, with its elements and gradient."""
    grad = tensor.grad if tensor.is_leaf or tensor.retains_grad else None
    shape, dtype, device, nbytes = _layout(tensor)
    return Value(
        at,
        name,
        kind,
        shape,
        dtype,
        device,
        nbytes,
        tensor.requires_grad,
        data=stats(tensor),
        grad=None if grad is None else stats(grad),
    )


def _layout(of: Any) -> Layout:
    """Shape, dtype, device and size in bytes of a tensor, or of what autograd knows of one."""
    try:
        return _spelt(tuple(of.shape), of.dtype, of.device)
    except RuntimeError:  # nested: the sizes differ from row to row
        return _spelt((), of.dtype, of.device)
    except TypeError:  # symbolic sizes are no keys
        return _spelt(tuple(map(int, of.shape)), of.dtype, of.device)


@lru_cache  # most tensors of a graph agree
def _spelt(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Layout:
    sizes = tuple(map(int, shape))
    return sizes, DTYPES[dtype], str(device), math.prod(sizes) * dtype.itemsize
