"""The checker of geometry can fail: a small sound scene, spoilt in every way that it must find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from render.scene import Box, Edge, Label, Scene, Text
from tests.geometry import problems

WORDS = Text("4×16", 12, "#6b7280", width=30)


def operation(name: str, x: float, y: float, group: str | None = None) -> Box:
    return Box(name, "operation", ((replace(WORDS, text=name),),), "pill", width=60, height=40, group=group, x=x, y=y)


def straight(name: str, tail: str, head: str, *points: tuple[float, float]) -> Edge:
    """A line through points, each piece of it straight."""
    path = [points[0]]
    for (x, y), (to_x, to_y) in pairwise(points):
        step = ((to_x - x) / 3, (to_y - y) / 3)
        path += [(x + step[0], y + step[1]), (to_x - step[0], to_y - step[1]), (to_x, to_y)]
    return Edge(name, tail, head, path=tuple(path))


def sound() -> Scene:
    """Two operations in a group and a third behind it, in a row; a label on the last line, and a caption."""
    title = ((Text("block", 14.5, "#1f2937", bold=True, width=40),),)
    return Scene(
        boxes=(
            Box("g", "group", title, "rounded", width=240, height=100, x=20, y=20),
            operation("a", 40, 60, "g"),
            operation("b", 160, 60, "g"),
            operation("c", 340, 60),
        ),
        edges=(
            straight("ab", "a", "b", (100, 80), (160, 80)),
            replace(straight("bc", "b", "c", (220, 80), (340, 80)), label=WORDS, label_at=(300, 70)),
        ),
        labels=(Label((replace(WORDS, text="caption", width=50),), 20, 150),),
        width=420,
        height=170,
    )


def box(name: str, **changes: Any) -> Callable[[Scene], Scene]:
    return lambda scene: replace(
        scene, boxes=tuple(replace(each, **changes) if each.id == name else each for each in scene.boxes)
    )


def edge(name: str, **changes: Any) -> Callable[[Scene], Scene]:
    return lambda scene: replace(
        scene, edges=tuple(replace(each, **changes) if each.id == name else each for each in scene.edges)
    )


def way(name: str, *points: tuple[float, float]) -> Callable[[Scene], Scene]:
    return edge(name, path=straight("", "", "", *points).path)


def more(*items: Box | Edge | Label) -> Callable[[Scene], Scene]:
    return lambda scene: replace(
        scene,
        boxes=(*scene.boxes, *(each for each in items if isinstance(each, Box))),
        edges=(*scene.edges, *(each for each in items if isinstance(each, Edge))),
        labels=(*scene.labels, *(each for each in items if isinstance(each, Label))),
    )


LONG = ((replace(WORDS, text="words", width=70),),)
HIGH = ((WORDS,), (WORDS,), (WORDS,))
LABELLED = replace(straight("d", "a", "b", (100, 76), (160, 76)), label=WORDS)
BAD: dict[str, tuple[Callable[[Scene], Scene], str]] = {
    # two boxes overlapping
    "two boxes overlap": (box("b", x=90), "boxes a and b overlap"),
    "a box upon a foreign group": (box("c", x=250), "boxes c and g overlap"),
    "a box sticks out of its group": (box("b", x=210), "box b sticks out of its group g"),
    "a box upon the title of its group": (box("a", y=30), "box a lies on the title of g"),
    # an edge through a box that it does not belong to
    "a line through a box": (more(straight("ac", "a", "c", (100, 80), (340, 80))), "edge ac runs through box b"),
    "a line through a small box, far from its ends": (
        more(Box("dot", "tag", width=4, height=4, x=280, y=78)),
        "edge bc runs through box dot",
    ),
    "a line through a foreign group": (
        more(operation("d", 340, 110), straight("cd", "c", "d", (340, 80), (200, 110), (340, 130))),
        "edge cd runs through box g",
    ),
    "a line through a title": (way("ab", (100, 80), (50, 35), (160, 80)), "edge ab runs through the title of g"),
    # a label over a label, a line or a box
    "a label upon a label": (more(replace(LABELLED, label_at=(300, 72))), "the labels of edges bc and d overlap"),
    "a label upon its own line": (edge("bc", label_at=(300, 80)), "edge bc runs through the label of bc"),
    "a label upon another line": (more(replace(LABELLED, label_at=(300, 85))), "edge bc runs through the label of d"),
    "a label upon a box": (edge("bc", label_at=(370, 70)), "the label of edge bc overlaps box c"),
    "a label upon the border of a group": (edge("bc", label_at=(262, 70)), "the label of edge bc lies on the border"),
    "a label upon a title": (edge("bc", label_at=(50, 35)), "the label of edge bc overlaps the title of g"),
    "a caption upon a box": (more(Label((WORDS,), 350, 80)), "the words '4×16' overlap box c"),
    "a caption upon a line": (more(Label((WORDS,), 280, 85)), "edge bc runs through the words '4×16'"),
    "two lines of the legend upon each other": (more(Label((WORDS,), 40, 152)), "the words 'caption' and '4×16'"),
    # text wider than its box
    "text wider than its box": (box("a", lines=LONG), "the text 'words' is wider than box a"),
    "a title wider than its group": (box("g", title=200.0), "the text 'block' is wider than box g"),
    "text higher than its box": (box("a", lines=HIGH), "the text of box a is higher than the box"),
    # an arrow head hidden
    "too short for an arrow head": (way("ab", (154, 80), (160, 80)), "edge ab is too short for its arrow head"),
    "a head that comes from inside its box": (
        way("ab", (100, 80), (180, 80), (160, 80)),
        "the arrow head of edge ab is hidden by box b",
    ),
    "a head under another box": (
        more(Box("dot", "tag", width=8, height=8, x=329, y=76)),
        "the arrow head of edge bc is hidden by box dot",
    ),
    "a head under a label": (
        edge("bc", label_at=(322, 74)),
        "the arrow head of edge bc is hidden by the label of edge bc",
    ),
    # and what goes without saying
    "a line that ends in the air": (way("ab", (100, 80), (150, 80)), "which is not on the border of b"),
    "a line without a path": (edge("ab", path=()), "edge ab has a path of 0 points"),
    "a box outside the picture": (lambda scene: replace(scene, width=390), "box c lies outside the picture"),
    "a line outside the picture": (way("ab", (100, 80), (130, -9), (160, 80)), "edge ab lies outside the picture"),
    "words outside the picture": (more(Label((WORDS,), 400, 150)), "the words '4×16' lie outside the picture"),
}


def test_a_sound_scene_has_no_problems() -> None:
    assert problems(sound()) == []


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_found(name: str) -> None:
    spoil, said = BAD[name]
    assert said in "; ".join(problems(spoil(sound())))
