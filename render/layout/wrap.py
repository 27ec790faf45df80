"""Breaks a level that is long and narrow into columns side by side, as a newspaper sets a story.

Each column is laid out by itself; what runs on from one to the next leaves it at its end, as lines leave a group, turns
back along the gutter, and enters the next at its head (Rüegg, von Hanxleden, Wrapping Layered Graphs, 2018).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from render.layout.levels import ENTRY, EXIT, Net
from render.layout.plate import Plate, lay_out
from render.layout.routes import Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from render.layout.levels import Key, Plan
    from render.scene import Point

LONG: Final = 1100.0  # a shorter level stays as it is
PAGE: Final = (0.8, 1.0)  # length and breadth of a page, in proportion, that is to be filled
GAIN: Final = 1.15  # how much larger the level must come out on it, ...
PER_LINE: Final = 0.08  # ... and more for each line that runs on
LINES: Final = 3  # that may run on at a break
SHORTER: Final = 100.0  # so much longer may a column be for each line less that runs on before it
MOST: Final = 6  # columns
GUTTER: Final = 24.0  # between a column and the lines beside it
LANE: Final = 16.0  # between two lines in a gutter
TURN: Final = 18.0  # room for a line to turn


def wrap(plan: Plan, members: Sequence[int], nets: Mapping[Key, Net], plate: Plate) -> Plate:
    """The plate of a level in columns, if it fills a page better in them and there is where to break it."""
    breaks = _breaks(plan, members, nets, plate) if plate.length > LONG else []
    if not breaks:
        return plate
    column = {box: bisect_left(breaks, plate.at[box][0]) for box in members}
    parts: list[list[int]] = [[] for _ in range(len(breaks) + 1)]
    for box in members:
        parts[column[box]].append(box)
    flows = _flows(nets, column, len(parts))
    plates = [lay_out(plan, part, flow) for part, flow in zip(parts, flows, strict=True)]
    return _side_by_side(plates, nets, column)


# Where to break.


def _breaks(plan: Plan, members: Sequence[int], nets: Mapping[Key, Net], plate: Plate) -> list[float]:
    """Places along the flow at which the level is broken so that it fills a page best; none if it does so whole."""
    gaps = _gaps(plan, members, plate)
    lines = _lines_at(nets, plate, gaps)
    allowed = {at: count for at, count in zip(gaps, lines, strict=True) if count <= LINES}
    found: list[float] = []
    best = _fill(plate.length, plate.breadth) * GAIN
    for count in range(2, min(MOST, len(allowed) + 1) + 1):
        breaks = _even(allowed, plate.length, count)
        longest = max(far - near for near, far in pairwise([0.0, *breaks, plate.length]))
        running = sum(allowed[at] for at in breaks)
        breadth = _breadth(plan, members, plate, breaks) + len(breaks) * 2 * GUTTER + running * LANE
        filled = _fill(longest + 2 * TURN, breadth) / (1 + PER_LINE * running)
        if filled > best:
            found, best = breaks, filled
    return found


def _breadth(plan: Plan, members: Sequence[int], plate: Plate, breaks: Sequence[float]) -> float:
    """How broad the boxes of all columns are, side by side."""
    low = [float("inf")] * (len(breaks) + 1)
    high = [0.0] * (len(breaks) + 1)
    for box in members:
        place, across = bisect_left(breaks, plate.at[box][0]), plate.at[box][1]
        low[place], high[place] = min(low[place], across), max(high[place], across + plan.breadth[box])
    return sum(high) - sum(low)


def _fill(length: float, breadth: float) -> float:
    """The scale at which a level of this size fills a page."""
    return min(PAGE[0] / length, PAGE[1] / max(breadth, 1.0))


def _even(allowed: Mapping[float, int], length: float, count: int) -> list[float]:
    """The breaks into `count` columns of which the longest is shortest; where there is a choice, few lines run on."""
    places = [*allowed, length]
    ways: list[tuple[float, list[float]]] = [(at, []) for at in places]  # of one column that ends there
    for _ in range(count - 1):
        further: list[tuple[float, list[float]]] = []
        for end, at in enumerate(places):
            choices = (
                (max(ways[before][0], at - near + SHORTER * (allowed[near] - 1)), before)
                for before, near in enumerate(places[:end])
            )
            worst, before = min(choices, default=(float("inf"), -1))
            further.append((worst, [*ways[before][1], places[before]] if before >= 0 else []))
        ways = further
    return ways[-1][1]


def _gaps(plan: Plan, members: Sequence[int], plate: Plate) -> list[float]:
    """The middles of the stretches along the flow in which no box lies."""
    spans = sorted((plate.at[box][0], plate.at[box][0] + plan.length[box]) for box in members)
    gaps, end = [], spans[0][1]
    for near, far in spans[1:]:
        if near > end:
            gaps.append((near + end) / 2)
        end = max(end, far)
    return gaps


def _lines_at(nets: Mapping[Key, Net], plate: Plate, gaps: Sequence[float]) -> list[int]:
    """How many nets run on at each place; too many where one of them runs against the flow, other than turned round."""
    lines = [0] * len(gaps)
    for key, net in nets.items():
        spots = [plate.at[box][0] for box in (net.source, *net.targets) if box >= 0]
        against = key.back or spots[0] > min(spots)
        for place in range(bisect_right(gaps, min(spots)), bisect_left(gaps, max(spots))):
            lines[place] += LINES + 1 if against else 1
    return lines


# The nets of each column.


def _flows(nets: Mapping[Key, Net], column: Mapping[int, int], count: int) -> list[dict[Key, Net]]:
    """The nets that run in each column: what runs on leaves one and enters the next."""
    flows: list[dict[Key, Net]] = [{} for _ in range(count)]
    for key, net in nets.items():
        first, last = _reach(net, column)
        for place in range(first, last + 1):
            targets = {each: many for each, many in net.targets.items() if each != EXIT and column[each] == place}
            if place < last or EXIT in net.targets:
                targets[EXIT] = net.targets.get(EXIT, 1)
            source, label = (net.source, net.label) if place == first else (ENTRY, None)
            flows[place][key] = Net(source, targets, label, net.label_before, net.twin)
    return flows


def _reach(net: Net, column: Mapping[int, int]) -> tuple[int, int]:
    """The first and the last column of a net; it enters the level at the one, and leaves it at the other."""
    columns = [column[box] for box in (net.source, *net.targets) if box >= 0]
    return min(columns), max(columns)


# Putting columns together.


class _Lane(NamedTuple):
    """The way of a net from one column to the next: how deep it goes, where it runs back, how high it comes."""

    deep: float
    at: float
    high: float


def _side_by_side(plates: Sequence[Plate], nets: Mapping[Key, Net], column: Mapping[int, int]) -> Plate:
    """One plate of several columns, with gutters between them."""
    running = [[key for key in plate.exits if _reach(nets[key], column)[1] > at] for at, plate in enumerate(plates)]
    corners, lanes = _places(plates, running)
    deepest = [lane.deep + TURN for some in lanes for lane in some.values()]
    whole = Plate(
        length=max([corner[0] + plate.length for corner, plate in zip(corners, plates, strict=True)] + deepest),
        breadth=corners[-1][1] + plates[-1].breadth,
    )
    for plate, corner in zip(plates, corners, strict=True):
        whole.at.update({box: _sum(where, corner) for box, where in plate.at.items()})
        whole.labels.update({key: _sum(where, corner) for key, where in plate.labels.items()})
    for key, net in nets.items():
        first, last = _reach(net, column)
        for target in net.targets:
            runs: list[Run] = []
            end = last if target == EXIT else column[target]
            for place in range(first, end + 1):
                course = plates[place].courses[key, target if place == end else EXIT]
                lane = lanes[place - 1][key] if place > first else None
                runs = _carried(runs, lane, [_moved(run, corners[place]) for run in course])
            if net.source == ENTRY:
                runs[0] = runs[0]._replace(start=0.0)
                whole.entries[key] = runs[0].at
            if target == EXIT:
                runs[-1] = runs[-1]._replace(end=whole.length)
                whole.exits[key] = runs[-1].at
            whole.courses[key, target] = tuple(runs)
    return whole


def _places(plates: Sequence[Plate], running: Sequence[Sequence[Key]]) -> tuple[list[Point], list[dict[Key, _Lane]]]:
    """Corners of the columns, and the lanes in the gutters between them.

    What leaves a column nearest to the gutter turns first and runs in the nearest lane, so that no two lines cross.
    """
    corners: list[Point] = [(0.0, 0.0)]
    lanes: list[dict[Key, _Lane]] = []
    for plate, keys in zip(plates[:-1], running, strict=False):
        along, across = corners[-1]
        deep, beside = along + plate.length, across + plate.breadth + GUTTER
        nearest = sorted(keys, key=plate.exits.__getitem__, reverse=True)
        steps = {key: LANE * place for place, key in enumerate(nearest)}
        lanes.append({key: _Lane(deep + step, beside + step, TURN + step) for key, step in steps.items()})
        breadth = max(steps.values(), default=0.0)
        corners.append((2 * TURN + breadth, beside + breadth + GUTTER))
    return corners, lanes


def _carried(before: list[Run], lane: _Lane | None, course: list[Run]) -> list[Run]:
    """A line with its next part, back along a lane if it comes from another column."""
    if lane is None:
        return course
    leaving, entering = before[-1]._replace(end=lane.deep), course[0]._replace(start=lane.high)
    return [*before[:-1], leaving, Run(lane.deep, lane.high, lane.at), entering, *course[1:]]


def _moved(run: Run, corner: Point) -> Run:
    return Run(run.start + corner[0], run.end + corner[0], run.at + corner[1])


def _sum(one: Point, other: Point) -> Point:
    return (one[0] + other[0], one[1] + other[1])
