"""APNG: the slides of a deck as a film that browsers play, with sharper edges than a GIF has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from render import deck
from render.film import assembled
from render.formats import register
from render.steps import USUAL, Telling

if TYPE_CHECKING:
    from render.drawing import Drawing


@register(
    "apng",
    suffixes=(".apng",),
    mime="image/apng",
    help_text="film of the slides for web pages",
    binary=True,
    deck=True,
)
def write(
    drawing: Drawing,
    *,
    pace: float = 1.6,
    loop: bool = True,
    telling: Telling = USUAL,
) -> bytes:
    """A frame for each step; the last one stays longer.

    Args:
        drawing: What to write.
        pace: Seconds a step takes.
        loop: Begins again after the last step.
        telling: How it is told.
    """
    return assembled(deck.told(drawing, telling), pace, "PNG", loop=loop)
