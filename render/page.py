"""Pages: how large a figure is to be, how small its text may get there, and a placed scene scaled to that."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from render.errors import RenderError
from render.layout.curves import pieces, point_at
from render.layout.rows import rows
from render.layout.titles import ROW
from render.painting import inner
from render.scene import Box, Edge, Label, Point, Scene, Text
from render.text import LEAST, line_width

INCH: Final = 96.0  # pixels of a scene
POINT: Final = INCH / 72
LARGEST: Final = 200.0  # inches, the side of the largest page that readers of PDF show
_SPREAD: Final = 0.8  # of the largest size of text: the smallest gets no larger where a figure is enlarged
RAISED: Final = 0.75  # of the least size that text has before it is raised; boxes have no more room than that
_LITTLE: Final = 0.88  # the same where a figure has a page to itself
_FINE: Final = 10_000  # steps of a scale in one: a size that is just met is met after rounding, too
_LARGER: Final = 1.4  # times as large must text get for a figure that can be read to be broken into more rows
_TALL: Final = 0.95  # of a box may be taken by its lines: more would touch its outline
_COVERED: Final = 1.8  # times a page may be covered by a scene whose rows come onto it, for these are not all as high
_ROUNDS: Final = 12  # of scaling down until what stands under the figure has its place too


@dataclass(frozen=True, slots=True)
class Target:
    """A page that a figure is to be fitted to.

    Attributes:
        width: In inches.
        height: In inches.
        least: Points of the smallest text there may be, as printed; subscripts included.
        most: Points of the largest; 0 for twice `least`.
        short: Whether the page becomes as high as the figure needs, `height` at most.
        raised: The share of `least` from which small text is set larger than the figure, as far as its box holds it.
    """

    width: float
    height: float
    least: float
    most: float = 0.0
    short: bool = False
    raised: float = _LITTLE

    @property
    def largest(self) -> float:
        """Points of the largest text."""
        return self.most or 2 * self.least

    @property
    def room(self) -> Point:
        """Width and height in pixels."""
        return self.width * INCH, self.height * INCH

    @property
    def scale(self) -> float:
        """The least scale at which the smallest text of a scene that is not scaled yet can be read."""
        return math.ceil(self.raised * _FINE * self.least * POINT / LEAST) / _FINE

    def __str__(self) -> str:
        """As it is told: `13.33 × 7.5 in with text from 12 pt`."""
        high = f"{self.height:.4g} in" + (" at most" if self.short else "")
        return f"{self.width:.4g} × {high} with text from {self.least:g} pt"


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a figure is for.

    Attributes:
        targets: Pages to try, in their order; none for a figure as large as it needs to be.
        least: Points of the smallest text.
        most: Points of the largest.
        defaults: Options that are other than usual unless the user chooses.
    """

    targets: tuple[Target, ...] = ()
    least: float = 9.0
    most: float = 18.0
    defaults: Mapping[str, str] = field(default_factory=dict)


