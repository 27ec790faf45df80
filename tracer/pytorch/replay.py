"""A recorded graph -> its tensors once more: every kernel is run again, in order, on copies of what the program had.

This is the proof of a recording. Where the replay gives the program's own bits, the graph holds every operation that
mattered, with its operands in their places and in the right versions.
"""

from __future__ import annotations

import contextlib
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch

from tracer.graph import Graph, Node, Value
from tracer.materials import Materials
from tracer.pytorch import arguments
from tracer.pytorch.internals import natively
from tracer.pytorch.materials import copied
from tracer.pytorch.schemas import describe, written
from tracer.pytorch.tensors import storage_key, tensors_in

_DEFAULTS: Final = {
    "float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64,
    "complex64": torch.float32, "complex128": torch.float64,
}  # fmt: skip


class NotReplayable(RuntimeError):  # noqa: N818 - reads as the sentence it is
    """A graph that cannot be run again.

    Attributes:
        node: The operation at which it stopped.
        reason: Why, in a sentence.
    """

    def __init__(self, node: Node, reason: str) -> None:
        super().__init__(f"node {node.id} ({node.target or node.op}) cannot be replayed: {reason}")
        self.node = node
        self.reason = reason


@dataclass(frozen=True)
class Replay:
    """What a replay computed.

    Attributes:
        values: Every tensor by value id, as it was when that value was made: a version that is written over later is
            copied before.
        outputs: What the graph ends in, in the order of `Graph.outputs`.
        gradients: The gradients that are known (`Value.gradient`), by the id of the value they belong to.
    """

    values: Mapping[int, torch.Tensor]
    outputs: tuple[torch.Tensor, ...]
    gradients: Mapping[int, torch.Tensor]


def replay(graph: Graph, materials: Materials) -> Replay:
    """Runs a graph again, forward, backward and update alike, kernel by kernel.

    The random state of the program that calls it is left as it was. A graph names the operators that are run, so replay
    only graphs that you would run the program of.

    Args:
        graph: What was recorded with `tracer.record(keep=True)`: `run.whole`, or a pass that uses nothing computed
            before it.
        materials: `run.materials`, which are left as they are.

    Returns:
        All that was computed.

    Raises:
        NotReplayable: An operation was not seen from inside (`torch.cond`), has an argument that is no plain data,
            reads a tensor that is not there, or does not give what it gave.

    Example:
        >>> import torch, tracer
        >>> from tracer.pytorch.replay import replay
        >>> with tracer.record(keep=True) as run:
        ...     y = torch.dropout(torch.ones(3) * 2, 0.5, True)
        >>> torch.equal(replay(run.whole, run.materials).outputs[0], y)
        True
    """
    with natively(), torch.random.fork_rng(devices=()):
        memory = _Memory(materials)
        for node in graph.nodes:
            if node.error is None and not (node.outputs and all(value in memory for value in node.outputs)):
                _run(node, graph.value_by_id, memory, materials.states.get(node.id))
        found = memory.as_made(graph.value_by_id)
    gradients = {value.id: found[value.gradient] for value in graph.values if value.gradient is not None}
    return Replay(found, tuple(found[value] for value in graph.outputs), gradients)


class _Memory:
    """The tensors of a replay by value id; those that shared memory in the program share it here."""

    def __init__(self, materials: Materials) -> None:
        self._materials = materials
        self._tensors: dict[int, torch.Tensor] = {}
        self._overwritten: dict[int, torch.Tensor] = {}
        self._at: dict[Hashable, list[int]] = {}

    def __getitem__(self, value: int) -> torch.Tensor:
        """A tensor; one from outside comes to be at its first use, for what it lies on may have been written since."""
        if value not in self._tensors:
            self[value] = self._from_outside(value)
        return self._tensors[value]

    def _from_outside(self, value: int) -> torch.Tensor:
        window = self._materials.windows.get(value)
        if window is None:
            return copied(self._materials.values[value])
        return torch.as_strided(self[window.of], window.size, window.stride, window.offset)

    def __setitem__(self, value: int, tensor: torch.Tensor) -> None:
        self._tensors[value] = tensor
        self._at.setdefault(_place(tensor), []).append(value)

    def __contains__(self, value: int) -> bool:
        while value not in self._tensors and value in self._materials.windows:
            value = self._materials.windows[value].of
        return value in self._tensors or value in self._materials.values

    def will_be_written(self, tensor: torch.Tensor) -> None:
        """Copies the values that are about to be written over."""
        for value in self._at.pop(_place(tensor), ()):
            self._overwritten[value] = self._tensors[value].clone()

    def as_made(self, values: Iterable[int]) -> dict[int, torch.Tensor]:
        """Every one of some values, as far as they are there, as it was when it was made."""
        return {value: self._overwritten.get(value, self[value]) for value in values if value in self}


