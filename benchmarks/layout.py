"""Our layout against Graphviz's `dot` on the same scenes, as ratios ours/dot: `python -m benchmarks layout`;
`python -m benchmarks.layout` prints every picture.

Every box has the size that our own metrics give it, for both. What is compared is read off the routed geometry, by the
same definitions:

- crossings: pairs of lines that cross, and how often, lines of one tensor or into one operand apart;
- length: of all ways of values together;
- bends: how often a line turns left or right by more than 10 degrees before it turns the other way or runs straight;
- area: of the picture.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations, islice
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.pictures import corpus
from benchmarks.timing import Effort, Row, row
from render.layout import place
from render.scene import Edge, Scene

BOUNDS = {"crossings": 1.0, "length": 1.1, "bends": 1.1, "area": 1.1}
STEPS = 10  # straight pieces that a curve is cut into
TURN = np.radians(10)
AT_ENDS = 3.0  # crossings this near to the end of a line are those of lines that meet there
Line = np.ndarray  # points of shape (n, 2)


class Quality(NamedTuple):
    """What is measured of a placed scene."""

    crossings: int
    length: float
    bends: int
    area: float


def measure(scene: Scene) -> Quality:
    edges = [edge for edge in scene.edges if edge.kind == "value"]
    lines = [polyline(edge) for edge in edges]
    return Quality(
        crossings=sum(crossings(lines[i], lines[j]) for i, j in foreign(edges, lines)),
        length=float(sum(np.hypot(*np.diff(line, axis=0).T).sum() for line in lines)),
        bends=sum(map(bends, lines)),
        area=scene.width * scene.height,
    )


def polyline(edge: Edge) -> Line:
    path = np.array(edge.path)
    t = np.linspace(0, 1, STEPS + 1)[:, None]
    weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t * t, t**3)
    pieces = [
        sum(weight * corner for weight, corner in zip(weights, path[at : at + 4], strict=True))
        for at in range(0, len(path) - 1, 3)
    ]
    points = np.concatenate([path[:1], *(piece[1:] for piece in pieces)])
    moved = np.hypot(*np.diff(points, axis=0).T) > 1e-3
    return points[np.concatenate([[True], moved])]


def foreign(edges: Sequence[Edge], lines: Sequence[Line]) -> Iterator[tuple[int, int]]:
    """Pairs of lines that have no end in common and are near enough to cross."""
    near = [line.min(0) for line in lines]
    far = [line.max(0) for line in lines]
    for i, j in combinations(range(len(edges)), 2):
        met = (near[i] <= far[j]).all() and (near[j] <= far[i]).all()
        if met and edges[i].tail != edges[j].tail and edges[i].head != edges[j].head:
            yield i, j


def crossings(one: Line, other: Line) -> int:
    """How often two lines cross."""
    a, b, c, d = one[:-1, None], one[1:, None], other[None, :-1], other[None, 1:]
    sides = [turn(a, b, c) * turn(a, b, d), turn(c, d, a) * turn(c, d, b)]
    return int(((sides[0] < 0) & (sides[1] < 0)).sum())


def turn(a: Line, b: Line, c: Line) -> Line:
    """On which side of the line from `a` to `b` the point `c` lies."""
    return (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])


def bends(line: Line) -> int:
    steps = np.diff(line, axis=0)
    headings = np.arctan2(steps[:, 1], steps[:, 0])
    lengths = np.hypot(*steps.T)
    total, found = 0.0, 0
    for angle, straight in zip((np.diff(headings) + np.pi) % (2 * np.pi) - np.pi, lengths[1:], strict=True):
        if angle * total < 0 or (abs(angle) < 1e-3 and straight > AT_ENDS):
            found += abs(total) > TURN
            total = 0.0
        total += angle
    return found + (abs(total) > TURN)


def ratio(ours: float, dots: float) -> float:
    return ours / dots if dots else 1.0 if not ours else float("inf")


def compared(pictures: Iterable[tuple[str, Scene]]) -> Iterator[tuple[str, int, Quality, Quality]]:
    """Name, boxes, and what is measured of our layout and of dot's; both without columns, which dot has not."""
    for name, scene in pictures:
        ours, dots = (measure(place(replace(scene, wrap=False), engine=engine)) for engine in ("layered", "dot"))
        yield name, len(scene.boxes), ours, dots


def rows(effort: Effort) -> Iterator[Row]:
    """The medians of the ratios over the corpus, beside their bounds."""
    if shutil.which("dot") is None:
        yield Row("layout, ours over dot", "Error: needs Graphviz", math.nan, 1.0)
        return
    found = [(ours, dots) for _, _, ours, dots in compared(islice(corpus(), effort.of(1000, 2)))]
    for place_of, (name, bound) in enumerate(BOUNDS.items()):
        ratios = [ratio(ours[place_of], dots[place_of]) for ours, dots in found]
        yield row(f"layout of {len(found)} pictures", f"{name}, ours over dot", ratios, bound)


def main() -> None:
    """Prints a row for each picture: our crossings and dot's, and ratios."""
    table = Table("picture", "boxes", "crossings", "length", "bends", "area")
    for name, boxes, ours, dots in compared(corpus()):
        shares = [ratio(*pair) for pair in zip(ours, dots, strict=True)]
        table.add_row(name, str(boxes), f"{ours.crossings}/{dots.crossings}", *(f"{each:.2f}" for each in shares[1:]))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
