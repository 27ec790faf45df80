"""One graph on its way to a picture: each stage is made when first asked for and shared by all formats."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from render import annotate, files, formats, legend, roles
from render.compose import compose
from render.dims import Dims
from render.errors import RenderError
from render.heat import Heat
from render.layout import EngineMissing, LayoutTimeout, place
from render.options import Options
from render.page import Target, printed
from render.scene import Scene
from render.views.levels import select
from render.widths import Widths
from render.words import Words as Language
from tracer.graph import Graph
from tracer.records import collector_paused

if TYPE_CHECKING:
    from render.steps import Storyboard


@dataclass(frozen=True)
class Drawing:
    """A graph and how to draw it.

    Attributes:
        graph: As it was captured.
        options: What was asked for, checked.
        extra: Options of a single format (`scale` of PNG).
        drawn: What is drawn of the graph, where that is known better than the options say it (`render.fit`).
        part: The scene to place, where it is a part of a larger one (`render.split`).
        lang: Of the words in the legend.
        warmth: What the larger scene is coloured by, where there is one.
        page: The page that the picture is to be as large as; None for one as large as the picture needs.
        headed: Whether the title stands in the picture; a deck has a place of its own for it.
        told: What came up while the picture was made.
        said: What was done to fit it to a page, or came up while a deck was made of it, for whoever makes it.
    """

    graph: Graph
    options: Options
    extra: Mapping[str, Any] = field(default_factory=dict)
    drawn: Graph | None = None
    part: Scene | None = None
    lang: str = "en"
    warmth: Heat | None = None
    page: Target | None = None
    headed: bool = True
    told: list[str] = field(default_factory=list, init=False, repr=False, compare=False)
    said: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def parts(self) -> tuple[Drawing, ...]:
        """What a deck of it consists of, one after the other (a lecture has several)."""
        return (self,)

    @cached_property
    def view(self) -> Graph:
        """The part of the graph that is drawn, at the level that is drawn."""
        options = self.options
        if self.drawn is not None:
            return self.drawn
        with collector_paused():
            return select(
                self.graph,
                level=options.level,
                depth=options.depth,
                items=options.items("data"),
                views=options.view,
                every=options.color_by is not None,
            )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know: what was closed or left out, how to see it, what came up while placing it."""
        return tuple(dict.fromkeys((*self.captions, *self.said)))

    @property
    def captions(self) -> tuple[str, ...]:
        """Those that stand in the picture; what was done to fit it to a page does not."""
        heat = () if self.heat is None else (self.heat.note(), self.heat.beyond(self.graph))
        own = (*self.dims.notes(), *filter(None, heat), *self.told)
        return (*(str(note) for note in self.view.meta.get("notes", ())), *own)

    @property
    def error(self) -> str | None:
        """What failed, where and why; None where nothing did."""
        node = next((node for node in self.view.nodes if node.error is not None), None)
        if node is None:
            told = self.graph.meta.get("error")
            return None if told is None else f"failed: {told}"
        source = self.view.source(node)
        where = "" if source is None else f" at {PurePath(source.file).name}:{source.line}"
        return f"{node.op} failed{where}: {node.error}"

    @property
    def composed(self) -> Scene:
        """Boxes and arrows without coordinates."""
        if self.part is not None:
            return replace(self.part, direction=self.options.direction or self.part.direction)
        return self._composed[0]

    @property
    def heat(self) -> Heat | None:
        """What boxes are coloured by, None for what they are; of a part, with the colours of the whole."""
        if self.options.color_by is None:
            return None
        if self.part is not None and self.warmth is not None:
            return self.warmth.of_part(self.part.boxes)
        return self._composed[1]

    @cached_property
    def _composed(self) -> tuple[Scene, Heat | None]:
        with collector_paused():
            return compose(self.view, self.options, self.dims, self.lang)

    @cached_property
    def dims(self) -> Dims:
        """What sizes are called."""
        return Dims(roles.named(self.graph, self.options.dims))

    @cached_property
    def scene(self) -> Scene:
        """The whole picture, placed, with its legend and notes.

        Raises:
            RenderError: The layout engine is not installed.
        """
        if self.page is None:
            return self._dressed(self._placed(self.composed))
        scene = replace(self.composed, wrap=False)  # the page breaks it itself
        return printed(self._placed(scene), self.page, self._dressed, lambda: self._placed(replace(scene, late=True)))

    def _dressed(self, placed: Scene) -> Scene:
        """A placed scene with its title, legend, caption and notes."""
        theme, options = self.options.theme, self.options
        _ = self._composed  # of a part, too: names of sizes are kept as they are written
        words = annotate.Words(
            title=options.title if self.headed else "",
            caption=options.caption,
            notes=self.captions,
            error=self.error,
            entries=[*self._widths(), *(legend.told(words, theme) for words in self.dims.legend())],
            scale=None if self.heat is None else self.heat.scale(Language(self.lang)),
            language=self.lang,
        )
        return annotate.annotate(placed, theme, words)

    def _widths(self) -> Iterable[legend.Entry]:
        """What the widths of arrows mean, where they mean anything."""
        return Widths.of(self.view).entries(self.options.theme) if "sizes" in self.options.show else ()

    def storyboard(self, *, pages: tuple[Target, ...] = (), **asked: Any) -> Storyboard:
        """The picture told step by step, for decks and films.

        Args:
            pages: What the figure is to be fitted to, the first that will do; empty for one as large as it needs.
            **asked: Any field of `render.steps.Telling` (`by`, `motion`, `explain`, `lang`). Backward goes operation by
                operation where steps are lines.

        Raises:
            RenderError: A choice that is not there, or more steps than anybody would click through.
        """
        from render.steps import Telling  # with what follows, it asks the drawing for everything else
        from render.telling import tell

        with collector_paused():
            board = tell(self, Telling(**asked), pages)
        self.said.extend(board.remarks)
        return board

    def _placed(self, composed: Scene) -> Scene:
        """The composed scene with its layout: by our own engine where the one that was asked for takes too long."""
        with collector_paused():
            try:
                return place(composed, engine=self.options.engine)
            except EngineMissing as error:
                raise RenderError(str(error)) from error
            except LayoutTimeout as error:
                self.told.append(f"{error}; our own layout is shown")
                return place(composed)

    def render(self, format: str = "svg", **options: Any) -> str | bytes:  # noqa: A002 - the word for it
        """The picture as text, or as bytes where the format is binary.

        Args:
            format: Name of a format (`graphtrace list formats`).
            **options: Of that format, over those in `extra`.

        Raises:
            RenderError: There is no such format, an option is not one it knows, or it cannot be made.
        """
        chosen = formats.get(format)
        given = chosen.check({**self.extra, **options})
        with collector_paused():
            return chosen.written(self, given)

    def save(self, path: str | os.PathLike[str], **options: Any) -> Path:
        """Writes the picture to a file in the format of its suffix; a file already there is replaced at the very end.

        Args:
            path: Where to write.
            **options: Of that format, over those in `extra`.

        Raises:
            RenderError: The suffix is unknown, the folder is missing, or it cannot be written to.
        """
        target = files.checked(path)
        return files.replace(target, self.render(formats.for_path(target).name, **options))
