"""The slide of a deck: where title, code, facts and figure stand on it, in pixels of 1280 × 720 (13.33 × 7.5 in)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final

from render.lecture import Page
from render.page import INCH, RAISED, Target
from render.steps import USUAL, Telling

if TYPE_CHECKING:
    from render.drawing import Drawing
    from render.steps import Storyboard

WIDTH: Final = 1280.0
HEIGHT: Final = 720.0
LEAST: Final = 12.0  # points of the smallest text
_LARGEST: Final = 17.0  # and of the largest in a figure
MARGIN: Final = 40.0
TEXT: Final = 16.0  # pixels of facts and of code at least: 12 points


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the slide.

    Attributes:
        x: Left edge.
        y: Top edge.
        width: Of it.
        height: Of it.
    """

    x: float
    y: float
    width: float
    height: float

    def inside(self, across: float, down: float) -> Area:
        """The same without a margin on each side."""
        return Area(self.x + across, self.y + down, self.width - 2 * across, self.height - 2 * down)

    @property
    def target(self) -> Target:
        """The page for a figure that fills it."""
        return Target(self.width / INCH, self.height / INCH, LEAST, _LARGEST, raised=RAISED)


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Where things stand on a slide.

    Attributes:
        name: Of it.
        code: Where the author's lines stand.
        facts: Where what a step makes is stated.
        figure: Where the graph grows.
    """

    name: str
    code: Area
    facts: Area
    figure: Area


TITLE: Final = Area(MARGIN, 22, WIDTH - 2 * MARGIN, 78)
BAR: Final = Area(MARGIN, 702, WIDTH - 2 * MARGIN, 5)
SLIDES: Final = (
    Arrangement("beside", Area(40, 108, 440, 420), Area(40, 544, 440, 142), Area(500, 104, 752, 586)),
    Arrangement("below", Area(40, 496, 690, 192), Area(750, 496, 490, 192), Area(24, 102, 1232, 384)),
    Arrangement("strip", Area(40, 598, 790, 88), Area(846, 598, 394, 88), Area(24, 96, 1232, 494)),
)
# What is explained takes more lines than what is stated.
EXPLAINED: Final = (
    Arrangement("beside", Area(40, 108, 440, 300), Area(40, 424, 440, 262), Area(500, 104, 752, 586)),
    Arrangement("below", Area(40, 496, 590, 192), Area(646, 496, 594, 192), Area(24, 102, 1232, 384)),
    Arrangement("strip", Area(40, 548, 590, 138), Area(646, 548, 594, 138), Area(24, 96, 1232, 444)),
)
_BELOW: Final = Area(40, 618, 1200, 72)
ALONE: Final = Arrangement("alone", _BELOW, _BELOW, Area(24, 104, 1232, 506))  # a graph whose code is not known
PAGE: Final = Arrangement("page", _BELOW, _BELOW, Area(24, 104, 1232, 586))  # of which nothing is said


def staged(drawing: Drawing, telling: Telling = USUAL) -> tuple[Storyboard, Arrangement]:
    """The storyboard of a drawing that is fitted to a slide, and the arrangement that it is fitted to.

    Args:
        drawing: A graph with the user's options.
        telling: How it is told.

    Raises:
        RenderError: As for `Drawing.storyboard`.
    """
    coded = any(scope.source for scope in drawing.graph.scopes)
    told = EXPLAINED if telling.explain else SLIDES
    slides = (PAGE,) if isinstance(drawing, Page) else told if coded else (ALONE,)
    targets = {slide.figure.target: slide for slide in slides}
    board = replace(drawing, headed=False).storyboard(**asdict(telling), pages=tuple(targets))
    drawing.said.extend(board.remarks)
    return board, targets[board.drawing.page] if board.drawing.page in targets else slides[0]
