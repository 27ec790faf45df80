"""The legend: what arrows, names of sizes and colours mean, as far as a scene uses them; in rows no wider than it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from render import text
from render.families import DERIVATIVE, derivative, is_autograd
from render.scene import Box, Edge, Label, Scene, Text
from render.theme import Theme
from render.views.autograd import ACCUMULATE
from render.words import Words

SIZE: Final = 13.0
ROW: Final = 22.0
_SAMPLE: Final = 34.0  # length of a sample arrow
_SWATCH: Final = (26.0, 15.0)
_BESIDE: Final = 7.0  # between a sample and its words
_USUAL: Final = 1.4  # width of an arrow
_APART: Final = 26.0  # between two entries
_RAISED: Final = 4.5  # the middle of small letters above the base line


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is explained.

    Attributes:
        words: What it means.
        sample: What it looks like; None for what is words alone.
    """

    words: Text
    sample: Edge | Box | None = None

    @property
    def room(self) -> float:
        """What the sample takes, with the gap to the words."""
        if self.sample is None:
            return 0.0
        return _BESIDE + (_SAMPLE if isinstance(self.sample, Edge) else _SWATCH[0])

    @property
    def width(self) -> float:
        """What it takes from left to right."""
        return self.room + self.words.width


@dataclass(slots=True)
class Placed:
    """What stands under a picture, with its place.

    Attributes:
        labels: Words.
        samples: Arrows.
        swatches: Paint.
    """

    labels: list[Label] = field(default_factory=list)
    samples: list[Edge] = field(default_factory=list)
    swatches: list[Box] = field(default_factory=list)

    def write(self, words: Text, x: float, y: float) -> None:
        """Puts words with their base line at `y`."""
        self.labels.append(Label((words,), x=round(x, 2), y=round(y, 2)))

    def paint(self, box: Box, x: float, y: float, width: float, height: float) -> None:
        """Puts a sample of paint with its top left corner at a place."""
        box = replace(box, id=f"swatch{len(self.swatches)}", kind="swatch", lines=(), tooltip="", group=None)
        at = {"x": round(x, 2), "y": round(y, 2), "width": round(width, 2), "height": round(height, 2)}
        self.swatches.append(replace(box, **at))  # type: ignore[arg-type]

    def draw(self, edge: Edge, x: float, y: float) -> None:
        """Puts a sample arrow that begins at the left."""
        ends = (x + _SAMPLE, x) if edge.kind == "gradient" or edge.against else (x, x + _SAMPLE)
        third = (ends[1] - ends[0]) / 3
        path = ((ends[0], y), (ends[0] + third, y), (ends[1] - third, y), (ends[1], y))
        number = len(self.samples)
        self.samples.append(
            replace(edge, id=f"legend{number}", tail="", head="", twin=None, label=None, tooltip="", path=path)
        )


def arrows(scene: Scene, theme: Theme, say: Words, *, norms: bool = True) -> Iterator[Entry]:
    """One entry for each kind of arrow in use, and for the words of autograd; with `norms` for `|grad|` as well."""
    plain = next((edge for edge in scene.edges if edge.kind == "value" and not edge.dashed), None)
    gradient = next((edge for edge in scene.edges if edge.kind == "gradient"), None)
    backward = next((edge for edge in scene.edges if edge.kind == "value" and edge.dashed), None)
    sent = "a gradient" if backward is not None and backward.against else "a value in backward"
    for edge, meaning, color in (
        (plain, "a value", theme.text),
        (gradient, "a gradient", theme.gradient_text),
        (backward, sent, theme.gradient_text),
    ):
        if edge is not None:
            edge = replace(edge, width=min(edge.width, _USUAL))
            yield Entry(text.run(say(meaning), SIZE, color), edge)
    words = [run.text for box in scene.boxes for line in box.lines for run in line]
    if any(each.startswith(DERIVATIVE) for each in words):
        yield told(say("derivative"), theme)
    function = next(filter(is_autograd, words), None)
    if function is not None:
        operation = derivative(function).removeprefix(DERIVATIVE)
        yield told(say("function", function=function, operation=operation), theme)
    if ACCUMULATE in words:
        yield told(say("collects"), theme)
    if norms and any(each.startswith("|grad|") for each in words):
        yield told(f"|grad| {say('norm')}", theme)


def told(words: str, theme: Theme) -> Entry:
    """An entry of words alone."""
    return Entry(text.run(words, SIZE, theme.muted))


def widest(entries: Iterable[Entry]) -> float:
    """How wide the widest entry is."""
    return max((entry.width for entry in entries), default=0.0)


def place(entries: Sequence[Entry], left: float, y: float, limit: float, placed: Placed) -> float:
    """Sets entries side by side, in as many rows as they need.

    Args:
        entries: In the order to be read.
        left: Where rows begin.
        y: Base line of the first row.
        limit: How wide a row may be.
        placed: Where they are put.

    Returns:
        The base line of the row after the last.
    """
    x = left
    for entry in entries:
        if x > left and x + entry.width > left + limit:
            x, y = left, y + ROW
        if isinstance(entry.sample, Edge):
            placed.draw(entry.sample, x, y - _RAISED)
        elif entry.sample is not None:
            placed.paint(entry.sample, x, y - _RAISED - _SWATCH[1] / 2, *_SWATCH)
        placed.write(entry.words, x + entry.room, y)
        x += entry.width + _APART
    return y + (ROW if entries else 0.0)
