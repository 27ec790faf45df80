"""PPTX: a slide a step, of shapes, connectors and texts that one can edit in PowerPoint and LibreOffice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from render import deck
from render.formats import register
from render.pptx.package import packed
from render.pptx.page import leaves, tag

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
    by: str = "line",
    motion: str = "build",
    explain: bool = False,
    lang: str = "en",
) -> bytes:
    """A slide for each step, on which every shape keeps its place and its name, so that PowerPoint's Morph finds it.

    Args:
        drawing: What to write.
        animate: Writes a slide for each step; without it, one with the whole picture.
        by: What makes a step: line, op, module or timestep.
        motion: What has not been reached yet is not there (build), or pale (flow).
        explain: Tells backward by the chain rule, with its numbers.
        lang: Language of the deck's own words: en or ru.
    """
    asked = {"by": by, "motion": motion, "explain": explain, "lang": lang}
    shown = deck.told(drawing, **asked) if animate else deck.still(drawing)
    pages = [leaf for part in shown.parts for leaf in leaves(part.slides, tag(lang))]
    return packed(pages, title=shown.title, subject=shown.about, lang=tag(lang), theme=drawing.options.theme)
