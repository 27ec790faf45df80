"""Compares the turns of what repeats: whether values flow alike in all, and what each hands on to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
    """

    turns: Sequence[Turn]
    carried: Sequence[Carried]
    weights: int
    same_weights: bool


def compared(graph: Graph, turns: Sequence[Turn]) -> Run | None:
    """The turns as a run, as many of them from the first on as flow alike; None where not even two do.

    The first turn may read anything where the others read what the turn before has made.
    """
    if len(turns) < 2 or len({len(turn) for turn in turns}) != 1:
        return None
    ways: list[Mapping[Place, _Way]] = []
    before: Mapping[int, Place] = {}
    for turn in turns:
        made = _made(turn)
        ways.append({place: _way(value, made, before) for place, value in _read(turn)})
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
    first, last = run.turns[0][number], run.turns[-1][number]
    return first.inputs[position] if len(first.inputs) == len(last.inputs) else None


def _read(turn: Turn) -> Iterable[tuple[Place, int]]:
    for number, node in enumerate(turn):
        for position, value in enumerate(node.inputs):
            yield (number, position), value


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