_COLUMN, _PAGE = Target(3.35, 4.5, 7, 9, short=True), Target(7.0, 9.0, 7, 9, short=True)
PURPOSES: Final[Mapping[str, Purpose]] = MappingProxyType(
    {
        "screen": Purpose(),
        "slide": Purpose((Target(40 / 3, 7.5, 12, 24),), 12, 24),
        "paper": Purpose((_COLUMN, _PAGE), 7, 9, {"theme": "print"}),  # one column of a page of two, or both
        "poster": Purpose((Target(1189 / 25.4, 841 / 25.4, 24, 48),), 24, 48),  # A0 on its side
    }
)
_INCHES: Final = {"in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4, "px": 1 / INCH, "pt": 1 / 72}
_LENGTH: Final = r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(in|cm|mm|px|pt)?"
_SIZE: Final = re.compile(rf"\s*{_LENGTH}(?:\s*[x×*]\s*{_LENGTH})?\s*", flags=re.ASCII | re.IGNORECASE)


def size(given: str | tuple[float, float] | None) -> tuple[float, float] | None:
    """Width and height in inches; a height of 0 is as much as the figure needs.

    Args:
        given: `13.33x7.5`, `12x8cm`, `120mm x 8cm`, `1280x720px`, or a width alone (`3.35in`); a unit that stands once
            holds for both. Or two numbers of inches.

    Raises:
        RenderError: It cannot be read, or a side is zero or more than 200 inches.
    """
    if given is None:
        return None
    spelled = "x".join(map(str, given)) if isinstance(given, tuple) else str(given)
    found = _SIZE.fullmatch(spelled)
    if found is None:
        raise RenderError(
            f"size {spelled!r} cannot be read: write width x height, such as 13.33x7.5 (inches), 12x8cm or 1280x720px, "
            "or a width alone, such as 3.35in"
        )
    wide, unit, high, other = (each and each.lower() for each in found.groups())
    width = float(wide) * _INCHES[unit or other or "in"]
    height = 0.0 if high is None else float(high) * _INCHES[other or unit or "in"]
    for side, inches in (("width", width), ("height", height)):
        if inches > LARGEST or (inches <= 0 and (side == "width" or high is not None)):
            raise RenderError(
                f"size {spelled!r} has a {side} of {inches:g} in: it must be more than 0, and at most {LARGEST:g} in"
            )
    return width, height


def targets(purpose: str, asked: tuple[float, float] | None) -> tuple[Target, ...]:
    """The pages that a figure may be fitted to; none where it may be as large as it needs.

    Args:
        purpose: One of `PURPOSES`; it says how large text is.
        asked: Width and height in inches, in place of those of the purpose; a height of 0 for what the figure needs.
    """
    meant = PURPOSES[purpose]
    if asked is None:
        return meant.targets
    width, height = asked
    highest = max([_PAGE.height, *(each.height for each in meant.targets)])
    return (Target(width, height or highest, meant.least, meant.most, short=not height),)


def printed(
    placed: Scene, target: Target, dress: Callable[[Scene], Scene], late: Callable[[], Scene] | None = None
) -> Scene:
    """A placed scene as large as it can be on a page, in the middle of it; in rows or columns where it reads better so.

    Args:
        placed: As layout gave it.
        target: The page. Where the scene does not fit at the least size of text it gets smaller than that.
        dress: Adds title, legend and notes to a scene; it is given one as wide as the page.
        late: Gives the scene to be broken into rows, with its inputs where they are read; None for `placed`.
    """
    best = _on_page(placed, target, dress)
    may_break = _is_long(placed, target) and _has_room(placed, target)
    for broken in rows(placed if late is None else late()) if may_break else ():
        enough = smallest(best) * (_LARGER if smallest(best) >= target.least else 1.0)
        if enough > _SPREAD * target.largest:
            break
        scene = _on_page(broken, target, dress)
        best = scene if smallest(scene) > enough else best
        if not _is_long(broken, target):  # more rows are higher still
            break
    return raised(best, target.least * POINT, target.raised)


def _has_room(scene: Scene, target: Target) -> bool:
    """Whether a scene covers so little that it might come onto a page if it were broken into rows."""
    width, height = (side / target.scale for side in target.room)
    return scene.width * scene.height <= _COVERED * width * height


def _is_long(scene: Scene, target: Target) -> bool:
    """Whether a scene is longer along its flow, in proportion, than a page."""
    width, height = target.room
    wide, high = scene.width / width, scene.height / height
    return wide > high if scene.direction == "LR" else high > wide


def _on_page(placed: Scene, target: Target, dress: Callable[[Scene], Scene]) -> Scene:
    width, height = target.room
    scale = max(target.scale, _SPREAD * target.largest * POINT / LEAST)
    scale = min(scale, width / max(placed.width, 1.0), height / max(placed.height, 1.0))
    for _ in range(_ROUNDS):
        scale = math.floor(_FINE * scale) / _FINE
        dressed = dress(_centred(placed, width / scale, placed.height))
        over = max(dressed.width * scale / width, dressed.height * scale / height)
        if over <= 1.0 + 1e-9:
            break
        scale *= min(0.995, 1 / over)
    page = _centred(dressed, width / scale, dressed.height if target.short else height / scale)
    larger = _scaled(page, scale, target.largest * POINT)
    return replace(
        larger,
        width=round(width, 2),
        height=round(dressed.height * scale if target.short else height, 2),
    )


def smallest(scene: Scene) -> float:
    """Points of the smallest text in a scene, as printed; infinite where there is none."""
    sizes = (size for run in runs(scene) for size in (run.size, run.subscript_size) if size)
    return round(min(sizes, default=math.inf) / POINT, 6)


def runs(scene: Scene) -> Iterator[Text]:
    """Every run of text in a scene."""
    for box in scene.boxes:
        for line in box.lines:
            yield from line
    yield from (edge.label for edge in scene.edges if edge.label is not None)
    for label in scene.labels:
        yield from label.runs


def _centred(scene: Scene, width: float, height: float) -> Scene:
    """The scene in the middle of a larger one."""
    x, y = max(0.0, width - scene.width) / 2, max(0.0, height - scene.height) / 2
    return replace(moved(scene, 1.0, x, y), width=max(width, scene.width), height=max(height, scene.height))


def moved(scene: Scene, scale: float, x: float, y: float) -> Scene:
    """The scene with every place `p` at `scale * p + (x, y)`, and sizes of boxes to match."""

    def at(point: Point) -> Point:
        return round(scale * point[0] + x, 2), round(scale * point[1] + y, 2)

    def box(each: Box) -> Box:
        (left, top), (right, bottom) = at((each.x, each.y)), at((each.x + each.width, each.y + each.height))
        width, height = round(right - left, 2), round(bottom - top, 2)
        return replace(each, x=left, y=top, width=width, height=height, title=round(scale * each.title, 2))

    def edge(each: Edge) -> Edge:
        return replace(each, path=tuple(map(at, each.path)), label_at=at(each.label_at))

    def label(each: Label) -> Label:
        where = at((each.x, each.y))
        return replace(each, x=where[0], y=where[1])

    return replace(
        scene,
        boxes=tuple(map(box, scene.boxes)),
        edges=tuple(map(edge, scene.edges)),
        samples=tuple(map(edge, scene.samples)),
        swatches=tuple(map(box, scene.swatches)),
        labels=tuple(map(label, scene.labels)),
    )


def _scaled(scene: Scene, scale: float, most: float) -> Scene:
    """The scene larger or smaller, its text of `most` pixels at most."""

    def text(run: Text) -> Text:
        own = min(scale, most / run.size)
        small = min(scale * run.subscript_size, most)
        return replace(
            run, size=round(own * run.size, 4), subscript_size=round(small, 4), width=round(own * run.width, 2)
        )

    def box(each: Box) -> Box:
        lines = tuple(tuple(map(text, line)) for line in each.lines)
        return replace(each, lines=lines, scale=scale * each.scale, stroke_width=round(scale * each.stroke_width, 3))

    def edge(each: Edge) -> Edge:
        label = None if each.label is None else text(each.label)
        return replace(each, label=label, scale=scale * each.scale, width=round(scale * each.width, 3))

    larger = moved(scene, scale, 0.0, 0.0)
    return replace(
        larger,
        boxes=tuple(map(box, larger.boxes)),
        edges=tuple(map(edge, larger.edges)),
        samples=tuple(map(edge, larger.samples)),
        swatches=tuple(map(box, larger.swatches)),
        labels=tuple(replace(each, runs=tuple(map(text, each.runs))) for each in larger.labels),
    )


def raised(scene: Scene, least: float, share: float) -> Scene:
    """The scene with text from `share * least` pixels on set in `least` pixels wherever the boxes hold that.

    Nothing moves; what would have to grow out of all proportion stays as it is.
    """

    def text(run: Text) -> Text:
        if not share * least <= min(run.size, run.subscript_size or run.size) + 0.01:
            return run
        own, small = max(least, run.size), max(least, run.subscript_size) if run.subscript_size else 0.0
        most = max(own / run.size, small / run.subscript_size if small else 0.0)
        return replace(run, size=own, subscript_size=small, width=round(most * run.width, 2))

    def box(each: Box) -> Box:
        lines = tuple(tuple(map(text, line)) for line in each.lines)
        return replace(each, lines=lines) if _holds(each, lines) else each

    def edge(each: Edge) -> Edge:
        if each.label is None:
            return each
        label, (x, y) = text(each.label), each.label_at
        grown = (label.width - each.label.width) / 2 if scene.direction == "TB" else 0.0
        line = min(each.path, key=lambda point: abs(point[1] - y), default=(x, y))[0]  # it grows away from its line
        way = math.copysign(1.0, x - line)
        end, low = x + way * each.label.width / 2, y - label.size / 2
        near = (
            piece for piece in curves if min(p[1] for p in piece) < low + label.size and max(p[1] for p in piece) > low
        )
        points = (point_at(piece, k / 32) for piece in near for k in range(33)) if grown else ()
        if any(0 < way * (px - end) < 2 * grown + 1 and low < py < low + label.size for px, py in points):
            return each
        return replace(each, label=label, label_at=(round(x + way * grown, 2), y))

    curves = [piece for each in scene.edges for piece in pieces(each.path)]
    return replace(
        scene,
        boxes=tuple(map(box, scene.boxes)),
        edges=tuple(map(edge, scene.edges)),
        labels=tuple(replace(each, runs=tuple(map(text, each.runs))) for each in scene.labels),
    )


def _holds(box: Box, lines: tuple[tuple[Text, ...], ...]) -> bool:
    """Whether there is room in a box for its lines in another size."""
    widest = max(map(line_width, lines), default=0.0)
    if box.kind == "group":
        below = max((run.size for line in lines[1:] for run in line), default=0.0)
        return widest <= box.width - box.title - 16 and below <= ROW * box.scale
    if box.across:
        return lines == box.lines
    border = 2 * inner(box) if box.double else 0.0
    high = sum(1.16 * max(run.size for run in line) for line in lines if line)  # as lines of Arial stand by themselves
    return 1.03 * widest <= box.width - 8 - border and high <= _TALL * box.height - border
