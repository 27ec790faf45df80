"""Lectures: told graphs, charts, tables and words in one deck, a part after the other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from render import formats
from render.drawing import Drawing
from render.errors import RenderError
from render.scene import Scene
from tracer.graph import Graph

if TYPE_CHECKING:
    from render.page import Target
    from render.steps import Storyboard

_LARGEST: Final = 24.0  # points of words in charts, tables and lists


@dataclass(frozen=True)
class Page(Drawing):
    """A drawing that is shown at once: a chart, a table, words, or a graph that is not told step by step.

    Attributes:
        given: The picture, placed; None for that of the graph.
        heading: Of the part of the lecture that it belongs to.
        caption: What it shows, in a few words.
        speech: For the speaker.
    """

    given: Scene | None = field(default=None, kw_only=True)
    heading: str = field(default="", kw_only=True)
    caption: str = field(default="", kw_only=True)
    speech: str = field(default="", kw_only=True)

    @cached_property
    def composed(self) -> Scene:
        """Boxes and arrows."""
        if self.given is None:
            return super().composed
        return replace(self.given, name=self.caption or self.heading, description=self.speech)

    def _placed(self, composed: Scene) -> Scene:
        return super()._placed(composed) if self.given is None else composed

    def storyboard(self, *, lang: str = "en", pages: tuple[Target, ...] = (), **_asked: Any) -> Storyboard:
        """One step, in which all is there (arguments as for any drawing)."""
        from render.choosing import on_page
        from render.steps import Step, Storyboard, elements  # as in `Drawing.storyboard`
        from render.words import words

        page: Drawing = replace(self, lang=lang)
        pages = pages if self.given is None else tuple(replace(each, most=_LARGEST) for each in pages)
        page = on_page(page, pages) if pages else page
        step = Step("forward", self.caption, shows=tuple(elements(page.scene)), notes=self.speech)
        return Storyboard(page, (step,), (), title=self.heading, words=words(lang))


@dataclass(frozen=True)
class Lecture(Drawing):
    """Drawings in one deck. Formats of decks ask for its `parts`; there is no single picture of it.

    Attributes:
        sequence: The drawings in their order, at least one.
    """

    sequence: tuple[Drawing, ...] = field(default=(), kw_only=True)

    @property
    def parts(self) -> tuple[Drawing, ...]:
        """What the deck consists of."""
        return self.sequence

    @cached_property
    def composed(self) -> Scene:
        """There is none.

        Raises:
            RenderError: Always.
        """
        decks = [found for found in formats.formats().values() if found.deck]
        alone = ", ".join(found.suffixes[0] for found in decks if found.is_deck)
        asked = ", ".join(found.suffixes[0] for found in decks if not found.is_deck)
        raise RenderError(f"a lecture is a deck of many pictures: write it as {alone}; or, with animate, as {asked}")

    @cached_property
    def view(self) -> Graph:
        """There is none (as `composed`)."""
        _ = self.composed
        return self.graph
