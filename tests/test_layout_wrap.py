"""What is long and narrow is broken into columns: soundly, in order, with the lines between them beside each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings

import render
from render.layout import place, wrap
from render.scene import Box, Direction, Scene
from tests.geometry import problems
from tests.graphs import chain
from tests.scenes import SCENES, chain_pairs, group, operation, residual, scene
from tests.test_layout import scenes

DIRECTIONS: tuple[Direction, ...] = ("LR", "TB")


@pytest.fixture(scope="module")
def _short() -> Iterator[None]:
    """Breaks scenes of a few boxes already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wrap, "LONG", 150.0)
        yield


def long_chain(count: int, direction: Direction = "TB", *, gradients: bool = False) -> Scene:
    names = [f"op{number}" for number in range(count)]
    pairs = chain_pairs(*names)
    boxes = [group("all"), *(operation(name, "all") for name in names)]
    made = scene(boxes, pairs, gradients=pairs if gradients else (), direction=direction)
    return replace(made, wrap=True)


def columns(placed: Scene) -> list[list[Box]]:
    """The operations of a picture by the column they stand in, in their order."""
    found: list[list[Box]] = [[]]
    for before, box in pairwise([None, *(box for box in placed.boxes if box.kind == "operation")]):
        assert box is not None
        if before is not None and box.y < before.y:
            found.append([])
        found[-1].append(box)
    return found


def test_a_tall_chain_becomes_even_columns_in_the_order_of_the_code() -> None:
    plain, broken = place(replace(long_chain(40), wrap=False)), place(long_chain(40))
    assert problems(broken) == []
    assert plain.height > 8 * plain.width
    assert 0.5 < broken.height / broken.width < 1.5
    found = columns(broken)
    assert len(found) > 2
    assert max(map(len, found)) - min(map(len, found)) <= 1
    for column, following in pairwise(found):
        assert max(box.x + box.width for box in column) < min(box.x for box in following)


def test_a_wide_chain_becomes_rows() -> None:
    broken = place(long_chain(40, "LR"))
    assert problems(broken) == []
    assert broken.width < place(replace(long_chain(40, "LR"), wrap=False)).width / 2


def test_a_picture_that_fills_a_page_stays_whole() -> None:
    for name, make in SCENES.items():
        plain = make("TB")
        if place(plain).height < wrap.LONG:
            assert place(replace(plain, wrap=True)) == replace(place(plain), wrap=True), name


def test_a_loop_is_not_broken() -> None:
    names = [f"op{number}" for number in range(40)]
    looped = scene([operation(name) for name in names], [*chain_pairs(*names), ("op39", "op0")], direction="TB")
    assert len(columns(place(replace(looped, wrap=True)))) == 1


def test_a_gradient_stays_beside_its_value_where_they_turn() -> None:
    placed = place(long_chain(40, gradients=True))
    assert problems(placed) == []
    paths = {edge.id: edge.path for edge in placed.edges}
    for edge in placed.edges:
        if edge.twin is not None:
            value, gradient = paths[edge.twin], edge.path[::-1]
            assert len(value) == len(gradient)
            assert all(5 < _distance(one, other) < 25 for one, other in zip(value[::3], gradient[::3], strict=True))


def _distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    return float(((one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2) ** 0.5)


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_label_goes_with_its_line_over_a_break(direction: Direction) -> None:
    placed = place(replace(residual(direction), wrap=True))
    assert problems(placed) == []
    assert [edge.label.text for edge in placed.edges if edge.label is not None].count("4×16×32×32") == 2


@pytest.mark.usefixtures("_short")
@settings(max_examples=100, deadline=None, derandomize=True)
@given(scenes())
def test_any_scene_is_broken_soundly(given_scene: Scene) -> None:
    placed = place(replace(given_scene, wrap=True))
    assert problems(placed) == []


def test_pictures_from_top_to_bottom_are_broken_and_others_are_not() -> None:
    drawn = render.picture(chain(40), level="function", style="operations")
    assert len(columns(drawn)) > 1
    assert not render.picture(chain(40), level="function", direction="LR").wrap
    assert not render.picture(chain(1_000), level="function").wrap
