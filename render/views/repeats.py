"""Finds what repeats: the items of a scope in the order they ran, and stretches of them that come again and again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from tracer.graph import Graph, Node, Scope

MAX_PERIODS: Final = 16  # how many lengths of a turn are tried at each item: loops in loops in loops need no more


@dataclass(slots=True)
class Item:
    """What lies directly in a scope: an operation, or a call with all that ran in it.

    Attributes:
        scope: The call; None for an operation.
        nodes: The operations, in the order they ran.
        sign: A number that items alike have in common.
    """

    scope: Scope | None
    nodes: list[Node] = field(default_factory=list)
    sign: int = -1


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of `turns * period` items from `start` on, in which the first `period` repeat."""

    start: int
    period: int
    turns: int

    def rows(self, sequence: Sequence[Item]) -> list[Sequence[Item]]:
        """The items of each turn."""
        end = self.start + self.period * self.turns
        return [sequence[at : at + self.period] for at in range(self.start, end, self.period)]


@dataclass(frozen=True)
class Likeness:
    """What makes two things alike.

    Attributes:
        node: What of an operation must be equal.
        scope: What of a call must be equal, besides all that ran in it.
        item: What of an item must be equal besides, where it stands in a sequence that may repeat.
    """

    node: Callable[[Graph, Node], Hashable]
    scope: Callable[[Scope], Hashable]
    item: Callable[[Item], Hashable]


def contents(graph: Graph) -> Mapping[int | None, Sequence[Item]]:
    """For each scope (None: outside of all), what lies in it, outer scopes first; the items have no sign yet."""
    inside: dict[int | None, list[Item]] = {None: []}
    entered: dict[int, Item] = {}
    for node in graph.nodes:
        item, scope = Item(None, [node]), node.scope
        while True:
            known = scope is None or scope in entered
            inside.setdefault(scope, []).append(item)
            if scope is None or known:
                break
            item = entered[scope] = Item(graph.scope_by_id[scope])
            scope = item.scope.parent if item.scope is not None else None
    for home in reversed(graph.scopes):
        if home.id in entered:
            entered[home.id].nodes = [node for item in inside[home.id] for node in item.nodes]
    order = (None, *(scope.id for scope in graph.scopes))
    return {scope: inside[scope] for scope in order if scope in inside}


def items(graph: Graph, likeness: Likeness) -> Mapping[int | None, Sequence[Item]]:
    """For each scope, what lies in it as in `contents`, numbered from the innermost outwards."""
    inside = contents(graph)
    numbers: dict[Hashable, int] = {}

    def number(what: Hashable) -> int:
        return numbers.setdefault(what, len(numbers))

    plain: dict[int, int] = {}
    for scope in (*reversed(graph.scopes), None):
        within = inside.get(None if scope is None else scope.id, ())
        for item in within:
            if item.scope is None:
                content = number(("node", likeness.node(graph, item.nodes[0])))
            else:
                content = plain[item.scope.id]
            item.sign = number(("item", content, likeness.item(item)))
        if scope is not None and within:
            signs = tuple(_plain(item, plain) for item in within)
            plain[scope.id] = number(("scope", likeness.scope(scope), signs))
    return inside


def _plain(item: Item, plain: Mapping[int, int]) -> int:
    """The number of an item regardless of where it stands."""
    return item.sign if item.scope is None else plain[item.scope.id]


def spans(signs: Sequence[int], least: int = 2) -> Iterator[Span]:
    """The stretches that repeat, from the left; at each place the one that covers most, with the shortest turn.

    Args:
        signs: One number an item; equal ones are alike.
        least: Turns that a stretch must have at least.
    """
    following = _following(signs)
    ends: dict[int, int] = {}
    start = 0
    while start < len(signs):
        best = None
        for period in islice(_periods(following, start), MAX_PERIODS):
            if ends.get(period, 0) <= start:  # a stretch is measured once, not from each of its items
                ends[period] = _end(signs, start, period)
            turns = 1 + (ends[period] - start) // period
            if turns >= least and (best is None or turns * period > best.turns * best.period):
                best = Span(start, period, turns)
        if best is not None:
            yield best
        start += best.turns * best.period if best is not None else 1


def _following(signs: Sequence[int]) -> Sequence[int]:
    """For each place, the next one with the same sign; -1 where there is none."""
    found, last = [-1] * len(signs), dict[int, int]()
    for place in range(len(signs) - 1, -1, -1):
        found[place] = last.get(signs[place], -1)
        last[signs[place]] = place
    return found


def _periods(following: Sequence[int], start: int) -> Iterator[int]:
    """How far it is from `start` to each later place with the same sign."""
    place = following[start]
    while place >= 0:
        yield place - start
        place = following[place]


def _end(signs: Sequence[int], start: int, period: int) -> int:
    """The first place from `start` on that is not as the one a period later."""
    place = start
    while place + period < len(signs) and signs[place] == signs[place + period]:
        place += 1
    return place
