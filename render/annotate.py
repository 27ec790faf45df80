"""Adds to a placed scene what stands under the picture: the legend of its arrows and the notes a reader should know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from render import text
from render.scene import Edge, Label, Scene, Text
from render.theme import Theme

SIZE: Final = 13.0
_MARGIN: Final = 16.0  # as layout leaves it
_LINE: Final = 19.0
_GAP: Final = 20.0  # between the picture and the base line of what stands below, less the margin
_SAMPLE: Final = 34.0  # length of a sample arrow
_MAX_NOTE: Final = 400  # characters of one note


def annotate(scene: Scene, theme: Theme, notes: Sequence[str] = (), error: str | None = None) -> Scene:
    """`scene` with its legend and notes below, and as much higher (and wider) as they need.

    Args:
        scene: As layout placed it, with a margin around everything.
        theme: Gives the colours.
        notes: Sentences; each starts a line of its own.
        error: What failed and why, where something did.
    """
    labels, samples, right = _legend(scene, theme, scene.height + _GAP)
    width = max(scene.width, right + _MARGIN)
    y = scene.height + _GAP + (_LINE + 4 if labels else 0)
    rows = [text.run(_shortened(_without_hint(note)), SIZE, theme.muted) for note in notes]
    if error:
        rows.insert(0, text.run(_shortened(error), SIZE, theme.error, bold=True))
    if rows:
        width = max(width, min(520.0, 2 * _MARGIN + 1.05 * max(row.width for row in rows)))
    for row in rows:
        for line in text.wrap(row, (width - 2 * _MARGIN) / 1.05):
            labels.append(Label((line,), x=_MARGIN, y=y))
            y += _LINE
    if not labels:
        return scene
    bottom = max(label.y for label in labels) + _MARGIN
    return replace(
        scene,
        labels=scene.labels + tuple(labels),
        samples=scene.samples + tuple(samples),
        width=round(width, 2),
        height=round(bottom, 2),
    )


def _without_hint(note: str) -> str:
    """The fact without the advice to whoever made the picture (`...; --depth 3 opens more`)."""
    return note.partition("; --")[0]


def _shortened(note: str) -> str:
    return text.elide(text.clean(note), _MAX_NOTE)


def _legend(scene: Scene, theme: Theme, y: float) -> tuple[list[Label], list[Edge], float]:
    """Words and sample arrows of what the scene uses, and how far to the right they reach."""
    labels: list[Label] = []
    samples: list[Edge] = []
    x = _MARGIN
    for edge, words, color in _arrows(scene, theme):
        ends = (x + _SAMPLE, x) if edge.kind == "gradient" or edge.against else (x, x + _SAMPLE)
        samples.append(replace(edge, id=f"legend{len(samples)}", tail="", head="", twin=None, label=None, tooltip=""))
        samples[-1] = replace(samples[-1], path=_straight(ends[0], ends[1], y - 4.5))
        labels.append(_label(words, color, x + _SAMPLE + 7, y))
        x += _SAMPLE + 7 + labels[-1].runs[0].width + 26
    if any(run.text.startswith("|grad|") for run in _runs(scene)):
        labels.append(_label("|grad| norm of the gradient", theme.muted, x, y))
        x += labels[-1].runs[0].width + 26
    return labels, samples, x - 26 if labels else 0.0


def _arrows(scene: Scene, theme: Theme) -> list[tuple[Edge, str, str]]:
    """One edge of each kind in use, what it means, and the colour of the words."""
    plain = next((edge for edge in scene.edges if edge.kind == "value" and not edge.dashed), None)
    gradient = next((edge for edge in scene.edges if edge.kind == "gradient"), None)
    backward = next((edge for edge in scene.edges if edge.kind == "value" and edge.dashed), None)
    found = [(plain, "value", theme.text), (gradient, "gradient", theme.gradient_text)]
    words = "gradient" if backward is not None and backward.against else "value in backward"
    found += [(backward, words, theme.gradient_text)]
    return [(edge, words, color) for edge, words, color in found if edge is not None]


def _runs(scene: Scene) -> list[Text]:
    return [run for box in scene.boxes for line in box.lines for run in line]


def _label(words: str, color: str, x: float, y: float) -> Label:
    return Label((text.run(words, SIZE, color),), x=round(x, 2), y=round(y, 2))


def _straight(start: float, end: float, y: float) -> tuple[tuple[float, float], ...]:
    third = (end - start) / 3
    return ((start, y), (start + third, y), (end - third, y), (end, y))
