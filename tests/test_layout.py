"""The layered layout: sound geometry on every scene, and the habits that make a picture read well."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from render.layout import ENGINES, place
from render.scene import Box, Direction, Edge, Point, Scene
from tests.geometry import problems, rect, samples
from tests.scenes import (
    SCENES,
    chain_pairs,
    group,
    long_chain,
    nested,
    operation,
    parallel,
    residual,
    rnn_cell,
    scene,
    tensor,
)

DIRECTIONS: tuple[Direction, ...] = ("LR", "TB")


def boxes(placed: Scene) -> dict[str, Box]:
    return {box.id: box for box in placed.boxes}


def edges(placed: Scene) -> dict[str, Edge]:
    return {edge.id: edge for edge in placed.edges}


def along(placed: Scene, point: Point) -> Point:
    """A point as (along the flow, across it)."""
    return point if placed.direction == "LR" else (point[1], point[0])


def middle(placed: Scene, name: str) -> Point:
    box = boxes(placed)[name]
    return along(placed, (box.x + box.width / 2, box.y + box.height / 2))


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", SCENES)
def test_geometry_is_sound(name: str, direction: Direction) -> None:
    assert problems(place(SCENES[name](direction))) == []


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", SCENES)
def test_only_places_change(name: str, direction: Direction) -> None:
    given_scene = SCENES[name](direction)
    placed = place(given_scene)
    assert unplaced(placed) == unplaced(given_scene)
    assert [(box.width, box.height) for box in placed.boxes if box.kind != "group"] == [
        (box.width, box.height) for box in given_scene.boxes if box.kind != "group"
    ]


def unplaced(placed: Scene) -> Scene:
    """The scene without what layout sets."""
    return replace(
        placed,
        width=0.0,
        height=0.0,
        boxes=tuple(replace(box, x=0.0, y=0.0, width=0.0, height=0.0, title=0.0) for box in placed.boxes),
        edges=tuple(replace(edge, path=(), label=None, label_at=(0.0, 0.0)) for edge in placed.edges),
    )


# The pictures that were drawn by hand.


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_rnn_cell_reads_as_in_the_sketch(direction: Direction) -> None:
    placed = place(rnn_cell(direction))
    at = {box.id: middle(placed, box.id) for box in placed.boxes}
    inputs = ("W_x", "x", "W_h", "prev_h")
    assert [each for _, each in sorted((at[name][1], name) for name in inputs)] == list(inputs), "operands in order"
    assert len({at[name][0] for name in inputs}) == 1, "inputs in one column"
    for one, other, joint in (("W_x", "t1", "mm1"), ("W_h", "t2", "mm2"), ("i2h", "h2h", "add")):
        assert at[joint][1] == pytest.approx(mean((at[one][1], at[other][1])), abs=1)
    assert len({at[name][1] for name in ("add", "next_h", "tanh", "next_h2", "sum", "loss")}) == 1, "a straight chain"


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_residual_block_is_symmetric_and_its_ends_lie_on_the_outer_chain(direction: Direction) -> None:
    placed = place(residual(direction))
    at = {box.id: middle(placed, box.id) for box in placed.boxes}
    assert len({at[name][1] for name in ("conv1", "bn1", "relu", "conv2", "bn2")}) == 1
    assert len({at[name][1] for name in ("images", "stem", "add", "head", "loss")}) == 1
    skip = next(edge for edge in placed.edges if (edge.tail, edge.head) == ("stem", "add"))
    across = [along(placed, point)[1] for point in samples(skip.path)]
    furthest = max(across, key=lambda each: abs(each - at["stem"][1]))
    assert at["stem"][1] == pytest.approx(mean((furthest, at["bn1"][1])), abs=1)


# Edges.


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", SCENES)
def test_operands_enter_in_the_order_of_the_code(name: str, direction: Direction) -> None:
    placed = place(SCENES[name](direction))
    for box in placed.boxes:
        entering = sorted((edge for edge in value_edges(placed) if edge.head == box.id), key=lambda edge: edge.order)
        heights = [along(placed, edge.path[-1])[1] for edge in entering]
        assert heights == sorted(heights)
        assert len(set(heights)) == len(heights)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", sorted(SCENES.keys() - {"cycle"}))
def test_values_leave_and_enter_along_the_flow(name: str, direction: Direction) -> None:
    placed = place(SCENES[name](direction))
    for edge in value_edges(placed):
        steps = [along(placed, point) for point in edge.path]
        assert steps[0][1] == steps[1][1], f"{edge.id} leaves at a slant"
        assert steps[-2][1] == steps[-1][1], f"{edge.id} enters at a slant"
        course = [along(placed, point)[0] for point in samples(edge.path)]
        assert all(one <= other + 0.02 for one, other in pairwise(course)), f"{edge.id} runs back"


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", ["rnn_cell", "nested", "many_ends"])
def test_gradients_run_back_beside_their_values(name: str, direction: Direction) -> None:
    placed = place(SCENES[name](direction))
    by_id = edges(placed)
    gradients = [edge for edge in placed.edges if edge.kind == "gradient"]
    assert gradients
    for gradient in gradients:
        value = by_id[gradient.twin or ""]
        forth, back = samples(value.path, 40), samples(gradient.path, 40)
        gaps = [min(distance(point, other) for other in forth) for point in back]
        assert min(gaps) > 4, f"{gradient.id} touches its value"
        assert max(gaps) < 16, f"{gradient.id} strays from its value"
        first, last = along(placed, value.path[0]), along(placed, gradient.path[-1])
        assert last[1] - first[1] == pytest.approx(9, abs=0.1), "the gradient ends below, or right of, the value"


def test_parallel_edges_are_distinct_lines() -> None:
    placed = place(parallel())
    for head in ("mul", "cat"):
        lines = [samples(edge.path, 40) for edge in value_edges(placed) if (edge.tail, edge.head) == ("x", head)]
        for one, other in combinations(lines, 2):
            assert min(distance(point, each) for point in one for each in other) > 3


def test_edges_of_one_source_share_a_line_and_its_label() -> None:
    pairs = [("x", name) for name in "abc"]
    readers = [operation(name) for name in "abc"]
    placed = place(scene([tensor("x"), *readers], pairs, labels=dict.fromkeys(pairs, "2×3")))
    first, *others = placed.edges
    assert first.label is not None
    assert [edge.label for edge in others] == [None, None]
    for edge in placed.edges:
        assert min(distance(first.label_at, point) for point in samples(edge.path, 40)) <= first.label.size


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_labels_stand_close_to_their_line(direction: Direction) -> None:
    placed = place(residual(direction))
    labelled = [edge for edge in placed.edges if edge.label is not None]
    assert len(labelled) == 3
    for edge in labelled:
        assert edge.label is not None
        reach = edge.label.size if direction == "LR" else edge.label.width / 2 + 4
        assert min(distance(edge.label_at, point) for point in samples(edge.path, 40)) <= reach


# Groups.


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_titles_are_kept_free(direction: Direction) -> None:
    given_scene, placed = nested(direction), place(nested(direction))
    title = {box.id: box for box in given_scene.boxes if box.kind == "group"}
    now = boxes(placed)
    for box in placed.boxes:
        if box.group is not None:
            assert box.y >= now[box.group].y + title[box.group].height
    for name, needs in title.items():
        assert now[name].width >= needs.width
        left = now[name].x + now[name].title
        assert left + needs.width <= now[name].x + now[name].width + 0.02
        margin = 12 - 5.5  # of the room for a title: lines keep some of it free
        strip = (left + margin, now[name].y + 1, left + needs.width - margin, now[name].y + needs.height)
        for edge in placed.edges:
            through = [(x, y) for x, y in samples(edge.path) if strip[0] < x < strip[2] and strip[1] < y < strip[3]]
            assert not through, f"{edge.id} runs through the title of {name}"


# Size and order.


def test_a_chain_of_5000_is_straight() -> None:
    placed = place(long_chain())
    assert len({box.y for box in placed.boxes}) == 1
    assert [box.x for box in placed.boxes] == sorted(box.x for box in placed.boxes)
    assert problems(placed) == []


def test_a_hub_with_thousands_of_readers_stays_linear() -> None:
    names = [f"n{each}" for each in range(2000)]
    pairs = [*chain_pairs(*names), *(("W", name) for name in names)]
    placed = place(scene([tensor("W"), *map(operation, names)], pairs))
    assert sum(len(edge.path) for edge in placed.edges) < 20 * len(placed.edges)


def test_deep_nesting_needs_no_recursion() -> None:
    groups = [group("g0"), *(group(f"g{each}", f"g{each - 1}") for each in range(1, 1200))]
    placed = place(scene([tensor("x"), *groups, operation("deep", "g1199")], [("x", "deep")]))
    now = boxes(placed)
    assert rect(now["g0"]).left < rect(now["g1199"]).left < rect(now["deep"]).left


def test_parts_are_packed_without_waste() -> None:
    placed = place(scene([tensor(f"t{each}") for each in range(24)], []))
    assert problems(placed) == []
    area = sum(box.width * box.height for box in placed.boxes)
    assert area > 0.4 * placed.width * placed.height
    assert 0.5 < placed.width / placed.height < 4


def test_the_same_scene_gets_the_same_layout_in_any_process() -> None:
    program = (
        "from render.layout import place; from tests.scenes import SCENES\n"
        "print([place(make(way)) for make in SCENES.values() for way in ('LR', 'TB')])"
    )
    root = Path(__file__).resolve().parents[1]
    printed = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1]


# Any scene at all.


def same(box: Box) -> Box:
    return box


def wide(box: Box) -> Box:
    return replace(box, width=300)


def high(box: Box) -> Box:
    return replace(box, height=120)


def stacked(box: Box) -> Box:
    return replace(box, stacked=True)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """A scene with groups in groups, mostly in the order of a program, now and then with a loop."""
    count = draw(st.integers(1, 24))
    groups: list[Box] = []
    for number in range(draw(st.integers(0, 5))):
        inside = draw(st.sampled_from([None, *(each.id for each in groups)]))
        groups.append(group(f"g{number}", inside))
    names = [f"b{number}" for number in range(count)]
    places: list[str | None] = [None, *(each.id for each in groups)]
    groups = [replace(each, stacked=draw(st.integers(0, 5)) == 0) for each in groups]
    inner = [draw(st.sampled_from([tensor, operation]))(name, draw(st.sampled_from(places))) for name in names]
    inner = [draw(st.sampled_from([same, same, wide, high, stacked]))(box) for box in inner]
    steps = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(1, 6)), max_size=2 * count))
    pairs = [(names[head - back], names[head]) for head, back in steps if head >= back]
    if draw(st.integers(0, 4)) == 0:
        pairs.append((names[-1], names[0]))
    distinct = list(dict.fromkeys(pairs))
    chosen = draw(st.lists(st.sampled_from(distinct), max_size=6)) if distinct else []
    labels = dict.fromkeys(draw(st.lists(st.sampled_from(distinct), max_size=6)) if distinct else [], "4×16×8")
    direction = draw(st.sampled_from(DIRECTIONS))
    drawn = scene([*groups, *inner], pairs, gradients=chosen, labels=labels, direction=direction)
    return replace(drawn, wrap=draw(st.booleans()))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(scenes())
def test_any_scene_is_placed_soundly(given_scene: Scene) -> None:
    placed = place(given_scene)
    assert problems(placed) == []
    assert place(given_scene) == placed


# What is wrong is said.


def test_an_unknown_engine_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"unknown layout engine: 'neato' \(must be one of layered, dot\)"):
        place(rnn_cell(), engine="neato")
    assert all(engine.help for engine in ENGINES.values())


def test_a_scene_that_refers_to_what_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="edge 'e0' ends at box 'nowhere', which is not there"):
        place(scene([tensor("x")], [("x", "nowhere")]))
    with pytest.raises(ValueError, match="box 'x' lies in group 'late', which does not stand before it"):
        place(scene([tensor("x", "late"), group("late")], []))


def value_edges(placed: Scene) -> Iterator[Edge]:
    return (edge for edge in placed.edges if edge.kind == "value")


def distance(one: Point, other: Point) -> float:
    return float(((one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2) ** 0.5)
