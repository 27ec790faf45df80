"""What a slide is made of besides its picture: blocks of text, and rectangles under them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from render.scene import Box, Label, Text
from render.slide import Area


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of text at equal distances.

    Attributes:
        id: Unique on the slide, the same on every slide.
        frame: Where it stands.
        lines: From top to bottom, each a sequence of runs.
        pitch: From one line to the next.
    """

    id: str
    frame: Area
    lines: tuple[tuple[Text, ...], ...]
    pitch: float

    def labels(self) -> Iterator[Label]:
        """The lines where they stand."""
        for row, runs in enumerate(self.lines):
            if runs:
                middle = self.frame.y + (row + 0.5) * self.pitch
                yield Label(runs, self.frame.x, round(middle + 0.31 * max(run.size for run in runs), 2))


def panel(name: str, told: str, frame: Area, fill: str, stroke: str = "", width: float = 0.0) -> Box:
    """A rectangle of the page, under everything; `told` is for those who cannot see it."""
    return Box(
        name, "group", fill=fill, stroke=stroke or fill, stroke_width=width, tooltip=told,
        x=frame.x, y=frame.y, width=frame.width, height=frame.height,
    )  # fmt: skip
