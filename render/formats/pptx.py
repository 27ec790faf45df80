"""PPTX: a slide a step, of shapes, connectors and texts that one can edit in PowerPoint and LibreOffice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from render import deck
from render.formats import register
from render.pptx.package import packed
from render.pptx.page import leaves, tag
from render.steps import USUAL, Telling

if TYPE_CHECKING:
    from render.drawing import Drawing


@register(
    "pptx",
    suffixes=(".pptx",),
    mime="application/vnd.openxmlformats-officedocument.presentationml.presentation",
    help_text="deck of slides to edit, a step each: code, the graph as it grows, what is said",
    binary=True,
    deck=True,
)
def write(
    drawing: Drawing,
    *,
    animate: bool = True,
    telling: Telling = USUAL,
) -> bytes:
    """A slide for each step, on which every shape keeps its place and its name, so that PowerPoint's Morph finds it.

    Args:
        drawing: What to write.
        animate: Writes a slide for each step; without it, one with the whole picture.
        telling: How it is told.
    """
    shown, lang = deck.told(drawing, telling) if animate else deck.still(drawing), tag(telling.lang)
    pages = [leaf for part in shown.parts for leaf in leaves(part.slides, lang)]
    return packed(pages, title=shown.title, subject=shown.about, lang=lang, theme=drawing.options.theme)
