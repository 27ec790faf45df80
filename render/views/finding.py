"""Finds the runs in a sequence of items, with the first or last turn that leaves lines out (`if cache`, `if t > 0`)."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from render.views.repeats import Item, Likeness, Span, spans
from render.views.runs import Run, begins_with, compared, ends_with
from tracer.graph import Graph, Node, Scope

Turn = Mapping[int, Node]


@dataclass(frozen=True)
class Found:
    """A run in a sequence.

    Attributes:
        run: Its operations.
        rows: The items of each turn.
        kept: Those of the last whole turn, which stays where the run is drawn once.
        end: Where in the sequence it ends.
    """

    run: Run
    rows: Sequence[Sequence[Item]]
    kept: Sequence[Item]
    end: int


def runs_of(graph: Graph, sequence: Sequence[Item], likeness: Likeness | None) -> Iterator[Found]:
    """The runs that a sequence holds, from the left.

    Args:
        graph: Where it ran.
        sequence: Items with their signs.
        likeness: What makes lines the same one, to find turns that lack some; None leaves these out.
    """
    done = 0
    for span in spans([item.sign for item in sequence]):
        if span.start < done:
            continue
        free = _Free(graph, sequence, done, likeness) if likeness is not None else None
        found = (free and free.begun_late(span)) or _whole(graph, sequence, span)
        if found is not None:
            found = free.completed(span, found) if free is not None else found
            done = found.end
            yield found


def _whole(graph: Graph, sequence: Sequence[Item], span: Span) -> Found | None:
    """The run that a span is; a first turn that flows otherwise is left out."""
    rows = span.rows(sequence)
    turns = [[node for item in row for node in item.nodes] for row in rows]
    for skipped in range(min(2, len(turns) - 1)):
        run = compared(graph, turns[skipped:])
        if run is not None:
            end = skipped + len(run.turns)
            return Found(run, rows[skipped:end], rows[end - 1], span.start + end * span.period)
    return None


@dataclass(frozen=True)
class _Free:
    """Looks for turns that lack lines among the items beside a run.

    Attributes:
        graph: Where it ran.
        sequence: All items.
        done: Those before are part of another run.
        likeness: What makes two lines the same one.
    """

    graph: Graph
    sequence: Sequence[Item]
    done: int
    likeness: Likeness

    def begun_late(self, span: Span) -> Found | None:
        """The run that a span is, had it begun some items later: its first turn, which lacks lines, hid the beginning.

        Of `AB' AB AB AB` the span is `B' (AB') ...` otherwise: each turn would begin in the middle.
        """
        end = span.start + span.turns * span.period
        signs = [item.sign for item in self.sequence[span.start : end + span.period]]
        late = next((n for n, sign in enumerate(signs[end - span.start :]) if sign != signs[n]), span.period - 1)
        begin = span.start + late - span.period
        if not late or begin < self.done or end + late > len(self.sequence):
            return None
        found = _whole(self.graph, self.sequence, Span(span.start + late, span.period, span.turns))
        if found is None or len(found.rows) < span.turns:
            return None
        row = self.sequence[begin : begin + span.period]
        first = self._turn(row, found)
        if first is None or not begins_with(self.graph, found.run, first):
            return None
        return replace(found, run=replace(found.run, first=first), rows=(row, *found.rows))

    def completed(self, span: Span, found: Found) -> Found:
        """The run with a turn before and one behind it that lack lines, where there are such."""
        begin = found.end - len(found.run.turns) * span.period
        before = range(max(self.done, begin - span.period), begin if not found.run.first else 0)
        for start in before:
            row = self.sequence[start:begin]
            first = self._turn(row, found)
            if first and begins_with(self.graph, found.run, first):
                found = replace(found, run=replace(found.run, first=first), rows=(row, *found.rows))
                break
        behind = min(len(self.sequence), found.end + span.period) if _begins(found.kept) else found.end
        for end in range(behind, found.end, -1):
            row = self.sequence[found.end : end]
            last = self._turn(row, found)
            if last and ends_with(self.graph, found.run, last):
                return replace(found, run=replace(found.run, last=last), rows=(*found.rows, row), end=end)
        return found

    def _turn(self, row: Sequence[Item], found: Found) -> Turn | None:
        """The operations of a row by the place that each has in a whole turn; None where one has none."""
        if any(item.scope is None or item.scope.source is None for item in row):
            return None  # nothing tells that it is the same line
        signs = [self._sign(node, item) for item in found.kept for node in item.nodes]
        turn: dict[int, Node] = {}
        place = 0
        for item in row:
            for node in item.nodes:
                sign = self._sign(node, item)
                place = next((at for at in range(place, len(signs)) if signs[at] == sign), len(signs))
                if place == len(signs):
                    return None
                turn[place] = node
                place += 1
        return turn if len(turn) < len(signs) else None

    def _sign(self, node: Node, item: Item) -> Hashable:
        """What an operation is, with the calls around it up to the item that it lies in."""
        path = self.graph.path(node.scope)
        home = None if item.scope is None else item.scope.parent
        depth = next((number + 1 for number, scope in enumerate(path) if scope.id == home), 0)
        calls = ((scope.kind, scope.name, scope.type, _line(scope)) for scope in path[depth:])
        return (self.likeness.node(self.graph, node), *calls)


def _line(scope: Scope) -> tuple[str, int] | None:
    """The line of a call; where in it does not matter, for a line may hold both ways (`cat(...) if cache else ...`)."""
    return None if scope.source is None else (scope.source.file, scope.source.line)


def _begins(row: Sequence[Item]) -> bool:
    """Whether items begin with the first line of a turn: one that begins in its middle is no turn."""
    lines = [_line(item.scope) for item in row if item.scope is not None]
    return all(line is None or lines[0] is None or lines[0] <= line for line in lines)
