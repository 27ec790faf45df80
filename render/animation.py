"""Animation: the style sheet that makes an SVG picture appear step by step, without any script.

What a picture shows without it is the final state, so that viewers that know no animation, and people who asked their
system for less motion, see the whole graph. Names begin with a NUL, which `render.formats.svg` replaces by the prefix
of the picture's ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from render import text
from render.errors import RenderError
from render.frames import blend
from render.scene import Label, Scene
from render.steps import Storyboard

FADE: Final = 0.5  # seconds in which an element appears
HOLD: Final = 4.0  # seconds that the whole picture stays before it begins again
_SHORTEST: Final = 0.1  # seconds a step
_LONGEST: Final = 60.0
_PALE: Final = 0.25  # opacity of what has not been reached yet, where everything is there from the start
_CAPTION: Final = 15.0
_ROW: Final = 30.0  # the height of the caption's row


def checked_pace(pace: float) -> float:
    """Seconds a step, once it is sure that somebody can watch that.

    Raises:
        RenderError: Nobody can.
    """
    if not _SHORTEST <= pace <= _LONGEST:
        raise RenderError(f"pace must be from {_SHORTEST:g} to {_LONGEST:g} seconds a step, not {pace:g}")
    return pace


@dataclass(frozen=True)
class Animation:
    """The times of a storyboard, as CSS.

    Attributes:
        board: What is told.
        pace: Seconds a step takes.
        loop: Whether it begins again after a while.
    """

    board: Storyboard
    pace: float
    loop: bool

    @property
    def seconds(self) -> float:
        """How long it takes, until it begins again."""
        return self.pace * len(self.board.steps) + HOLD

    def style(self) -> str:
        """The style sheet; all of it for those who want motion."""
        return "@media (prefers-reduced-motion:no-preference){" + "".join(self._rules()) + "}"

    def _rules(self) -> Iterator[str]:
        yield from self._appearing()
        yield from self._glowing()
        yield from self._updating()
        for number in range(len(self.board.steps) + 1):
            yield from self._rule(f"#\0-c{number}", f"c{number}", self._caption(number))

    # What moves: frames are pairs of a second and what holds from then on.

    def _appearing(self) -> Iterator[str]:
        gradients = {edge.id for edge in self.board.scene.edges if edge.kind == "gradient"}
        labelled = {edge.id for edge in self.board.scene.edges if edge.label is not None}
        for number, step in enumerate(self.board.steps):
            for pale in (False, True):
                chosen = [each for each in step.shows if pale == self._stands_pale(each, gradients)]
                ids = [f"#\0-{each}" for each in chosen]
                ids += [f"#\0-{each}-label" for each in chosen if each in labelled]
                start = f"opacity:{_PALE if pale else 0}"
                frames = ((0.0, start), (number * self.pace, start), (number * self.pace + FADE, "opacity:1"))
                yield from self._rule(",".join(ids), f"{'p' if pale else 'i'}{number}", frames)

    def _stands_pale(self, element: str, gradients: set[str]) -> bool:
        return self.board.motion == "flow" and element not in gradients and not element.endswith("-grad")

    def _glowing(self) -> Iterator[str]:
        """The halo of each box in the steps that it is about."""
        theme = self.board.drawing.options.theme
        times: dict[str, list[tuple[float, str]]] = {}
        for number, step in enumerate(self.board.steps):
            start, color = number * self.pace, theme.edge if step.kind == "forward" else theme.gradient
            on, off = f"opacity:1;stroke:{color}", f"opacity:0;stroke:{color}"
            row = ((start, off), (start + 0.2, on), (start + self.pace - 0.2, on), (start + self.pace, off))
            for box in step.lit:
                times.setdefault(box, [(0.0, "opacity:0")]).extend(row)
        for box, frames in times.items():
            yield from self._rule(f"#\0-{box}>.halo", f"h-{box}", frames)

    def _updating(self) -> Iterator[str]:
        """Weights take the colour of gradients where the update reaches them, until the end."""
        theme, done = self.board.drawing.options.theme, set[str]()
        fills = {box.id: (box.fill, blend(theme.gradient, box.fill, 0.45)) for box in self.board.scene.boxes}
        for number, step in enumerate(self.board.steps):
            for box in (each for each in step.updated if each in fills and each not in done):
                done.add(box)
                before, after = (f"fill:{fill}" for fill in fills[box])
                start = number * self.pace
                frames = ((0.0, before), (start, before), (start + FADE, after), (self.seconds, after))
                yield from self._rule(f"#\0-{box}>.body", f"u-{box}", frames)

    def _caption(self, number: int) -> Sequence[tuple[float, str]]:
        """When the title of a step is to be read; that of the whole before the beginning is seen at the end."""
        start, last = number * self.pace, number == len(self.board.steps)
        frames = [(0.0, "opacity:0"), (start, "opacity:0"), (start + 0.1, "opacity:1")]
        return frames if last else [*frames, (start + self.pace - 0.1, "opacity:1"), (start + self.pace, "opacity:0")]

    def _rule(self, selector: str, name: str, frames: Sequence[tuple[float, str]]) -> Iterator[str]:
        """Key frames, and who follows them; once, and from the beginning on."""
        if not selector:
            return
        whole = self.seconds if self.loop else frames[-1][0]
        again = "infinite" if self.loop else "both"
        rows: dict[str, list[str]] = {}
        for second, state in frames:
            rows.setdefault(state, []).append(f"{round(100 * second / whole, 3):g}%")
        if self.loop and "100%" not in rows.get(frames[-1][1], ()):
            rows[frames[-1][1]].append("100%")
        keys = "".join(f"{','.join(dict.fromkeys(at))}{{{state}}}" for state, at in rows.items())
        yield f"@keyframes \0-{name}{{{keys}}}{selector}{{animation:\0-{name} {whole:g}s {again}}}"


def captioned(board: Storyboard) -> tuple[Scene, Mapping[str, Label]]:
    """The final scene with room for a caption, and the captions by id: one for each step, then that of the whole.

    That of the whole is its title, or nothing where that stands above the picture.
    """
    scene, theme = board.scene, board.drawing.options.theme
    words = [_words(board, number) for number in range(len(board.steps))]
    captions = {}
    title = "" if board.drawing.options.title else board.title
    for number, row in enumerate((*words, title)):
        run = text.run(text.elide(row, max(8, int((scene.width - 32) / (0.62 * _CAPTION)))), _CAPTION, theme.text)
        captions[f"c{number}"] = Label((run,), x=scene.width / 2, y=scene.height + _ROW - 14, anchor="middle")
    return replace(scene, height=scene.height + _ROW), captions


def _words(board: Storyboard, number: int) -> str:
    """The title of a step and the first of what it says."""
    step = board.steps[number]
    place = step.running
    code = board.listings[place.listing].lines.get(place.first, "").strip() if place is not None else ""
    said = code if step.kind == "forward" and code else next(iter(step.facts[-1:]), "")
    return " · ".join(words for words in (f"{number + 1}/{len(board.steps)}", step.title, text.clean(said)) if words)
