"""Turns of a loop along time stand side by side, and their states run straight from one to the next."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from render import draw
from render.layout.tags import per_column
from render.scene import Box, Scene
from tests.geometry import problems, samples
from tests.graphs import Sketch
from tracer.graph import Graph


def lstm(length: int, *, collects: bool = False) -> Graph:
    """Two states, `c` and `h`, through operations of the shape of an LSTM; the results of all turns may be read."""
    s = Sketch()
    x, h, c = s.value("x", (9, 3), kind="input"), s.value("h", (3,), kind="input"), s.value("c", (3,), kind="input")
    outs = []
    for _ in range(length):
        row, gates, forget, kept = (s.value(None, (3,)) for _ in range(4))
        s.call("[t]", [x], [row], line=3)
        s.call("cell", [row, h], [gates], line=4)
        s.call("sigmoid", [gates], [forget], line=5)
        s.call("*", [forget, c], [kept], line=5)
        c, squashed, h = s.value("c", (3,)), s.value(None, (3,)), s.value("h", (3,))
        s.call("+", [kept, gates], [c], line=6)
        s.call("tanh", [c], [squashed], line=7)
        s.call("*", [squashed, gates], [h], line=7)
        outs.append(h)
    end = s.value("out", (3,))
    s.call("stack" if collects else "sum", outs if collects else [h], [end], line=8)
    return s.graph("lstm", outputs=(end,))


def columns(scene: Scene) -> list[Box]:
    return sorted((box for box in scene.boxes if box.column is not None), key=lambda box: box.x)


@pytest.mark.parametrize("collects", [False, True], ids=["state", "collects"])
@pytest.mark.parametrize("steps", [3, 9])
def test_columns_stand_side_by_side(steps: int, collects: bool) -> None:
    scene = draw(lstm(6, collects=collects), view=[("time", {"steps": steps})], style="operations").scene
    found = columns(scene)
    assert problems(scene) == []
    assert len({box.y for box in found}) == len({box.height for box in found}) == 1
    assert [box.column for box in found] == ([0, 1, 2, 5] if steps == 3 else [*range(6)])


def test_states_run_straight_between_columns() -> None:
    scene = draw(lstm(5), view="time", style="operations").scene
    column = {box.id: box.column for box in scene.boxes}
    inside = {box.id: column.get(box.group or "") for box in scene.boxes}
    borders = {box.column: (box.x, box.x + box.width) for box in columns(scene)}
    states = 0
    for edge in scene.edges:
        tail, head = inside[edge.tail], inside[edge.head]
        if tail is not None and head is not None and tail != head:
            between = [y for x, y in samples(edge.path) if borders[tail][1] <= x <= borders[head][0]]
            assert max(between) - min(between) < 1
            states += 1
    assert states == 8


def test_what_turns_read_from_outside_has_a_tag_in_each() -> None:
    scene = draw(lstm(4), view="time", style="operations").composed
    assert per_column(scene) == scene
    tags = [box for box in scene.boxes if box.kind == "tag"]
    assert [box.lines[0][0].text for box in tags] == ["x"] * 4
    assert not any(edge.tail == "v0" for edge in scene.edges)


def test_words_beside_arrows_are_said_in_the_first_turn() -> None:
    scene = draw(lstm(4), view="time", style="operations").composed
    said = [edge.label.text for edge in scene.edges if edge.label is not None]
    assert len(said) == len(set(said))
    assert "h · 3" in said


@settings(max_examples=12, deadline=None)
@given(st.integers(2, 7), st.integers(2, 7), st.booleans(), st.sampled_from(["LR", "TB"]))
def test_columns_are_sound_however_many(length: int, steps: int, collects: bool, direction: str) -> None:
    scene = draw(lstm(length, collects=collects), view=f"time:steps={steps}", direction=direction).scene
    assert problems(scene) == []


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_states_with_boxes_of_their_own_stand_in_one_line(direction: str) -> None:
    s = Sketch()
    h, x = s.value("h", (3,), kind="input"), s.value("x", (3,), kind="input")
    for _ in range(4):
        i2h, h2h, total = s.value("i2h", (3,)), s.value("h2h", (3,)), s.value(None, (3,))
        s.call("linear", [x], [i2h], line=3)
        s.call("linear", [h], [h2h], line=4)
        s.call("+", [i2h, h2h], [total], line=5)
        h = s.value("h", (3,))
        s.call("tanh", [total], [h], line=5)
    end = s.value("out", (3,))
    s.call("sum", [h], [end], line=6)
    scene = draw(s.graph("rnn", outputs=(end,)), view="time", style="data", direction=direction).scene
    assert problems(scene) == []
    ends = {edge.head for edge in scene.edges}
    states = [box for box in scene.boxes if box.id in ends and box.lines and box.lines[0][0].text == "h"]
    between = {box.y if direction == "LR" else box.x for box in states[:3]}
    assert len(states) == 4
    assert len(between) == 1
