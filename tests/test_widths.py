"""Arrows as wide as what they carry."""

from __future__ import annotations

from render import draw, text
from render.widths import USUAL, Widths
from tests.geometry import problems
from tests.graphs import Sketch, rnn_cell
from tracer.graph import Graph


def shrinking() -> Graph:
    s = Sketch()
    value = s.value("x", (1000,), kind="input", nbytes=4000)
    for name, size in (("half", 2000), ("less", 400), ("end", 4)):
        made = s.value(name, (size // 4,), nbytes=size)
        s.call("f", [value], [made])
        value = made
    s.call("g", [value], [s.value("out", (1,), nbytes=4)])
    return s.graph(outputs=(4,))


def test_a_larger_tensor_has_a_wider_arrow() -> None:
    scene = draw(shrinking(), show="sizes", style="data").scene
    widths = [edge.width for edge in scene.edges if edge.head.startswith("n")]
    assert widths == sorted(widths, reverse=True)
    assert len(set(widths)) == 4
    assert widths[0] > 2 * widths[-1]
    assert problems(scene) == []


def test_boxes_and_legend_tell_the_bytes() -> None:
    scene = draw(shrinking(), show="sizes", style="data").scene
    assert "1,000 · 4 kB" in [text.plain(line) for box in scene.boxes for line in box.lines]
    assert {"4 B", "4 kB"} <= {text.plain(label.runs) for label in scene.labels}
    assert {USUAL, 2.8} <= {edge.width for edge in scene.samples}


def test_without_it_all_are_as_wide_and_the_legend_has_no_word_of_it() -> None:
    for options in ({}, {"show": "sizes"}):  # the sketch of the cell knows no bytes
        scene = draw(rnn_cell(), **options).scene
        assert {edge.width for edge in scene.edges if edge.kind == "value"} == {USUAL}
        assert not [label for label in scene.labels if " B" in text.plain(label.runs)]
    assert Widths().width(7) == USUAL
