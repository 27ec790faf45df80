"""Steps: a picture told in the order of the run, as a `Storyboard` that every deck and every film is spelled from.

The final scene is laid out once; a step says which of its elements appear, and nothing ever moves. An element is a box,
a sheet of a stacked box or an edge, by its id in the scene, or the gradient that a box states, by `gradient_of` its id.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

from render.errors import wrong_choice
from render.frames import frame
from render.layout.outline import sheets
from render.listing import Listing, Place
from render.scene import Box, Scene
from render.words import Words, words

if TYPE_CHECKING:
    from typing import TypeAlias

    from render.drawing import Drawing

StepKind: TypeAlias = Literal["forward", "backward", "update"]
BY: Final = ("line", "op", "module", "timestep")
MOTIONS: Final = ("build", "flow")


@dataclass(frozen=True, slots=True)
class Telling:
    """How a picture is told step by step: the options that all decks and films have.

    A field is the whole of an option: its default, and its line under `Attributes` the words of the command line.

    Attributes:
        by: What makes a step: line, op, module or timestep.
        motion: How it is told: build (boxes appear) or flow (all is there, pale until data reaches it).
        explain: Tells backward by the chain rule, with its numbers.
        lang: Language of the words that are not the author's: en or ru.

    Raises:
        RenderError: A choice that is not there; the message lists those that are.
    """

    by: str = "line"
    motion: str = "build"
    explain: bool = False
    lang: str = "en"

    def __post_init__(self) -> None:
        for what, given, choices in (("kind of step", self.by, BY), ("motion", self.motion, MOTIONS)):
            if given not in choices:
                raise wrong_choice(what, given, choices)
        words(self.lang)

    @property
    def words(self) -> Words:
        """The deck's own words."""
        return words(self.lang)


USUAL: Final = Telling()


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what ran, what of the picture appears with it, and what is said about it.

    Attributes:
        kind: The phase it belongs to: `forward`, `backward` or `update` (of the weights).
        title: What happens, in a few words of the deck's language; plain text.
        shows: The elements that appear with it (see the module); every element appears with exactly one step.
        lit: Ids of the boxes and edges that are active now.
        running: The lines of code that run now; None where they are not known.
        about: In backward, the forward lines that it differentiates; else None.
        facts: Results with their shapes and values, gradients that arrive: a line each.
        notes: For the speaker: whole sentences, the chain rule with its numbers among them; may have several lines.
        nodes: Ids of the operations of the drawn graph (`storyboard.drawing.view`) that it tells of.
        updated: Ids of the boxes whose weights have been changed by now, from an update on.
    """

    kind: StepKind
    title: str
    shows: tuple[str, ...] = ()
    lit: tuple[str, ...] = ()
    running: Place | None = None
    about: Place | None = None
    facts: tuple[str, ...] = ()
    notes: str = ""
    nodes: tuple[int, ...] = ()
    updated: tuple[str, ...] = ()


@dataclass(frozen=True)
class Storyboard:
    """A placed picture and the steps in which it is told.

    Attributes:
        drawing: What is told; its options may differ from those asked for, so that it can be read on a slide.
        steps: In the order of the run; at least one.
        listings: The author's code; `Place.listing` counts in it.
        title: Of the whole.
        words: The deck's own words, in its language.
        motion: `build` (what has not appeared is not there) or `flow` (it stands there pale).
        remarks: What a viewer should know: that there was no backward, how many turns of a loop were folded.
    """

    drawing: Drawing
    steps: tuple[Step, ...]
    listings: tuple[Listing, ...]
    title: str
    words: Words
    motion: str = "build"
    remarks: tuple[str, ...] = ()

    @property
    def lang(self) -> str:
        """The language, by its two letters."""
        return self.words.lang

    @property
    def scene(self) -> Scene:
        """The final picture, placed: the one that every step shows a part of."""
        return self.drawing.scene

    @cached_property
    def appears(self) -> dict[str, int]:
        """The number of the step with which each element appears, counted from 0."""
        return {element: number for number, step in enumerate(self.steps) for element in step.shows}

    def visible(self, number: int) -> frozenset[str]:
        """The elements that have appeared once step `number` (counted from 0) is shown."""
        return frozenset(element for element, first in self.appears.items() if first <= number)

    def frame(self, number: int, whole: Scene | None = None) -> Scene:
        """The picture at step `number` (counted from 0) for formats without motion: same size, same positions.

        What has not appeared is left out (`build`) or pale (`flow`), and what is active has a thicker border.

        Args:
            number: Of the step.
            whole: The final picture, where it stands elsewhere than in `scene`.
        """
        step, theme = self.steps[number], self.drawing.options.theme
        return frame(
            whole or self.scene,
            self.visible(number),
            lit=frozenset(step.lit),
            updated=frozenset(step.updated),
            accent=theme.edge if step.kind == "forward" else theme.gradient,
            pale=self.motion == "flow",
        )


def gradient_of(box: str) -> str:
    """The element that is the gradient a box states, by the box's id."""
    return f"{box}-grad"


def states_gradient(box: Box) -> bool:
    """Whether a box has an element of its own for its gradient."""
    return any(run.gradient for line in box.lines for run in line)


def elements(scene: Scene) -> Iterator[str]:
    """Every element of a scene: boxes with the sheets behind them, edges and the gradients that boxes state."""
    for box in scene.boxes:
        yield from (sheet.id for sheet in sheets(box))
        if states_gradient(box):
            yield gradient_of(box.id)
    yield from (edge.id for edge in scene.edges)
