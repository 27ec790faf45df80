"""From the moments of a run to steps: those of one line, operation, module or turn together, long loops folded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from render import text
from render.timeline import Moment, Timeline
from render.views.closing import is_closed_module
from render.views.merging import step, turn_of
from render.views.repeats import spans
from tracer.graph import Graph

FEW: Final = 30  # a deck whose loops were folded has no more steps than this
MAX_TURNS: Final = 5  # of a loop that is told turn by turn; of a longer one the first, the second and the last


@dataclass(frozen=True, slots=True)
class Part:
    """The moments of one step.

    Attributes:
        moments: Their numbers in the timeline.
        turn: Which turn of a loop they lie in (`t = 2`); empty outside of loops.
        whole: Whether they are whole turns.
        module: Whether they are what ran in one module.
    """

    moments: tuple[int, ...]
    turn: str = ""
    whole: bool = False
    module: bool = False


def gather(timeline: Timeline, by: str) -> Sequence[Part]:
    """The steps as moments that belong together, with the middle of long loops as one."""
    found = [_in_picture(part, timeline) for part in _gathered(timeline.moments, timeline, by)]
    gathered = [*_joined(found, whole=True)]
    detailed = [*_folded(gathered, timeline, whole=by == "timestep")]
    if by == "timestep":
        return [*_joined(detailed)]
    if FEW < len(detailed) < len(gathered):
        return [*_folded(gathered, timeline, whole=True)]
    return detailed


def fewest(graph: Graph, by: str) -> int:
    """How many steps there are at least, known before anything is placed: lines that differ, or modules.

    Args:
        graph: What is drawn.
        by: As for `gather`; whole turns of loops may be any number.
    """
    found: set[object] = set()
    for node in graph.nodes if by != "timestep" else ():
        module = next((s.id for s in reversed(graph.path(node.scope)) if s.kind == "module"), None)
        source = graph.source(node)
        line = node.id if source is None else (source.file, source.line)
        found.add(line if module is None or by != "module" else ("module", module))
    return len(found)


def _gathered(moments: Sequence[Moment], timeline: Timeline, by: str) -> Iterator[Part]:
    """Consecutive moments of one line, or of one module; backward goes operation by operation."""

    def inmodule_of(number: int) -> bool:
        first = moments[number]
        return by == "module" and first.kind == "forward" and module_of(timeline, first) is not None

    part: list[int] = []
    for number, moment in enumerate(moments):
        if part and not _together(moments, part, moment, timeline, by):
            yield Part(tuple(part), module=inmodule_of(part[0]))
            part = []
        part.append(number)
    if part:
        yield Part(tuple(part), module=inmodule_of(part[0]))


def _in_picture(part: Part, timeline: Timeline) -> Part:
    """The step with the name that its turn has in a picture whose turns are columns."""
    for moment in map(timeline.moments.__getitem__, part.moments):
        node = moment.node
        if node is None and moment.sign in timeline.repeated:  # what each turn is given anew
            node = next((each for value in moment.values for each in timeline.view.consumers.get(value, ())), None)
        stands = turn_of(timeline.view, node) if node is not None else ""
        if stands:
            return replace(part, turn=text.clean(stands), whole=True)
        scopes = timeline.view.path(node.scope) if node is not None else ()
        column = next((scope for scope in scopes if step(scope) is not None), None)
        if column is not None:
            return replace(part, turn=text.clean(column.name))
    return part


def _together(moments: Sequence[Moment], part: Sequence[int], moment: Moment, timeline: Timeline, by: str) -> bool:
    """Whether a moment belongs to the step before it."""
    last = moments[part[-1]]
    if moment.kind != last.kind or by == "op" or _stands_alone(timeline, moment) or _stands_alone(timeline, last):
        return False
    if by == "module":
        here, there = module_of(timeline, moment), module_of(timeline, last)
        return here is not None and here == there
    if moment.kind == "backward" or moment.running is None or moment.running != last.running:
        return False
    again = [before for before in map(moments.__getitem__, part) if before.node and before.sign == moment.sign]
    return all(moment.call is not None and moment.call == before.call for before in again)  # else it is another turn


def _stands_alone(timeline: Timeline, moment: Moment) -> bool:
    """Whether a moment is of whole turns of a loop."""
    return moment.loop is not None or (moment.node is not None and bool(turn_of(timeline.view, moment.node)))


def module_of(timeline: Timeline, moment: Moment) -> int | None:
    """The innermost open module that an operation lies in."""
    if moment.node is None:
        return None
    scopes = [scope for scope in timeline.view.path(moment.node.scope) if scope.kind == "module"]
    if is_closed_module(moment.node) and scopes:
        scopes.pop()
    return scopes[-1].id if scopes else None


def _folded(parts: Sequence[Part], timeline: Timeline, *, whole: bool) -> Iterator[Part]:
    """The steps with the turns of loops numbered, and those in the middle of a long loop as one.

    Args:
        parts: As gathered.
        timeline: What they are of.
        whole: Makes one step of each turn after the first; of the first as well where loops are told by turns alone.
    """
    numbers: dict[object, int] = {}
    signs = [numbers.setdefault(_sign(part, timeline), len(numbers)) for part in parts]
    done = 0
    for span in spans(signs):
        yield from parts[done : span.start]
        ends = range(span.start, span.start + span.turns * span.period, span.period)
        rows = [parts[at : at + span.period] for at in ends]
        backwards = timeline.moments[rows[0][0].moments[0]].kind == "backward"
        yield from _told(rows, whole, backwards)
        done = span.start + span.turns * span.period
    yield from parts[done:]


def _sign(part: Part, timeline: Timeline) -> object:
    return tuple(timeline.moments[number].sign or number for number in part.moments)


def _told(rows: Sequence[Sequence[Part]], whole: bool, backwards: bool) -> Iterator[Part]:
    """The turns of one loop; in backward the last comes first."""
    count = len(rows)
    middle = range(2, count - 1) if count > MAX_TURNS else range(0)
    for number, row in enumerate(rows):
        turn = count - number if backwards else number + 1
        if number == middle.start and middle:
            ends = sorted((turn, turn + (len(middle) - 1) * (-1 if backwards else 1)))
            yield _merged([part for each in middle for part in rows[each]], f"t = {ends[0]} … {ends[1]}")
        elif number not in middle:
            turns_label = f"t = {turn}"
            if whole and number > 0:
                yield _merged(row, row[0].turn or turns_label)
            else:
                yield from (replace(part, turn=part.turn or turns_label) for part in row)


def _merged(parts: Iterable[Part], turn: str) -> Part:
    return Part(tuple(number for part in parts for number in part.moments), turn, whole=True)


def _joined(parts: Sequence[Part], *, whole: bool = False) -> Iterator[Part]:
    """Neighbours of the same turn as one step; only those that are whole turns, if `whole`."""
    waiting: list[Part] = []
    for part in parts:
        if waiting and (not part.turn or part.turn != waiting[-1].turn or (whole and not part.whole)):
            yield _whole(waiting)
            waiting = []
        waiting.append(part)
    if waiting:
        yield _whole(waiting)


def _whole(parts: Sequence[Part]) -> Part:
    return parts[0] if len(parts) == 1 else _merged(parts, parts[0].turn)
