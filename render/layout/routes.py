"""Turns the stations that a net passes into few straight runs and smooth curves between them."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from render.scene import Point

AHEAD: Final = 6  # bends that one curve may replace
ASIDE: Final = 8.0  # how far before and behind a column a curve must be clear of it already
LEVEL: Final = 0.75  # two heights closer than this are one
REACH: Final = 3.2  # a curve may be this many times as long as it climbs, and takes that from the straight runs

EASE: Final = (1.0, 0.6, 0.3, 0.15)  # of that, as much as there is room for
STRAIGHT: Final = 6.0  # least length of a run that an arrow head lies on
ROUNDING: Final = 1e-6  # lengths below this are none


class Station(NamedTuple):
    """A column that a net passes: from where to where along the flow, at which height, in which free corridor."""

    near: float
    far: float
    at: float
    low: float
    high: float
    held: bool  # a label lies here: the line must stay


class Run(NamedTuple):
    """A straight part along the flow; from `end` back to `start` if it runs against it (`end` < `start`)."""

    start: float
    end: float
    at: float


class Track:
    """What a net passes from its source on, for all its targets: each follows it for a while and then turns off."""

    def __init__(self, stations: Sequence[Station], straight: float = 0.0) -> None:
        """`straight` is the least length of the first run, where an arrow head comes to lie on it."""
        self.stations = stations
        self.straight = straight
        self.bends = _level_groups(stations)
        self.firsts = [first for first, _ in self.bends]
        self.nears = [station.near for station in stations]

    def course(self, count: int, last: Station) -> tuple[Run, ...]:
        """The straight runs to one target; between each and the next lies a curve that is level at both ends.

        Args:
            count: Stations that are passed before `last`.
            last: The target; the line ends at its `far`, and begins at the source's `near`.
        """
        bends = self.bends[: bisect_left(self.firsts, count)]
        first, end = bends[-1]
        bends[-1] = (first, min(end, count - 1))
        if abs(self.stations[first].at - last.at) < LEVEL:
            bends[-1] = (first, count)
        else:
            bends.append((count, count))
        passed = _Passed(self, count, last)
        runs = [passed.run(bends[0])]
        place = 0
        while place < len(bends) - 1:
            for following in range(min(len(bends) - 1, place + AHEAD), place, -1):
                run = passed.run(bends[following])
                if following == place + 1 or passed.free(runs[-1], run, bends[place][1] + 1, bends[following][0]):
                    break
            runs.append(run)
            place = following
        return tuple(passed.eased(runs))


class _Passed:
    """The stations from a source to one target."""

    def __init__(self, track: Track, count: int, last: Station) -> None:
        self.track, self.count, self.last = track, count, last

    def run(self, bend: tuple[int, int]) -> Run:
        """The straight run along stations of one height."""
        first, last = self._at(bend[0]), self._at(bend[1])
        return Run(first.near, last.far, first.at)

    def free(self, run: Run, other: Run, first: int, end: int) -> bool:
        """Whether one curve may lead from a run to a later one past the stations between: free, short, no label."""
        if other.start - run.end > 4 * abs(other.at - run.at) + 80:
            return False
        skipped = self.track.stations[first:end]
        return not any(each.held for each in skipped) and _clear(run.end, run.at, other.start, other.at, skipped)

    def eased(self, runs: list[Run]) -> list[Run]:
        """Shortens straight runs in favour of the curves between them where these would be steep and there is room."""
        eased = [*runs]
        for place in range(len(eased) - 1):
            run, other = eased[place], eased[place + 1]
            want = REACH * abs(other.at - run.at) - (other.start - run.end)
            if want <= 0:
                continue
            spare = (run.end - run.start) / 2 if place else run.end - run.start - self.track.straight
            give = min(want, max(0.0, spare))
            share = 1.0 if place + 2 == len(eased) else 0.5
            take = min(max(0.0, want - give), max(0.0, (other.end - other.start) * share - STRAIGHT))
            for part in EASE:
                start, end = run.end - part * give, other.start + part * take
                passed = self._between(start, end)
                if not any(each.held for each in passed) and _clear(start, run.at, end, other.at, passed):
                    eased[place], eased[place + 1] = Run(run.start, start, run.at), Run(end, other.end, other.at)
                    break
        return eased

    def _at(self, place: int) -> Station:
        return self.last if place == self.count else self.track.stations[place]

    def _between(self, start: float, end: float) -> list[Station]:
        """Stations that lie, in part, between two places along the flow."""
        nears = self.track.nears
        first = max(0, bisect_left(nears, start, 0, self.count) - 1)
        found = [*self.track.stations[first : bisect_left(nears, end, first, self.count)], self.last]
        return [each for each in found if each.far > start and each.near < end]


def course_back(stations: Sequence[Station]) -> tuple[Run, ...]:
    """The runs of a line that turns at its source, runs against the flow past what lies between, and turns again."""
    first, *between, last = stations
    back = [Run(each.far, each.near, each.at) for each in between]
    return (Run(first.near, first.far, first.at), *_merged(back), Run(last.near, last.far, last.at))


def _merged(runs: Iterable[Run]) -> list[Run]:
    merged: list[Run] = []
    for run in runs:
        if merged and abs(merged[-1].at - run.at) < LEVEL:
            merged[-1] = Run(merged[-1].start, run.end, merged[-1].at)
        else:
            merged.append(run)
    return merged


def _level_groups(stations: Sequence[Station]) -> list[tuple[int, int]]:
    """First and last of neighbouring stations at one height."""
    groups: list[tuple[int, int]] = []
    for place, station in enumerate(stations):
        if groups and abs(stations[groups[-1][0]].at - station.at) < LEVEL:
            groups[-1] = (groups[-1][0], place)
        else:
            groups.append((place, place))
    return groups


def _clear(start: float, at: float, end: float, to: float, passed: Iterable[Station]) -> bool:
    """Whether the curve between two points stays in the corridors of the stations it passes."""
    for station in passed:
        for along in (max(start, station.near - ASIDE), min(end, station.far + ASIDE)):
            height = at + (to - at) * _climbed((along - start) / max(end - start, 1e-9))
            if not station.low <= height <= station.high:
                return False
    return True


def _climbed(share: float) -> float:
    """Share of the height that a curve has climbed when it has gone `share` of its length."""
    low, high = 0.0, 1.0
    for _ in range(20):
        t = (low + high) / 2
        if 1.5 * t - 1.5 * t * t + t**3 < share:
            low = t
        else:
            high = t
    t = (low + high) / 2
    return t * t * (3 - 2 * t)


def join(parts: Iterable[Iterable[Run]]) -> list[Run]:
    """The runs of a whole edge from those of its hops: what meets at a border at one height is one run."""
    joined: list[Run] = []
    for part in parts:
        for place, run in enumerate(part):
            before = joined[-1] if joined else None
            if before is not None and place == 0 and abs(before.at - run.at) < LEVEL:
                joined[-1] = Run(before.start, run.end, before.at)
            else:
                joined.append(run)
    return joined


def beziers(runs: Sequence[Run], shift: float = 0.0) -> list[Point]:
    """The start and three points for every cubic piece along `runs`, moved sideways by `shift` (seen along the flow).

    Curves keep their distance from the unmoved ones: where they climb they are moved along the flow, too. Where a line
    turns back it is moved to the other side, so that it stays beside the unmoved one.
    """
    points: list[Point] = []
    aside = shift
    for place, run in enumerate(runs):
        if place:
            turned = _forward(run) != _forward(runs[place - 1])
            points += _bend(runs[place - 1], run, aside, -aside if turned else aside)
            aside = -aside if turned else aside
        start, end = (run.start, run.at + aside), (run.end, run.at + aside)
        points += [start] if not place else []
        if abs(run.end - run.start) > ROUNDING:
            third = (run.end - run.start) / 3
            points += [(run.start + third, start[1]), (run.end - third, start[1]), end]
    return points


def _forward(run: Run) -> bool:
    return run.end > run.start - ROUNDING


def _bend(run: Run, other: Run, shift: float, after: float) -> list[Point]:
    """The piece between two runs without its start; it is moved sideways by `shift` before it and by `after` behind."""
    length, climb = other.start - run.end, other.at - run.at
    if _forward(run) != _forward(other):
        bulge = min(18.0, 8.0 + abs(climb) / 6) - 4 / 3 * shift * (1 if climb > 0 else -1)
        bulge *= 1 if _forward(run) else -1
        controls = (run.end + bulge, other.start + bulge)
    elif _forward(run) and length > 0:
        lean = -shift * 4 / 3 * climb / (abs(climb) + length) if climb else 0.0
        lean = max(-length / 3, min(length / 3, lean))
        middle = run.end + length / 2 + lean
        controls = (middle, middle)
    else:
        controls = (run.end + length / 2, run.end + length / 2)
    return [(controls[0], run.at + shift), (controls[1], other.at + after), (other.start, other.at + after)]
