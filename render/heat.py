"""Paints the boxes of a scene by a quantity, and makes the scale that says what the colours mean.

Gradients and activations lie on a logarithmic scale, for they differ by orders of magnitude; times, operations and
bytes, which add up, on a linear one. What is no amount stands out by its
border: no gradient dashed, zero heavy, NaN and infinities double. Each box says in words what its colour says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from render import text
from render.legend import SIZE, Entry
from render.quantities import Quantity, Reading
from render.scale import Ramp, Scale, Span
from render.scene import Box, Scene
from render.theme import Theme
from render.words import Words
from tracer.graph import Graph

ENGLISH: Final = Words("en")  # of descriptions and notes
_WIDE: Final = 1e3  # from here on the ends of a span are worth a sentence
_FAR: Final = 10.0  # times beyond the ends of a scale is worth a word
_MARKS: Final = {"none": "no gradient", "zero": "exactly 0", "bad": "nan or inf"}


@dataclass(frozen=True, slots=True)
class Heat:
    """What a picture is coloured by.

    Attributes:
        quantity: Of boxes.
        theme: Gives the colours.
        readings: What each box has of it, by its id, in the order of the run.
        place: Says where a box stands, by its id.
        whole: Of a part of a picture, the heat of the whole, whose colours it has.
    """

    quantity: Quantity
    theme: Theme
    readings: Mapping[str, Reading]
    place: Callable[[str], str]
    whole: Heat | None = None

    def of_part(self, boxes: Iterable[Box]) -> Heat:
        """That of a part of the picture, with the colours of the whole."""
        shown = {box.id.partition("_")[0] for box in boxes}
        found = {box: reading for box, reading in self.readings.items() if box in shown}
        return replace(self, readings=found, whole=self)

    def painted(self, scene: Scene) -> Scene:
        """The scene with its boxes painted; as it is where no box has any of the quantity."""
        if not self.readings:
            return scene
        boxes = tuple(box if box.kind == "group" else self._box(box) for box in scene.boxes)
        return replace(scene, boxes=boxes, description=f"{scene.description} {self.told}")

    @property
    def told(self) -> str:
        """The scale in a sentence, for formats without a legend; empty without colours."""
        return f"Coloured by {self.quantity.title(ENGLISH)}: {self._range()}." if self.readings else ""

    def note(self) -> str:
        """What stands out, or why there are no colours; empty where there is nothing to say."""
        if not self.readings:
            return f"not coloured by {self.quantity.name}: {self.quantity.missing}"
        return "; ".join(filter(None, (self._ends(), self._first_bad())))

    def _ends(self) -> str:
        """Where the largest and the smallest amount are, if they are orders of magnitude apart."""
        span, lead = self.span, self.quantity.title(ENGLISH).partition(" ")[0]
        if self.whole is not None or span is None or self.quantity.linear or span.high < _WIDE * span.low:
            return ""
        orders = round(math.log10(span.high) - math.log10(span.low))
        low, high = (f"{self.quantity.spell(end)} at {self._where(end)}" for end in (span.low, span.high))
        return f"{lead} spans {orders} orders of magnitude: from {low} to {high}"

    def beyond(self, graph: Graph) -> str:
        """What lies far outside the scale although it has a name: in turns that are drawn once, in closed modules.

        Args:
            graph: All of it, drawn or not; its forward pass counts.
        """
        span = self.span
        if span is None or self.whole is not None or self.quantity.linear:
            return ""
        back = {value for node in graph.nodes if node.phase != "forward" for value in node.outputs}
        values = (value for value in graph.values if value.name and value.id not in back)
        named = ((self.quantity.of_values([value]), str(value.name)) for value in values)
        found = [(each.number, each.words, name) for each, name in named if each is not None and each.state == "number"]
        below, above = ([min(found)], [max(found)]) if found else ([], [])
        ends = [each for each in below if each[0] < span.low / _FAR]
        ends += [each for each in above if each[0] > span.high * _FAR]
        words = [f"{words} at {text.elide(text.clean(name), 40)}" for _, words, name in ends]
        return f"not drawn by itself, and beyond the scale: {' and '.join(words)}" if words else ""

    def _where(self, amount: float) -> str:
        found = (box for box, each in self.readings.items() if each.state == "number" and each.number == amount)
        return self.place(next(found))

    def _first_bad(self) -> str:
        """Where NaN or infinities came up first: for gradients, at the last place of the run, for they flow back."""
        bad = [box for box, reading in self.readings.items() if reading.state == "bad"]
        if not bad:
            return ""
        backward = self.quantity.name == "gradient"
        return f"nan or inf came up first {'in the gradient of' if backward else 'in'} {self.place(bad[-backward])}"

    # Paint.

    def _box(self, box: Box) -> Box:
        reading = self.readings.get(box.id.partition("_")[0])  # a tag bears the colour of its tensor
        text_, error = self.theme.text, self.theme.error
        box = replace(box, dashed=False)  # dashes mean that there is no gradient, whatever else a theme does with them
        if reading is None:
            return replace(box, fill=self.theme.background)
        lines = tuple(
            tuple(run if run.color == error and reading.state == "bad" else replace(run, color=text_) for run in line)
            for line in box.lines
        )
        return replace(self._paint(box, reading), lines=lines)

    def _paint(self, box: Box, reading: Reading) -> Box:
        if reading.state == "number":
            return replace(box, fill=self._color(reading.number))
        if reading.state == "category":
            return replace(box, fill=self._categories()[reading.words])
        return self._marked(box, reading.state)

    def _marked(self, box: Box, state: str) -> Box:
        paint = {
            "none": {"stroke": self.theme.text, "stroke_width": 2.4, "dashed": True, "double": False},
            "zero": {"stroke": self.theme.text, "stroke_width": 3.4, "dashed": False, "double": False},
            "bad": {"stroke": self.theme.error, "stroke_width": 2.4, "dashed": False, "double": not box.across},
        }[state]
        return replace(box, fill=self.theme.background, **paint)  # type: ignore[arg-type]

    def _color(self, amount: float) -> str:
        span = self.span
        return self._ramp.at(1.0 if span is None else span.share(amount))

    @property
    def _ramp(self) -> Ramp:
        return Ramp(self.theme.heat["low"], self.theme.heat["middle"], self.theme.heat["high"])

    @property
    def span(self) -> Span | None:
        """The amounts there are; None where there is none."""
        if self.whole is not None:
            return self.whole.span
        amounts = [reading.number for reading in self.readings.values() if reading.state == "number"]
        return Span(min(amounts), max(amounts), self.quantity.linear) if amounts else None

    def _categories(self) -> dict[str, str]:
        """A colour for each category, in the order of the boxes; those beyond the last share it."""
        if self.whole is not None:
            shown = {reading.words for reading in self.readings.values()}
            return {words: color for words, color in self.whole._categories().items() if words in shown}
        colors = list(self.theme.categories.values())
        found = dict.fromkeys(reading.words for reading in self.readings.values() if reading.state == "category")
        return {words: colors[min(number, len(colors) - 1)] for number, words in enumerate(found)}

    # Words.

    def scale(self, say: Words) -> Scale | None:
        """What the colours mean, in a language; None where there are none."""
        if not self.readings:
            return None
        return Scale(
            title=text.run(self.quantity.title(say), SIZE, self.theme.text),
            entries=tuple(self._entries(say)),
            span=self.span,
            ramp=self._ramp,
            spell=self.quantity.spell,
            frame=Box("", "swatch", fill=self.theme.background, stroke=self.theme.muted, stroke_width=1.0),
        )

    def _entries(self, say: Words) -> Iterator[Entry]:
        sample = Box("", "swatch", outline="rect", stroke=self.theme.muted, stroke_width=1.2)
        for words, color in self._categories().items():
            yield Entry(text.run(f"{words} ({self._count(words)})", SIZE, self.theme.text), replace(sample, fill=color))
        for state, words in _MARKS.items():
            count = sum(reading.state == state for reading in self.readings.values())
            if count:
                told = f"{say(words)} ({text.count(count)})"
                yield Entry(text.run(told, SIZE, self.theme.text), self._marked(sample, state))

    def _count(self, words: str) -> str:
        return text.count(sum(reading.words == words for reading in self.readings.values()))

    def _range(self) -> str:
        span, spell = self.span, self.quantity.spell
        words = [f"from {spell(span.low)} to {spell(span.high)}"] if span is not None else []
        return ", ".join([*words, *(entry.words.text for entry in self._entries(ENGLISH))])
