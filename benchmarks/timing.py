"""Several ways to do the same work -> their times, taken in turn in one run, and rows of a table with their bounds."""

from __future__ import annotations

import gc
import importlib.util
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median

# Processor time of this process, seconds: on a busy machine the wall clock measures the neighbours.
clock = time.process_time

Times = Mapping[str, list[float]]  # seconds of each round, by name


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        rounds: How often each way takes its turn.
        scale: What to multiply sizes with: 1 for those of the table.
    """

    rounds: int = 7
    scale: float = 1.0

    def of(self, size: int, least: int = 1) -> int:
        """A size, scaled."""
        return max(least, round(size * self.scale))


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        work: What was done.
        measure: What was measured of it, with its unit.
        reached: The median over the rounds, and the quartiles where there are several.
        bound: What must be reached: `reached` must not be above it; None where there is no bound.
        least: Whether `reached` must not be below `bound` instead.
    """

    work: str
    measure: str
    reached: float
    bound: float | None = None
    least: bool = False
    low: float | None = None
    high: float | None = None

    @property
    def verdict(self) -> str:
        """`yes`, `no`, or nothing where there is no bound."""
        if self.bound is None:
            return ""
        return "yes" if (self.reached >= self.bound if self.least else self.reached <= self.bound) else "no"


def interleaved(ways: Iterable[Callable[[], Mapping[str, float]]], rounds: int) -> Times:
    """Times of several ways, one after the other in each round, after one round that does not count.

    Args:
        ways: Each does its work once and gives seconds by name: one way may take several times.
        rounds: Rounds that count; with one, that round is the first and only.
    """
    times: dict[str, list[float]] = {}
    ways = list(ways)
    for turn in range(rounds + (rounds > 1)):
        for way in ways:
            gc.collect()  # everybody pays for their own garbage
            for name, seconds in way().items():
                if turn or rounds == 1:
                    times.setdefault(name, []).append(seconds)
    return times


def timed(name: str, work: Callable[[], object]) -> Callable[[], Mapping[str, float]]:
    """A way that is one call, for `interleaved`."""

    def way() -> Mapping[str, float]:
        start = clock()
        kept = work()
        seconds = clock() - start
        del kept  # frees it outside of the time
        return {name: seconds}

    return way


def row(work: str, measure: str, rounds: Iterable[float], bound: float | None = None, *, least: bool = False) -> Row:
    """A row with the median and the quartiles of what the rounds gave."""
    found = sorted(rounds)
    return Row(
        work, measure, median(found), bound, least, low=found[len(found) // 4], high=found[(3 * len(found)) // 4]
    )


def ratios(times: Times, of: str, to: str) -> list[float]:
    """One time over the other, round by round: what slows the machine down slows both."""
    return [each / base for each, base in zip(times[of], times[to])]


def installed(name: str) -> bool:
    """Whether a peer is there to be measured."""
    return importlib.util.find_spec(name) is not None
