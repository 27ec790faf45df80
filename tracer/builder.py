"""The only mutable object of a capture: a `Builder` collects while the program runs and freezes into a `Graph`.

Backends (torch, the scalar engine) call it for every event, so it only appends; which operations belong to which
pass is settled afterwards, by `tracer.passes`, from the segments noted here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from tracer.graph import Graph, Node, Phase, Scope, ScopeKind, Source, Stats, Value, ValueKind
from tracer.records import close

_EMPTY: Mapping[str, Any] = {}


class ValueDraft:
    """A `Value` under construction: the same fields, open to change."""

    __slots__ = tuple(Value.__dataclass_fields__)

    id: int
    name: str | None
    kind: ValueKind
    shape: tuple[int, ...]
    dtype: str
    device: str
    nbytes: int
    requires_grad: bool
    data: Stats | None
    grad: Stats | None
    gradient: int | None
    no_grad_reason: str | None
    view_of: int | None
    version_of: int | None
    saved_for_backward: bool


class ScopeDraft:
    """A `Scope` under construction: the same fields, open to change."""

    __slots__ = tuple(Scope.__dataclass_fields__)

    id: int
    parent: int | None
    kind: ScopeKind
    name: str
    type: str
    call: int
    source: Source | None
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    attrs: Mapping[str, Any]


class NodeDraft:
    """A `Node` under construction: the same fields, open to change."""

    __slots__ = tuple(Node.__dataclass_fields__)

    id: int
    op: str
    target: str
    phase: Phase
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    scope: int | None
    forward: int | None
    attrs: Mapping[str, Any]
    call: str
    cost: Mapping[str, float]
    error: str | None


@dataclass
class Segment:
    """A stretch of the run that ends where a backward did, or where an inference started over.

    Attributes:
        number: From 0, in the order of the run.
        roots: Values that backward started from; empty where none ran.
        first: The lowest id that what falls in it can have.
        visits: Forward nodes that each backward differentiated, in whatever segment they ran.
        line: The author's line that called backward.
        error: The message of the exception that ended it.
    """

    number: int
    first: int = 0
    roots: list[int] = field(default_factory=list)
    visits: list[set[int]] = field(default_factory=list)
    line: int | None = None
    error: str | None = None

    @property
    def visited(self) -> set[int]:
        """Forward nodes that were differentiated."""
        return set().union(*self.visits)


class Builder:
    """Collects values, scopes and nodes in the order they come, each under an id counted from 0."""

    def __init__(self) -> None:
        self.values: dict[int, ValueDraft] = {}
        self.scopes: dict[int, ScopeDraft] = {}
        self.nodes: dict[int, NodeDraft] = {}
        self.segments: list[Segment] = [Segment(0)]
        self.stack: list[int] = []
        self.new_id: Callable[[], int] = itertools.count().__next__

    @property
    def segment(self) -> Segment:
        """The stretch of the run that is under way."""
        return self.segments[-1]

    def value(
        self,
        *,
        kind: ValueKind,
        id: int | None = None,  # noqa: A002 - the model's own word
        shape: tuple[int, ...] = (),
        dtype: str = "",
        device: str = "",
        nbytes: int = 0,
        requires_grad: bool = False,
        name: str | None = None,
        data: Stats | None = None,
        view_of: int | None = None,
        version_of: int | None = None,
    ) -> ValueDraft:
        """Adds a value; the arguments are those of `tracer.graph.Value`, the id the next one where none is given."""
        draft = ValueDraft()
        draft.id = self.new_id() if id is None else id
        draft.name = name
        draft.kind = kind
        draft.shape = shape
        draft.dtype = dtype
        draft.device = device
        draft.nbytes = nbytes
        draft.requires_grad = requires_grad
        draft.data = data
        draft.grad = draft.gradient = None
        draft.no_grad_reason = None
        draft.view_of = view_of
        draft.version_of = version_of
        draft.saved_for_backward = False
        self.values[draft.id] = draft
        return draft

    def scope(
        self,
        *,
        kind: ScopeKind,
        id: int | None = None,  # noqa: A002 - the model's own word
        name: str = "",
        type: str = "",  # noqa: A002 - the model's own word
        call: int = 0,
        source: Source | None = None,
        parent: int | None = None,
    ) -> ScopeDraft:
        """Adds a scope, by default inside the one on top of the stack; it is not entered."""
        draft = ScopeDraft()
        draft.id = self.new_id() if id is None else id
        draft.parent = parent if parent is not None else self.stack[-1] if self.stack else None
        draft.kind = kind
        draft.name = name
        draft.type = type
        draft.call = call
        draft.source = source
        draft.inputs = draft.outputs = ()
        draft.attrs = _EMPTY
        self.scopes[draft.id] = draft
        return draft

    def enter(self, scope: ScopeDraft) -> None:
        """Makes `scope` the innermost one."""
        self.stack.append(scope.id)

    def leave(self, scope: ScopeDraft) -> None:
        """Leaves `scope` and whatever an exception left open inside it."""
        if scope.id in self.stack:
            del self.stack[self.stack.index(scope.id) :]

    def node(
        self,
        op: str,
        target: str,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
        *,
        id: int | None = None,  # noqa: A002 - the model's own word
        phase: Phase = "forward",
        scope: int | None = None,
        forward: int | None = None,
        attrs: Mapping[str, Any] = _EMPTY,
        call: str = "",
        error: str | None = None,
    ) -> NodeDraft:
        """Adds a node, by default inside the innermost scope."""
        draft = NodeDraft()
        draft.id = self.new_id() if id is None else id
        draft.op = op
        draft.target = target
        draft.phase = phase
        draft.inputs = inputs
        draft.outputs = outputs
        draft.scope = scope if scope is not None else self.stack[-1] if self.stack else None
        draft.forward = forward
        draft.attrs = attrs
        draft.call = call
        draft.cost = _EMPTY
        draft.error = error
        self.nodes[draft.id] = draft
        return draft

    def next_segment(self) -> Segment:
        """Starts a new stretch of the run."""
        self.segments.append(Segment(len(self.segments), self.new_id()))
        return self.segment

    def forget_before(self, first: int, scopes: Iterable[int]) -> None:
        """Drops the nodes before the id `first`, and what served nothing else, so that memory stays bounded.

        Args:
            first: Of the first segment that is kept.
            scopes: Scopes that are in use by what the backends hold back.
        """
        self.nodes = {key: node for key, node in self.nodes.items() if key >= first}
        used = set(self.stack)
        for scope in scopes:
            _mark(scope, self.scopes, used)
        for node in self.nodes.values():
            _mark(node.scope, self.scopes, used)
        self.scopes = {key: scope for key, scope in self.scopes.items() if key in used}
        kept = {ref for node in self.nodes.values() for ref in (*node.inputs, *node.outputs)}
        kept |= {ref for scope in self.scopes.values() for ref in (*scope.inputs, *scope.outputs)}
        for each in self.segments:
            if each.first >= first:
                kept.update(each.roots)
        self.values = {key: value for key, value in self.values.items() if key in kept}

    def freeze(self, name: str, meta: Mapping[str, Any]) -> Graph:
        """Everything collected so far as one graph, whatever pass it belongs to; the drafts become its records."""
        return Graph(
            name=name,
            nodes=_closed(self.nodes, Node),
            values=_closed(self.values, Value),
            scopes=_closed(self.scopes, Scope),
            meta=dict(meta),
        )


def _closed(drafts: Mapping[int, Any], record: type[Any]) -> tuple[Any, ...]:
    found = sorted(drafts.values(), key=attrgetter("id"))
    for draft in found:
        close(draft, record)
    return tuple(found)


def _mark(scope: int | None, scopes: Mapping[int, ScopeDraft], used: set[int]) -> None:
    while scope is not None and scope not in used:
        used.add(scope)
        draft = scopes.get(scope)
        scope = draft.parent if draft is not None else None
