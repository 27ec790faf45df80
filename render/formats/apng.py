"""APNG: the slides of a deck as a film that browsers play, with sharper edges than a GIF has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from render import deck
from render.film import assembled, durations, stills
from render.formats import register

if TYPE_CHECKING:
    from render.drawing import Drawing


@register("apng", suffixes=(".apng",), mime="image/apng", help_text="film of the slides for web pages", binary=True)
def write(
    drawing: Drawing,
    *,
    pace: float = 1.6,
    loop: bool = True,
    by: str = "line",
    motion: str = "build",
    explain: bool = False,
    lang: str = "en",
) -> bytes:
    """A frame for each step; the last one stays longer.

    Args:
        drawing: What to write.
        pace: Seconds a step takes.
        loop: Begins again after the last step.
        by: What makes a step: line, op, module or timestep.
        motion: How it is told: build (boxes appear) or flow (all is there, pale until data reaches it).
        explain: Tells backward by the chain rule, with its numbers.
        lang: Language of the words that are not the author's: en or ru.
    """
    shown = deck.told(drawing, by=by, motion=motion, explain=explain, lang=lang)
    seconds = durations(len(shown.slides), pace)
    return assembled([*stills(shown, 1.0)], seconds, "PNG", loop=loop)
