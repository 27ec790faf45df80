"""A recorded graph -> a `torch.fx.GraphModule` of the same kernels, for tools that read, change or compile those."""

from __future__ import annotations

import keyword
import operator as python
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import torch

from tracer.graph import Graph, Node
from tracer.materials import Materials
from tracer.pytorch.materials import copied
from tracer.pytorch.replay import NotReplayable, operands, operator
from tracer.pytorch.schemas import describe, written

_ATEN: Final[Any] = torch.ops.aten
_LIFT: Final = "aten.lift_fresh.default"  # numbers of Python's as a tensor


def to_fx(graph: Graph, materials: Materials | None = None) -> torch.fx.GraphModule:
    """A module of torch.fx's that runs the kernels of a graph: forward, backward and update alike.

    Random kernels draw anew in every call; with the random state that the program began with they draw the same.

    Args:
        graph: As for `tracer.pytorch.replay.replay`.
        materials: With them, parameters, buffers and constants are copied into attributes, and the module takes the
            graph's inputs; without, it takes the rest that comes from outside too, in the order of use.

    Returns:
        A module that gives a pair: the graph's outputs as a tuple, and the gradients of parameters and inputs by name,
        as far as they are known. What the graph writes in place it writes in its attributes and arguments.

    Raises:
        NotReplayable: As for `tracer.pytorch.replay.replay`.

    Example:
        >>> import torch, tracer
        >>> from tracer.pytorch.fx import to_fx
        >>> layer, x = torch.nn.Linear(2, 1), torch.ones(3, 2)
        >>> with tracer.record(keep=True) as run:
        ...     y = layer(x)
        >>> module = to_fx(run.graph, run.materials)
        >>> (z,), gradients = module(x)
        >>> torch.equal(y, z)
        True
    """
    export = _Export(graph, materials or Materials())
    for value in export.arguments(complete=materials is None):
        export.take(value)
    for node in graph.nodes:
        if node.error is None and not (node.outputs and all(value in export for value in node.outputs)):
            export.run(node)
    outputs = tuple(export[value] for value in graph.outputs)
    export.graph.output((outputs, export.gradients()))
    with torch._C.DisableTorchFunction():
        return torch.fx.GraphModule(export.attributes, export.graph, "Recorded")


class _Export:
    """A graph of torch.fx's in the making, with the node that stands for each value."""

    def __init__(self, recorded: Graph, materials: Materials) -> None:
        self.graph = torch.fx.Graph()
        self.attributes: dict[str, Any] = {}
        self._recorded = recorded
        self._materials = materials
        self._nodes: dict[int, torch.fx.Node] = {}
        self._names: set[str] = set()

    def __contains__(self, value: int) -> bool:
        while value not in self._nodes and value in self._materials.windows:
            value = self._materials.windows[value].of
        return value in self._nodes or value in self._materials.values

    def __getitem__(self, value: int) -> torch.fx.Node:
        if value not in self._nodes:
            self._nodes[value] = self._from_outside(value)
        return self._nodes[value]

    def _from_outside(self, value: int) -> torch.fx.Node:
        window = self._materials.windows.get(value)
        if window is not None:
            place = (window.size, window.stride, window.offset)
            return self.graph.call_function(_ATEN.as_strided.default, (self[window.of], *place))
        name = self._name(value)
        self.attributes[name] = copied(self._materials.values[value])
        attribute = self.graph.create_node("get_attr", name)
        fresh = value in self._recorded.producer  # numbers of Python's, of which every run makes a tensor of its own
        return self.graph.call_function(_ATEN.clone.default, (attribute,)) if fresh else attribute

    def arguments(self, complete: bool) -> Iterator[int]:
        """The values that the module takes: the inputs, and then all that no node makes, in the order of use."""
        made = {value for node in self._recorded.nodes if node.target != _LIFT for value in node.outputs}
        made.update(self._materials.windows)
        read = (value for node in self._recorded.nodes for value in (*node.inputs, *node.outputs))
        for value in dict.fromkeys((*self._recorded.inputs, *read)):
            inside = value in made or (value in self._recorded.producer and not complete)
            if not inside and (complete or value in self._recorded.inputs):
                yield value

    def take(self, value: int) -> None:
        """Makes a value an argument of the module."""
        self._nodes[value] = self.graph.placeholder(self._name(value))

    def _name(self, value: int) -> str:
        """The value's own name, `fc1_weight` for `fc1.weight`, unless another one has it."""
        name = re.sub(r"\W|^(?=\d)", "_", self._recorded.value_by_id[value].name or "")
        if name in self._names or not name.isidentifier() or keyword.iskeyword(name) or hasattr(torch.nn.Module, name):
            name = f"value_{value}"
        self._names.add(name)
        return name

    def run(self, node: Node) -> None:
        """Adds the kernel of a node."""
        kernel = operator(node)
        args, kwargs = operands(node, self._recorded.value_by_id, self)
        kwargs = {name: None if isinstance(given, torch.Generator) else given for name, given in kwargs.items()}
        result = self.graph.call_function(kernel, tuple(args), kwargs)
        rewritten = written(describe(kernel), args, kwargs)
        places = _places(kernel, args, kwargs, len(node.outputs) - len(rewritten))
        if places is None:
            raise NotReplayable(node, f"which of its results are the {len(node.outputs)} in the graph cannot be told")
        made = [
            result if place is None else self.graph.call_function(python.getitem, (result, place)) for place in places
        ]
        nodes = [*made, *rewritten]
        aliases = [self._recorded.value_by_id[output].version_of for output in node.outputs[len(nodes) :]]
        nodes += [self[alias] for alias in aliases if alias is not None and alias in self]
        self._nodes.update(zip(node.outputs, nodes))

    def _part(self, result: torch.fx.Node, place: int | None) -> torch.fx.Node:
        return result if place is None else self.graph.call_function(python.getitem, (result, place))

    def gradients(self) -> dict[str, torch.fx.Node]:
        """The gradients of what comes from outside."""
        known = ((value, value.gradient) for value in self._recorded.values if value.kind != "result")
        return {
            value.name or f"value_{value.id}": self[gradient]
            for value, gradient in known
            if gradient is not None and gradient in self
        }


def _places(kernel: Any, args: Sequence[Any], kwargs: Mapping[str, Any], count: int) -> list[int | None] | None:
    """Where in the result of a kernel its own results are.

    Args:
        kernel: The operator overload.
        args: What it is called with.
        kwargs: What it is called with, by name.
        count: How many there are at most.

    Returns:
        Their indices, None for the whole result; nothing where they cannot be told.
    """
    returns = kernel._schema.returns
    own: list[int | None] = [
        place for place, each in enumerate(returns) if each.alias_info is None or not each.alias_info.is_write
    ]
    if len(returns) == 1 and own:
        return list(range(count)) if isinstance(returns[0].type, torch.ListType) else [None]
    given = {**dict(zip((argument.name for argument in kernel._schema.arguments), args)), **kwargs}
    mask = next((each for name, each in given.items() if name.endswith("mask") and isinstance(each, list)), None)
    if mask is not None and len(mask) == len(own):
        own = [place for place, wanted in zip(own, mask) if wanted]
    return own if len(own) <= count else None
