"""Lays out one level: positions of its boxes, and the courses of its nets between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from operator import add
from typing import TYPE_CHECKING, Final, NamedTuple

from render.layout import coordinates, order
from render.layout.columns import straight
from render.layout.levels import ENTRY, EXIT
from render.layout.routes import STRAIGHT, Run, Station, Track, course_back
from render.layout.sheet import LABEL_GAP, LINE_HEIGHT, TWIN, Sheet, stretch
from render.layout.tall import is_cut, spans

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from render.layout.levels import Key, Net, Plan
    from render.scene import Point

RANK_GAP: Final = 32.0  # between two columns of boxes
BORDER_GAP: Final = 12.0  # between the border of a group and its first column
LABEL_BEFORE: Final = 8.0  # between a box and the label of what leaves it
LABEL_AFTER: Final = 16.0  # between a label and the box that is entered
JOG: Final = 8.0  # more before a label whose line does not go straight into it
SLOPE: Final = 0.25  # of what lines climb between two columns is added to the room between these ...
LOPSIDED: Final = 60.0  # a box this much shorter than its column stands at the side of its neighbours


class _Ease(NamedTuple):
    """... once they climb more than `over`, and no more than `most`."""

    over: float
    most: float


EASE: Final = _Ease(over=36.0, most=16.0)
EASE_BESIDE: Final = _Ease(over=8.0, most=32.0)  # where gradients run back beside them: steep lines come too near


@dataclass(slots=True)
class Plate:
    """A level, or an unconnected part of one, laid out from (0, 0); points are (along the flow, across it).

    Attributes:
        length: Along the flow.
        breadth: Across.
        at: Near corner of each box, by number.
        courses: Runs of each net to each target.
        labels: Centres of labels, by net.
        entries: Where nets cross the near border, across the flow.
        exits: Where they cross the far border.
    """

    length: float = 0.0
    breadth: float = 0.0
    at: dict[int, Point] = field(default_factory=dict)
    courses: dict[tuple[Key, int], tuple[Run, ...]] = field(default_factory=dict)
    labels: dict[Key, Point] = field(default_factory=dict)
    entries: dict[Key, float] = field(default_factory=dict)
    exits: dict[Key, float] = field(default_factory=dict)


class _Columns(NamedTuple):
    """Where the layers begin and end along the flow."""

    near: list[float]
    far: list[float]


def lay_out(plan: Plan, members: Sequence[int], nets: dict[Key, Net]) -> Plate:
    """Ranks, orders and places `members` and draws the courses of `nets`."""
    sheet = stretch(plan, members, nets, spans(plan, members))
    order.arrange(sheet)
    if sheet.tall and is_cut(sheet):
        sheet = stretch(plan, members, nets, [1] * len(members))
        order.arrange(sheet)
    return draw(plan, sheet, nets, straight(plan, sheet, nets, coordinates.place(sheet)))


def draw(plan: Plan, sheet: Sheet, nets: Mapping[Key, Net], line: Sequence[float]) -> Plate:
    """The plate of a sheet that is ordered and has been placed across the flow, with the courses of its nets."""
    top = min((at - above for at, above in zip(line, sheet.above, strict=True)), default=0.0)
    line = [at - top for at in line]
    columns = _columns(sheet, line, EASE_BESIDE if any(net.twin for net in nets.values()) else EASE)
    start = [_start(sheet, columns, node) for node in range(len(sheet.rank))]
    for node in sheet.tall:
        start[sheet.foot(node)] = start[node] + sheet.length[node]
    plate = Plate(
        length=columns.far[-1] if columns.far else 0.0,
        breadth=max((at + below for at, below in zip(line, sheet.below, strict=True)), default=0.0),
    )
    for node, box in enumerate(sheet.boxes):
        plate.at[box] = (start[node], line[node] - sheet.above[node])
    for (key, side), node in sheet.terminals.items():
        (plate.entries if side == ENTRY else plate.exits)[key] = line[node]
    corridors = _corridors(sheet, line)
    tracks: dict[Key, Track] = {}
    for (key, target), chain in sheet.chains.items():
        stations = _Stations(plan, sheet, columns, corridors, line, start, key, nets[key].twin)
        last = stations.target(chain.end, target)
        if (key, target) in sheet.turned:
            plate.courses[key, target] = course_back([*stations.trunk(chain.trunk, nets[key].source), last])
            continue
        if key not in tracks:
            tracks[key] = Track(stations.trunk(chain.trunk, nets[key].source), STRAIGHT if nets[key].twin else 0.0)
        plate.courses[key, target] = tracks[key].course(chain.passed, last)
    for key, node in sheet.labels.items():
        plate.labels[key] = _label(plan, sheet, key, nets[key], node, line[node], start[node])
    return plate


def _columns(sheet: Sheet, line: list[float], ease: _Ease) -> _Columns:
    """Layers one behind the other, with more room where lines climb."""
    labels = set(sheet.labels.values())
    size = [
        max((sheet.length[node] for node in layer if node not in sheet.tall), default=0.0) for layer in sheet.layers
    ]
    gaps = [0.0, *(_gap(sheet, labels, line, *pair, ease) for pair in pairwise(sheet.layers))]
    for nodes in sheet.tall.values():
        _make_room(sheet, nodes, size, gaps)
    far = list(accumulate(map(add, gaps, size)))
    return _Columns([end - each for end, each in zip(far, size, strict=True)], far)


def _make_room(sheet: Sheet, nodes: Sequence[int], size: Sequence[float], gaps: list[float]) -> None:
    """Moves layers beside a group apart until they are together as long as it: where the fewest lines become longer."""
    first, last = sheet.rank[nodes[0]], sheet.rank[nodes[-1]]
    missing = sheet.length[nodes[0]] - sum(size[first : last + 1]) - sum(gaps[first + 1 : last + 1])
    if missing <= 0:
        return
    lines = [sum(len(sheet.down[node]) for node in sheet.layers[layer]) for layer in range(first, last)]
    fewest = [first + place + 1 for place, count in enumerate(lines) if count == min(lines)]
    for layer in fewest:
        gaps[layer] += missing / len(fewest)


def _gap(sheet: Sheet, labels: set[int], line: list[float], before: list[int], behind: list[int], ease: _Ease) -> float:
    boxes = len(sheet.boxes)
    climb = max(
        (abs(line[node] + end.here - line[end.node] - end.there) for node in before for end in sheet.down[node]),
        default=0.0,
    )
    more = min(ease.most, max(0.0, climb - ease.over) * SLOPE)
    solid = [any(node < boxes for node in layer) for layer in (before, behind)]
    if all(solid):
        return RANK_GAP + more
    if solid[0] and any(node in labels for node in behind):
        return LABEL_BEFORE + more + min(JOG, climb * 0.4)
    if solid[1] and any(node in labels for node in before):
        return LABEL_AFTER + more
    return BORDER_GAP + more


def _start(sheet: Sheet, columns: _Columns, node: int) -> float:
    """Where a node begins: in the middle of its column, or at the side where its neighbours are."""
    near, far = columns.near[sheet.rank[node]], columns.far[sheet.rank[sheet.foot(node)]]
    spare = far - near - sheet.length[node]
    if spare > LOPSIDED and node < len(sheet.boxes):
        if not sheet.up[node]:
            return near + spare
        if not sheet.down[sheet.foot(node)]:
            return near
    return near + spare / 2


def _corridors(sheet: Sheet, line: list[float]) -> list[tuple[float, float]]:
    """For every node, how far its line may move before it meets its neighbours in the layer."""
    labels = set(sheet.labels.values())
    apart = [
        coordinates.LINE_GAP if sheet.solid[node] or node in labels else coordinates.LANE_GAP / 2
        for node in range(len(line))
    ]
    low = [float("-inf")] * len(line)
    high = [float("inf")] * len(line)
    for layer in sheet.layers:
        for near, far in pairwise(layer):
            low[far] = line[near] + sheet.below[near] + apart[near]
            high[near] = line[far] - sheet.above[far] - apart[far]
    return list(zip(low, high, strict=True))


class _Stations(NamedTuple):
    """Makes the stations of a net from the positions of its nodes."""

    plan: Plan
    sheet: Sheet
    columns: _Columns
    corridors: list[tuple[float, float]]
    line: list[float]
    start: list[float]
    key: Key
    twin: bool

    def trunk(self, nodes: Sequence[int], source: int) -> list[Station]:
        """The source and what is passed."""
        stations = [self._station(node) for node in nodes]
        if source != ENTRY:
            near = self.start[nodes[0]] + self.sheet.length[nodes[0]]
            far = max(stations[0].far, near + (STRAIGHT if self.twin else 0.0))
            at = stations[0].at + self.plan.leaving[source, self.key]
            stations[0] = stations[0]._replace(near=near, far=far, at=at)
        return stations

    def target(self, node: int, target: int) -> Station:
        """The last station."""
        station = self._station(node)
        if target == EXIT:
            return station
        far, at = self.start[node], station.at + self.plan.entering[target, self.key]
        return station._replace(near=min(station.near, far - STRAIGHT), far=far, at=at)

    def _station(self, node: int) -> Station:
        near, far = self.columns.near[self.sheet.rank[node]], self.columns.far[self.sheet.rank[node]]
        held = node == self.sheet.labels.get(self.key)
        return Station(near, far, self.line[node], *self.corridors[node], held)


def _label(plan: Plan, sheet: Sheet, key: Key, net: Net, node: int, line: float, start: float) -> Point:
    assert net.label is not None
    breadth = net.label.size * LINE_HEIGHT if plan.across else net.label.width
    beside = (TWIN if net.twin else 0.0) + LABEL_GAP + breadth / 2
    return (start + sheet.length[node] / 2, line - beside if net.label_before else line + beside)
