"""Adds to a placed scene what stands around the picture: title above; legend, caption and notes below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from render import legend, text
from render.page import moved
from render.scene import Scene, Text
from render.theme import Theme
from render.words import Words as Language

if TYPE_CHECKING:
    from render.scale import Scale

MARGIN: Final = 16.0  # as layout leaves it
GAP: Final = 20.0  # between the picture and the base line of what stands below, less the margin
READABLE: Final = 520.0  # a picture is made as wide for sentences that need it, and no wider
_LINE: Final = 1.46  # of the size of a font
_TITLE: Final = 20.0
_CAPTION: Final = 14.0
_MAX_NOTE: Final = 400  # characters of one note
_SLACK: Final = 1.05  # fonts differ


@dataclass(frozen=True, slots=True)
class Words:
    """What is said around a picture.

    Attributes:
        title: Stands above.
        caption: Stands below.
        notes: Sentences; each starts a line of its own.
        error: What failed and why, where something did.
        entries: Of the legend, after those of the arrows.
        scale: Of colours.
        language: Of the words in the legend, by its two letters.
    """

    title: str = ""
    caption: str = ""
    notes: Sequence[str] = ()
    error: str | None = None
    entries: Sequence[legend.Entry] = ()
    scale: Scale | None = None
    language: str = "en"


def annotate(scene: Scene, theme: Theme, words: Words) -> Scene:
    """`scene` with words around it, and as much higher (and wider) as they need.

    Args:
        scene: As layout placed it, with a margin around everything.
        theme: Gives the colours.
        words: What is said.
    """
    scaled = words.scale is not None and words.scale.title.text.startswith("|grad|")
    entries = [*legend.arrows(scene, theme, Language(words.language), norms=not scaled), *words.entries]
    title = _rows([words.title], _TITLE, theme.text, bold=True)
    below = _below(words, theme)
    width = _width(scene, entries, [*title, *below], words.scale)
    head = _wrapped(title, width)
    top = len(head) * _LINE * _TITLE + (4 if head else 0)
    scene = moved(scene, 1.0, (width - scene.width) / 2, top) if head or width > scene.width else scene
    placed, bottom = legend.Placed(), scene.height + top
    y = MARGIN + _TITLE * 0.9
    for line in head:
        placed.write(line, MARGIN, y)
        y += _LINE * _TITLE
    y = legend.place(entries, MARGIN, bottom + GAP, width - 2 * MARGIN, placed)
    if words.scale is not None:
        y = words.scale.place(placed, MARGIN, y, width - 2 * MARGIN)
    for line in _wrapped(below, width):
        placed.write(line, MARGIN, y)
        y += _LINE * line.size
    if not placed.labels:
        return scene
    low = [label.y for label in placed.labels] + [box.y + box.height for box in placed.swatches]
    return replace(
        scene,
        labels=scene.labels + tuple(placed.labels),
        samples=scene.samples + tuple(placed.samples),
        swatches=scene.swatches + tuple(placed.swatches),
        width=round(width, 2),
        height=round(max(bottom, *low) + MARGIN if max(low) > bottom else bottom, 2),
    )


def _below(words: Words, theme: Theme) -> list[Text]:
    """Caption, error and notes, a run each."""
    return [
        *_rows([words.caption], _CAPTION, theme.text),
        *_rows([_shortened(words.error or "")], legend.SIZE, theme.error, bold=True),
        *_rows([_shortened(_without_hint(note)) for note in words.notes], legend.SIZE, theme.muted),
    ]


def _rows(words: Sequence[str], size: float, color: str, *, bold: bool = False) -> list[Text]:
    return [text.run(each, size, color, bold=bold) for each in words if each]


def _width(scene: Scene, entries: Sequence[legend.Entry], rows: Sequence[Text], scale: Scale | None) -> float:
    """No wider than the scene but for an entry that is, and for sentences, up to where they read well."""
    needed = [legend.widest(entries) + 2 * MARGIN] if entries else []
    needed += [min(READABLE, 2 * MARGIN + _SLACK * row.width) for row in rows]
    needed += [] if scale is None else [scale.width + 2 * MARGIN]
    return max(scene.width, *needed, 0.0)


def _wrapped(rows: Sequence[Text], width: float) -> list[Text]:
    return [line for row in rows for line in text.wrap(row, (width - 2 * MARGIN) / _SLACK)]


def _without_hint(note: str) -> str:
    """The fact without the advice to whoever made the picture (`...; --depth 3 opens more`)."""
    return note.partition("; --")[0]


def _shortened(note: str) -> str:
    return text.elide(text.clean(note), _MAX_NOTE)
