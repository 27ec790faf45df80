"""A deck: each step of a storyboard as a slide of 16:9, for every format that is not a web page.

A slide is a title, the code with the line that runs, what is said, and the picture; all placed, in pixels of 1/96 inch.
`Slide.scene` is the whole of it as one scene, which any format of pictures can write.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from render import text
from render.blocks import Block, panel
from render.frames import blend
from render.page import moved
from render.panel import CodePanel
from render.scene import Box, Scene
from render.slide import BAR, HEIGHT, MARGIN, TEXT, TITLE, WIDTH, Area, Arrangement, staged
from render.steps import USUAL, Step, Telling

if TYPE_CHECKING:
    from render.drawing import Drawing
    from render.steps import Storyboard
    from render.theme import Theme

_TITLE: Final = 32.0  # size of the title
_SAID: Final = (19.0, 17.5, TEXT)  # and those of what is said
_PAD: Final = 16.0
_MAX_TITLE: Final = 70  # characters
_WHOLE: Final = Area(MARGIN - 16, TITLE.y + TITLE.height, WIDTH - 2 * MARGIN + 32, HEIGHT - TITLE.y - TITLE.height - 8)


@dataclass(frozen=True)
class Slide:
    """One step on a page.

    Attributes:
        title: Of the deck, and what this step does.
        notes: For the speaker.
        panels: Rectangles under the text, from the lowest up.
        blocks: The text: `title` first, then code and what is said.
        picture: The graph as it stands on the page.
        whole: The graph once all of it is there.
        name: In words, for those who cannot see it.
    """

    title: str
    notes: str
    panels: tuple[Box, ...]
    blocks: tuple[Block, ...]
    picture: Scene
    whole: Scene
    name: str

    @cached_property
    def scene(self) -> Scene:
        """Everything as one scene of the size of the page."""
        words = tuple(label for block in self.blocks for label in block.labels())
        return replace(
            self.picture,
            name=self.title,
            description=self.notes,
            boxes=(*self.panels, *self.picture.boxes),
            labels=(*words, *self.picture.labels),
            width=WIDTH,
            height=HEIGHT,
        )


@dataclass(frozen=True)
class Still:
    """A deck of one slide: the whole picture under its title.

    Attributes:
        drawing: As large as it can be.
    """

    drawing: Drawing

    @property
    def title(self) -> str:
        """Of the document."""
        return text.clean(self.drawing.scene.name)

    @property
    def about(self) -> str:
        """What it shows, in a sentence."""
        return self.drawing.scene.description

    @property
    def parts(self) -> tuple[Still]:
        """Itself."""
        return (self,)

    @property
    def slides(self) -> tuple[Slide]:
        """The one."""
        theme = self.drawing.options.theme
        whole = _stands(self.drawing.scene, _WHOLE)
        title = _heading(self.title, "", theme.tensors["output"].stroke, theme.muted)
        return (Slide(self.title, whole.description, (), (title,), whole, whole, self.title),)


@dataclass(frozen=True)
class Deck:
    """All slides of a drawing.

    Attributes:
        board: The steps.
        plan: Where code, words and picture stand.
        before: How many slides stand before it, where it is a part of something.
        total: How many there are of the whole; 0 for its own.
        dress: Colours of the page; None for those of the picture.
    """

    board: Storyboard
    plan: Arrangement
    before: int = 0
    total: int = 0
    dress: Theme | None = None

    @property
    def parts(self) -> tuple[Deck]:
        """Itself."""
        return (self,)

    @property
    def title(self) -> str:
        """Of the document."""
        return self.board.title

    @property
    def about(self) -> str:
        """What it shows, in a sentence."""
        return self.board.scene.description

    @cached_property
    def slides(self) -> tuple[Slide, ...]:
        """One for each step."""
        return tuple(self._slide(number, step) for number, step in enumerate(self.board.steps))

    @cached_property
    def ending(self) -> Slide:
        """The last slide once nothing on it is stressed any more: the picture as it is by itself, how a film ends."""
        last = len(self.board.steps) - 1
        calm = Step("forward", self.board.words("whole"), notes=self.board.scene.description)
        return replace(self._slide(last, calm), picture=self.whole)

    @property
    def theme(self) -> Theme:
        """Colours of the page."""
        return self.dress or self.board.drawing.options.theme

    @property
    def accent(self) -> str:
        """Colour of the title and of the bar that shows how far one is."""
        return self.theme.tensors["output"].stroke

    @cached_property
    def whole(self) -> Scene:
        """The final picture where it stands on the page."""
        return _stands(self.board.scene, self.plan.figure)

    @cached_property
    def _code(self) -> CodePanel | None:
        return CodePanel(self.board, self.plan.code, self.theme) if self.board.listings else None

    @property
    def _room(self) -> Area:
        """Where what is said stands: where the code would, too, if there is none."""
        facts, code = self.plan.facts, self.plan.code
        if self._code is not None:
            return facts
        x, y = min(facts.x, code.x), min(facts.y, code.y)
        right, bottom = max(facts.x + facts.width, code.x + code.width), facts.y + facts.height
        return Area(x, y, right - x, bottom - y)

    def _slide(self, number: int, step: Step) -> Slide:
        title, total = text.elide(self.board.title, _MAX_TITLE), self.total or len(self.board.steps)
        which = self.before + number + 1
        told = f"{self.board.words('step', number=which, total=total)} · {step.title}"
        rows = [] if self._code is None else self._code.panels(number, step)
        said = self._said(step)
        blocks = [
            _heading(title, told, self.accent, self.theme.muted),
            *([] if self._code is None else self._code.blocks(number)),
            *said,
        ]
        return Slide(
            title=f"{title} · {told}",
            notes=step.notes,
            panels=(*self._progress(which, total), *rows, *([self._note(step)] if said else [])),
            blocks=tuple(blocks),
            picture=self.board.frame(number, self.whole),
            whole=self.whole,
            name=told,
        )

    def _progress(self, number: int, total: int) -> Iterator[Box]:
        frame = BAR
        done = replace(frame, width=round(frame.width * number / total, 2))
        told = self.board.words("step", number=number, total=total)
        yield panel("page_way", told, frame, blend(self.theme.text, self.theme.background, 0.14))
        yield panel("page_done", told, done, self.accent)

    def _note(self, step: Step) -> Box:
        """The frame around what is said: of the gradient's hue in backward."""
        stroke = self.theme.group.stroke if step.kind == "forward" else self.theme.gradient
        return panel("page_said", step.title, self._room, self.theme.background, stroke, 1.6)

    def _said(self, step: Step) -> list[Block]:
        """The facts of a step, as many as there is room for."""
        frame = self._room.inside(_PAD, _PAD / 2)
        color = self.theme.text if step.kind == "forward" else self.theme.gradient_text
        facts = [text.clean(fact.replace("  (", " (").replace("  ", " · ")) for fact in step.facts]
        for size in _SAID:  # the largest that has room for all
            pitch, room = 1.45 * size, max(1, int(frame.height / (1.45 * size)))
            runs = (text.run(fact, size, color) for fact in facts)
            rows = [line for run in runs for line in text.wrap(run, frame.width / 1.04)]
            if len(rows) <= room:
                break
        else:
            rows = [*rows[: room - 1], text.run(f"{rows[room - 1].text} …", size, color)]
        spare = max(0.0, frame.height - len(rows) * pitch) / 2
        inner = replace(frame, y=frame.y + spare, height=frame.height - 2 * spare)
        return [Block("page_facts", inner, tuple((row,) for row in rows), pitch)] if rows else []