def _place(tensor: torch.Tensor) -> Hashable:
    """What tells apart the memory of tensors that are alive."""
    key = storage_key(tensor)
    return ("tensor", id(tensor)) if key is None else key


def _run(node: Node, values: Mapping[int, Value], memory: _Memory, state: torch.Tensor | None) -> None:
    """Runs one node and puts what it made and what it wrote into memory."""
    kernel = operator(node)
    args, kwargs = operands(node, values, memory)
    rewritten = written(describe(kernel), args, kwargs)
    for tensor in rewritten:
        memory.will_be_written(tensor)
    if torch.Tag.nondeterministic_seeded in kernel.tags:
        _restore(node, state, (*args, *kwargs.values()))
    try:
        with _as_it_was(node, values):
            result = kernel(*args, **kwargs)
    except Exception as error:
        raise NotReplayable(node, f"it fails: {type(error).__name__}: {error}") from error
    made = [tensor for tensor in tensors_in(result) if not any(tensor is other for other in rewritten)]
    _put(node, [*made, *rewritten], values, memory)


@contextlib.contextmanager
def _as_it_was(node: Node, values: Mapping[int, Value]) -> Iterator[None]:
    """Sets what kernels look at though it is in no call, and what can be told from what they gave.

    These are torch's default type, which numbers take where no operand has a type of its own, and whether gradients are
    on, by which a kernel may keep more for its backward.
    """
    given = [_DEFAULTS.get(values[value].dtype) for value in node.inputs]
    made = [_DEFAULTS.get(values[value].dtype) for value in node.outputs]
    before = torch.get_default_dtype()
    now = before if any(given) else next(filter(None, made), before)
    if now is not before:
        torch.set_default_dtype(now)
    try:
        with torch.set_grad_enabled(any(values[value].requires_grad for value in node.outputs)):
            yield
    finally:
        if now is not before:
            torch.set_default_dtype(before)


def operator(node: Node) -> Any:
    """The operator overload that a node ran (`torch.ops.aten.mm.default`).

    Raises:
        NotReplayable: It ran something else.
    """
    found: Any = torch.ops
    for part in node.target.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, torch._ops.OpOverload):
        raise NotReplayable(node, "it is no operator of torch's: what ran inside it was not seen")
    return found


def operands(node: Node, values: Mapping[int, Value], tensors: Any) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a node's call.

    Args:
        node: The node.
        values: The graph's values, by id.
        tensors: What to put in place of each value, with `tensors[id]` and `id in tensors`.

    Raises:
        NotReplayable: One of them is not there, or not in the text of the call.
    """
    missing = next((value for value in node.inputs if value not in tensors), None)
    if missing is not None:
        what = f"value {missing} ({values[missing].name!r})" if values[missing].name else f"value {missing}"
        raise NotReplayable(node, f"it reads {what}, which no node before it made and no material holds")
    try:
        return arguments.read(node.call, [tensors[value] for value in node.inputs])
    except arguments.Unreadable as error:
        raise NotReplayable(node, str(error)) from error


def _restore(node: Node, state: torch.Tensor | None, given: Sequence[Any]) -> None:
    """Puts the generator that a kernel will draw from into the state in which the program's was."""
    if state is None:
        raise NotReplayable(node, "it draws random numbers, and the state of the generator was not kept")
    generator = next((each for each in given if isinstance(each, torch.Generator)), torch.default_generator)
    generator.set_state(state)


def _put(node: Node, made: Sequence[torch.Tensor], values: Mapping[int, Value], memory: _Memory) -> None:
    """Binds the outputs of a node; those beyond its results are tensors whose memory it wrote through another one."""
    aliases = [values[output].version_of for output in node.outputs[len(made) :]]
    if len(made) > len(node.outputs) or not all(alias is not None and alias in memory for alias in aliases):
        raise NotReplayable(node, f"it gives {len(made)} tensors where the graph has {len(node.outputs)}")
    tensors = [*made, *[memory[alias] for alias in aliases if alias is not None]]
    for output, tensor in zip(node.outputs, tensors):
        memory[output] = tensor
