"""Compares the turns of what repeats: whether values flow alike in all, and what each hands on to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from tracer.graph import Graph, Node

Place = tuple[int, int]  # an operation by its number in the turn, and one of its operands or results
Turn = Sequence[Node]
_Way = tuple[str, Place]
_OUTSIDE: Final[_Way] = ("outside", (-1, -1))


@dataclass(frozen=True)
class Carried:
    """What a turn hands on to the next: the result at `made` is the operand at `read` of the turn that follows."""

    made: Place
    read: Place


@dataclass(frozen=True)
class Run:
    """Turns that do the same, one after another.

    Attributes:
        turns: Their operations; those at the same place correspond.
        carried: What each turn after the first reads from the one before.
        weights: How many parameters a turn reads.
        same_weights: Whether all turns read the same ones.
        first: A turn before these in which some lines did not run: its operations by their number in a whole turn.
        last: Likewise one after these.
    """

    turns: Sequence[Turn]
    carried: Sequence[Carried]
    weights: int
    same_weights: bool
    first: Mapping[int, Node] = field(default_factory=dict)
    last: Mapping[int, Node] = field(default_factory=dict)

    @cached_property
    def every(self) -> Sequence[Mapping[int, Node]]:
        """All turns, by the number of each operation in a whole one."""
        whole = [dict(enumerate(turn)) for turn in self.turns]
        return [*([self.first] if self.first else []), *whole, *([self.last] if self.last else [])]


def compared(graph: Graph, turns: Sequence[Turn]) -> Run | None:
    """The turns as a run, as many of them from the first on as flow alike; None where not even two do.

    The first turn may read anything where the others read what the turn before has made.
    """
    if len(turns) < 2 or len({len(turn) for turn in turns}) != 1:
        return None
    growing = _growing(turns)
    ways: list[Mapping[Place, _Way]] = []
    before: Mapping[int, Place] = {}
    for turn in turns:
        made = _made(turn)
        found = {place: _way(value, made, before) for place, value in _read(turn, growing)}
        ways.append({place: way for place, way in found.items() if place[0] not in growing or way is not _OUTSIDE})
        before = made
    last = next((number for number in range(2, len(turns)) if ways[number] != ways[1]), len(turns))
    if not _begins(turns, ways[0], ways[1]):
        return None
    weights = [_weights(graph, turn) for turn in turns[:last]]
    carried = tuple(Carried(way[1], place) for place, way in ways[1].items() if way[0] == "before")
    return Run(turns[:last], carried, len(weights[0]), all(each == weights[0] for each in weights))


def initial(run: Run, carried: Carried) -> int | None:
    """What the first turn reads in place of what is carried; None where it has no such operand."""
    number, position = carried.read
    first, last = run.every[0].get(number), run.turns[-1][number]
    return first.inputs[position] if first is not None and len(first.inputs) == len(last.inputs) else None


def begins_with(graph: Graph, run: Run, first: Mapping[int, Node]) -> bool:
    """Whether a turn that lacks some operations can come before a run: what it has flows as in the others."""
    whole, made = _whole(run), _made_at(first)
    for number, node in first.items():
        for position, value in enumerate(node.inputs if (number, 0) in whole else ()):
            way, want = _way(value, made, {}), whole.get((number, position), _OUTSIDE)
            lacks = want[0] == "inside" and want[1][0] not in first
            if not lacks and way != want and "inside" in (way[0], want[0]):
                return False
    return _reads_weights(graph, run, first)


def ends_with(graph: Graph, run: Run, last: Mapping[int, Node]) -> bool:
    """Likewise after a run."""
    whole, made, before = _whole(run), _made_at(last), _made(run.turns[-1])
    for number, node in last.items():
        for position, value in enumerate(node.inputs if (number, 0) in whole else ()):
            want = whole.get((number, position), _OUTSIDE)
            lacks = want[0] == "inside" and want[1][0] not in last
            if not lacks and _way(value, made, before) != want:
                return False
    return _reads_weights(graph, run, last)


def _whole(run: Run) -> Mapping[Place, _Way]:
    """Where the operands of the last whole turn come from."""
    made, before = _made(run.turns[-1]), _made(run.turns[-2])
    return {place: _way(value, made, before) for place, value in _read(run.turns[-1])}


def _made_at(turn: Mapping[int, Node]) -> Mapping[int, Place]:
    return {value: (number, place) for number, node in turn.items() for place, value in enumerate(node.outputs)}


def _reads_weights(graph: Graph, run: Run, turn: Mapping[int, Node]) -> bool:
    """Whether a turn reads no weights but those of the run."""
    return run.same_weights and {*_weights(graph, [*turn.values()])} <= {*_weights(graph, run.turns[-1])}


def _growing(turns: Sequence[Turn]) -> frozenset[int]:
    """The operations that read more in each turn: all that a list has by then (`cat(keys)`)."""
    read = zip(*([len(node.inputs) for node in turn] for turn in turns[1:]), strict=True)
    return frozenset(number for number, counts in enumerate(read) if len({*counts}) > 1)


def _read(turn: Turn, growing: frozenset[int] = frozenset()) -> Iterable[tuple[Place, int]]:
    """The operands of a turn; of one that computes forward those alone, for the ends of a loop send back otherwise.

    Positions of operations that read more in each turn count from the last operand: that is what this turn has added.
    """
    forward = any(node.phase == "forward" for node in turn)
    for number, node in enumerate(turn):
        for position, value in enumerate(node.inputs if node.phase == "forward" or not forward else ()):
            yield (number, position - len(node.inputs) if number in growing else position), value


def _made(turn: Turn) -> Mapping[int, Place]:
    return {value: (number, place) for number, node in enumerate(turn) for place, value in enumerate(node.outputs)}


def _way(value: int, made: Mapping[int, Place], before: Mapping[int, Place]) -> _Way:
    """Where an operand comes from: this turn, the one before, or elsewhere."""
    if value in made:
        return ("inside", made[value])
    return ("before", before[value]) if value in before else _OUTSIDE


def _begins(turns: Sequence[Turn], first: Mapping[Place, _Way], then: Mapping[Place, _Way]) -> bool:
    """Whether the first turn flows as the second, but for what comes from the turn before (`loss = 0 + ...`)."""
    for place, way in then.items():
        same_operands = len(turns[0][place[0]].inputs) == len(turns[1][place[0]].inputs)
        if same_operands and first[place] != way and "inside" in (first[place][0], way[0]):
            return False
    return True


def _weights(graph: Graph, turn: Turn) -> list[int]:
    return [value for _, value in _read(turn) if graph.value_by_id[value].kind == "parameter"]