@dataclass(frozen=True)
class Decks:
    """Decks one after the other, as one: a lecture.

    Attributes:
        title: Of the document.
        parts: At least one.
    """

    title: str
    parts: tuple[Deck, ...]

    @property
    def about(self) -> str:
        """What they show, in a line."""
        return "; ".join(dict.fromkeys(part.title for part in self.parts))

    @cached_property
    def slides(self) -> tuple[Slide, ...]:
        """Of all of them."""
        return tuple(slide for part in self.parts for slide in part.slides)

    @property
    def ending(self) -> Slide:
        """That of the last of them."""
        return self.parts[-1].ending


def told(drawing: Drawing, telling: Telling = USUAL) -> Deck | Decks:
    """A drawing told step by step (errors as of `Drawing.storyboard`), or all parts of a lecture.

    Of the ways to draw it, the one is taken that has the most detail and yet is read on a slide.
    """
    stages = [staged(part, telling) for part in drawing.parts]
    counts = [len(board.steps) for board, _ in stages]
    theme = drawing.options.theme
    parts = [Deck(*stage, sum(counts[:at]), sum(counts), theme) for at, stage in enumerate(stages)]
    return parts[0] if len(parts) == 1 else Decks(text.clean(drawing.graph.name), tuple(parts))


def still(drawing: Drawing) -> Still:
    """One slide with the whole picture of a drawing."""
    return Still(replace(drawing, page=_WHOLE.target, headed=False))


def _stands(scene: Scene, area: Area) -> Scene:
    """A scene of the size of an area, where that is on the page."""
    return moved(scene, 1.0, area.x, area.y)


def _heading(title: str, told: str, color: str, muted: str) -> Block:
    """The title, and below it which step this is."""
    size = min(_TITLE, _TITLE * TITLE.width / max(1.0, text.width(title, _TITLE)))
    rows = [(text.run(title, size, color),), *([(text.run(text.elide(told, 140), TEXT, muted),)] if told else [])]
    return Block("title", TITLE, tuple(rows), TITLE.height / 2)
