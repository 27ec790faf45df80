"""The autograd graph behind tensors that were computed earlier, without any recording -> a `Graph`.

This is what torch itself keeps in order to run backward. It knows the operations that gradients flow through, the
leaves they end in and the shapes between; not the inputs without a gradient, nor names, nor lines of code.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from functools import cache, lru_cache
from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import torch

from tracer.graph import Graph, Node, Value, ValueKind
from tracer.pytorch import saved as saved_by
from tracer.pytorch.backward_graph import postorder
from tracer.pytorch.nests import Params, named_tensors, names_of
from tracer.pytorch.schemas import plain
from tracer.pytorch.stats import stats
from tracer.pytorch.tensors import DTYPES
from tracer.records import collector_paused, maker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import TypeAlias

    from tracer.pytorch.backward_graph import Edges, Function

Result: TypeAlias = "tuple[Function, int]"  # a function and the number of the output
Layout: TypeAlias = tuple[tuple[int, ...], str, str, int]
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_make_node: Final = maker(Node)
_make_value: Final = maker(Value)
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
        # Every value by what it is: an output of a function, or (by identity) a tensor that no function made. Each id
        # is in a tuple of its own, which serves as the inputs and outputs of functions that have one.
        self._ids: dict[Result | int, tuple[int]] = {}
        self._tensors: dict[int, tuple[torch.Tensor, ValueKind, str | None]] = {}  # those there are, by id of the value
        self._functions: list[Function] = []
        self._inputs: list[tuple[int, ...]] = []  # of each of them
        self._kept: set[int] = set()
        self._freed = False

    def read(self, roots: Iterable[tuple[str | None, torch.Tensor]]) -> Graph:
        """The graph behind `roots`."""
        heights: dict[Function, int] = {}
        outputs = []
        for name, tensor in roots:
            if tensor.grad_fn is not None:
                self._add(postorder(tensor.grad_fn, heights))
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

    def _add(self, found: Iterable[tuple[Function, Edges]]) -> None:
        """Notes functions, each of which comes after all of its operands."""
        ids, functions, all_inputs = self._ids, self._functions, self._inputs
        for function, edges in found:
            inputs: tuple[int, ...] = ()
            if len(edges) == 1 and edges[0][0] is not None:
                inputs = ids.get(edges[0]) or ids.setdefault(edges[0], (len(ids),))
            elif edges:
                inputs = tuple([self._id(edge)[0] for edge in edges if edge[0] is not None])
            leaf = None if inputs else saved_by.leaf(function)
            functions.append(function)
            all_inputs.append(inputs if leaf is None else self._outside(leaf, "parameter"))

    def _id(self, key: Result | int) -> tuple[int]:
        return self._ids.get(key) or self._ids.setdefault(key, (len(self._ids),))

    def _outside(self, tensor: torch.Tensor, kind: ValueKind, name: str | None = None) -> tuple[int]:
        """The value of a tensor that no function of the graph made."""
        found = self._id(id(tensor))
        self._tensors.setdefault(found[0], (tensor, kind, self._names.get(id(tensor), name)))
        return found

    def _root(self, tensor: torch.Tensor, name: str | None) -> int:
        """The value of one of the tensors asked for."""
        if tensor.grad_fn is None:
            return self._outside(tensor, "parameter" if tensor.requires_grad else "input", name)[0]
        (found,) = self._id((tensor.grad_fn, tensor.output_nr))
        self._tensors[found] = (tensor, "result", self._names.get(id(tensor), name))
        return found

    def _values(self) -> tuple[Value, ...]:
        """All values in the order they were first met."""
        seen = {at: _seen(at, *facts) for at, facts in self._tensors.items()}
        values = [seen.get(at) or _between(at, key) for key, (at,) in self._ids.items()]
        for at in self._kept:
            values[at] = replace(values[at], saved_for_backward=True)
        return tuple(values)

    def _nodes(self) -> tuple[Node, ...]:
        """The functions in the order they ran."""
        outputs = map(self._outputs(), self._functions)
        facts = zip(itertools.count(), self._functions, self._inputs, outputs)
        return tuple([self._node(*each) for each in facts])

    def _node(self, at: int, function: Function, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Node:
        kind: Any = type(function)
        op, target = _titles(kind)
        attrs = _settings(function) if self._attrs else _NOTHING
        return _make_node(at, op, target, "forward", inputs, outputs, None, None, attrs)

    def _outputs(self) -> Callable[[Function], tuple[int, ...]]:
        """What gives those outputs of a function that were met, in their order."""
        ids = self._ids
        later = sorted([key for key in ids if type(key) is tuple and key[1]], key=itemgetter(1))
        several: dict[Function, tuple[int, ...]] = {function: ids.get((function, 0), ()) for function, _ in later}
        for function, number in later:
            several[function] = (*several[function], *ids[function, number])

        def outputs(function: Function) -> tuple[int, ...]:
            found = several.get(function)
            return ids.get((function, 0), ()) if found is None else found

        return outputs

    def _add_saved(self) -> None:
        """Marks what was kept for backward, and adds what of it lies outside of the graph to the inputs."""
        for at, function in enumerate(self._functions):
            extra = []
            for tensor in self._saved_tensors(function):
                found = self._ids.get((tensor.grad_fn, tensor.output_nr))
                if found is None:
                    found = self._outside(tensor, "constant")
                    if self._tensors[found[0]][1] == "constant":  # a leaf is there already, as an operand
                        extra.append(found[0])
                self._kept.add(found[0])
            self._inputs[at] = (*self._inputs[at], *extra)

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
    return _make_value(at, None, "result", *_layout(function._input_metadata[number]), True)


def _seen(at: int, tensor: torch.Tensor, kind: ValueKind, name: str | None) -> Value:
    """A value of which there is the tensor, with its elements and gradient."""
    grad = tensor.grad if tensor.is_leaf or tensor.retains_grad else None
    of_grad = None if grad is None else stats(grad)
    return Value(at, name, kind, *_layout(tensor), tensor.requires_grad, data=stats(tensor), grad=of_grad)


@cache
def _titles(kind: Any) -> tuple[str, str]:
    """Short and full name of a class of functions."""
    return kind.__name__, saved_by.target(kind)


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
