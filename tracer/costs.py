"""What a pass costs, in all and in each module: a `Graph` -> parameters, floating-point operations, bytes.

Everything is worked out from recorded facts, so it works on a loaded graph, without torch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from tracer.graph import Graph, Node, Scope, Value

if TYPE_CHECKING:
    from tracer.builder import NodeDraft, ValueDraft

_Value = TypeVar("_Value", Value, "ValueDraft")

SPANS: Final = "parameters"  # the attribute of a module's scope that says which of the run's parameters are its own

# Kernels that give views of their operand, though torch's schemas do not say so.
UNSAID_VIEWS: Final = frozenset(("_unsafe_view", "unsafe_split", "unsafe_split_with_sizes", "unsafe_chunk"))


@dataclass(frozen=True, slots=True)
class Totals:
    """What a pass, or a part of it, costs.

    Attributes:
        parameters: Elements of all parameters, also of those that the pass did not read; tied weights count once.
        forward_flops: Floating-point operations of the forward pass, by torch's own formulas
            (`torch.utils.flop_counter`: matrix products, convolutions, attention; a multiply-add is two operations).
        backward_flops: The same for the backward pass.
        update_flops: The same for the optimizer's step.
        moved_bytes: What kernels read and write; memory that three kernels read counts three times.
        activation_bytes: Memory of all that the forward pass computed from tensors, as if none were freed. A view
            or an in-place result lies in memory that counts already.
        saved_bytes: Memory that autograd keeps for the backward pass, without parameters and buffers, which are
            there anyway. Memory that several operations keep counts once.
    """

    parameters: int = 0
    forward_flops: int = 0
    backward_flops: int = 0
    update_flops: int = 0
    moved_bytes: int = 0
    activation_bytes: int = 0
    saved_bytes: int = 0

    @property
    def flops(self) -> int:
        """Floating-point operations of all phases."""
        return self.forward_flops + self.backward_flops + self.update_flops


@dataclass(frozen=True, slots=True)
class Module:
    """One module with what all its calls cost.

    Attributes:
        name: Its qualified name (`layers.0`).
        type: Its class (`Linear`).
        depth: In how many modules it lies.
        calls: How often it was called.
        totals: What it costs, the modules inside it included.
    """

    name: str
    type: str
    depth: int
    calls: int
    totals: Totals


def totals(graph: Graph, module: str | Scope | None = None) -> Totals:
    """What a pass costs, or a part of it.

    A result, and what is kept of it for backward, counts in the module that made it. So modules side by side add up to
    the module around them, but for what that one does itself, and for tied weights.

    Args:
        graph: The pass.
        module: The name of a module, for all its calls; or its scope, for that call. None for the whole pass.

    Raises:
        KeyError: There is no module of that name.
    """
    account = _Account(graph)
    if module is None:
        return account.whole()
    if isinstance(module, Scope):
        return account.of([module])
    calls = [scope for scope in _modules(graph) if scope.name == module]
    if not calls:
        known = list(dict.fromkeys(scope.name for scope in _modules(graph)))
        raise KeyError(f"there is no module {module!r} (there are {', '.join(known[:20]) or 'none'})")
    inner = {scope.id for scope in calls}
    return account.of([scope for scope in calls if all(each.id not in inner for each in graph.path(scope.parent))])


def table(graph: Graph, depth: int | None = None) -> tuple[Module, ...]:
    """Every module with what all its calls cost, in the order of their first calls.

    Args:
        graph: The pass.
        depth: How many levels of modules; None for all.
    """
    account = _Account(graph)
    paths: dict[int | None, tuple[tuple[str, str], ...]] = {None: ()}
    calls: dict[tuple[tuple[str, str], ...], list[Scope]] = {}
    for scope in _modules(graph):
        path = paths[scope.id] = (*paths[account.around(scope.parent)], (scope.name, scope.type))
        calls.setdefault(path, []).append(scope)
    return tuple(
        Module(*path[-1], depth=len(path) - 1, calls=len(scopes), totals=account.of(scopes))
        for path, scopes in calls.items()
        if depth is None or len(path) <= depth
    )


def memory(values: Iterable[_Value], nodes: Iterable[Node | NodeDraft]) -> dict[int, _Value]:
    """By value id, the value whose memory it lies in: the first of a chain of views and in-place versions.

    Args:
        values: All values of a graph, or their drafts.
        nodes: Its nodes, of which some give views that no value tells of.
    """
    unsaid = {
        made: node.inputs[0] for node in nodes if node.op in UNSAID_VIEWS and node.inputs for made in node.outputs
    }
    by_id = {value.id: value for value in values}
    found: dict[int, _Value] = {}
    for value in by_id.values():
        base = _base(value, unsaid)
        if base is None or base in found:  # as a rule, for a base stands before what lies on it
            found[value.id] = value if base is None else found[base]
            continue
        way = [value]
        while base is not None and base not in found and base in by_id:
            way.append(by_id[base])
            base = _base(way[-1], unsaid)
        first = way[-1] if base is None else found.get(base, way[-1])
        found.update((each.id, first) for each in way)
    return found


def _base(value: Value | ValueDraft, unsaid: Mapping[int, int]) -> int | None:
    if value.version_of is not None:
        return value.version_of
    return unsaid.get(value.id) if value.view_of is None and value.kind == "result" else value.view_of


def _modules(graph: Graph) -> Iterator[Scope]:
    return (scope for scope in graph.scopes if scope.kind == "module")


def _length(spans: Iterable[Sequence[int]]) -> int:
    """How many numbers lie in any of the spans, each from its first number up to, not including, its last."""
    count = end = 0
    for first, last in sorted(map(tuple, spans)):
        count += max(0, last - max(first, end))
        end = max(end, last)
    return count


class _Account:
    """The amounts of every module, worked out in one walk over the graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._around: dict[int, int | None] = {}
        for scope in graph.scopes:  # a parent stands before its children
            self._around[scope.id] = scope.id if scope.kind == "module" else self.around(scope.parent)
        self._memory = memory(graph.values, graph.nodes)
        self._read: dict[int | None, dict[int, Value]] = {None: {}, **{scope.id: {} for scope in _modules(graph)}}
        self._amounts: dict[int | None, Counter[str]] = {module: Counter() for module in self._read}
        self._count_nodes()
        self._count_memory()
        for scope in reversed(tuple(_modules(graph))):
            outer = self.around(scope.parent)
            self._amounts[outer].update(self._amounts[scope.id])
            self._read[outer].update(self._read[scope.id])

    def around(self, scope: int | None) -> int | None:
        """The innermost module around and including a scope."""
        return self._around[scope] if scope is not None else None

    def whole(self) -> Totals:
        """The totals of the pass; to the parameters of modules come those that are read, but never inside a module."""
        known = [scope for scope in _modules(self._graph) if SPANS in scope.attrs]
        inside = {key for scope in known for key in self._read[scope.id]}
        loose = sum(value.numel for key, value in self._read[None].items() if key not in inside)
        own = _length(span for scope in known for span in scope.attrs[SPANS])
        return Totals(parameters=own + loose, **self._amounts[None])

    def of(self, calls: Sequence[Scope]) -> Totals:
        """The totals of calls of one module, none of which lies in another."""
        amounts: Counter[str] = Counter()
        for scope in calls:
            amounts.update(self._amounts[scope.id])
        return Totals(parameters=self._parameters(calls), **amounts)

    def _parameters(self, calls: Sequence[Scope]) -> int:
        """The parameters of a module: its own, or where nothing is known of those, the ones that are read in it."""
        spans = [span for scope in calls for span in scope.attrs.get(SPANS, ())]
        if spans:
            return _length(spans)
        read = {key: value for scope in calls for key, value in self._read[scope.id].items()}
        return sum(value.numel for value in read.values())

    def _count_nodes(self) -> None:
        for node in self._graph.nodes:
            module = self.around(node.scope)
            amounts = self._amounts[module]
            amounts[f"{node.phase}_flops"] += int(node.cost.get("flops", 0))
            amounts["moved_bytes"] += int(node.cost.get("bytes", 0))
            for value in node.inputs:
                first = self._memory[value]
                if first.kind == "parameter":
                    self._read[module][first.id] = first

    def _count_memory(self) -> None:
        """Counts each piece of memory once, in the module that made it."""
        made: dict[int, int | None] = {}
        for node in self._graph.nodes:
            if node.phase == "forward":
                for value in node.outputs:
                    made.setdefault(self._memory[value].id, self.around(node.scope))
        saved = {self._memory[value.id].id for value in self._graph.values if value.saved_for_backward}
        for first in {value.id: value for value in self._memory.values()}.values():
            amounts = self._amounts[made.get(first.id)]
            if first.kind == "result" and first.id in made:
                amounts["activation_bytes"] += first.nbytes
            if first.id in saved and first.kind not in ("parameter", "buffer"):
                amounts["saved_bytes"] += first.nbytes
