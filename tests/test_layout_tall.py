"""What runs beside a long group is drawn beside it, and whole parts of a level move to where they are needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from render.layout import place
from render.layout.ranks import rank
from render.layout.sheet import Sheet
from render.layout.tall import closed_up, is_cut
from render.scene import Box, Scene
from tests.geometry import problems
from tests.scenes import chain_pairs, group, operation, scene, tensor

LAYERS = [f"layer{each}" for each in range(6)]
BESIDE = [f"beside{each}" for each in range(4)]


def towers(*, direction: str = "LR", to: str = "end") -> Scene:
    """A chain in a group and one beside it, out of one input."""
    boxes = [tensor("x"), group("g"), *(operation(name, "g") for name in LAYERS), *map(operation, (*BESIDE, "end"))]
    pairs = [("x", LAYERS[0]), *chain_pairs(*LAYERS, "end"), ("x", BESIDE[0]), *chain_pairs(*BESIDE, to)]
    return replace(scene(boxes, pairs), direction=direction)  # type: ignore[arg-type]


def span(box: Box, direction: str) -> tuple[float, float]:
    return (box.x, box.x + box.width) if direction == "LR" else (box.y, box.y + box.height)


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_a_chain_beside_a_long_group_is_drawn_beside_it(direction: str) -> None:
    placed = place(towers(direction=direction))
    assert problems(placed) == []
    spans = {box.id: span(box, direction) for box in placed.boxes}
    assert spans[BESIDE[0]][0] >= spans["g"][0] - 20
    assert spans[BESIDE[-1]][1] <= spans["g"][1] + 20


def test_what_is_needed_behind_a_group_stands_at_its_end() -> None:
    boxes = [tensor("x"), group("g"), *(operation(name, "g") for name in LAYERS), tensor("y"), operation("f")]
    given = scene(
        [*boxes, operation("end")], [("x", LAYERS[0]), *chain_pairs(*LAYERS, "end"), ("y", "f"), ("f", "end")]
    )
    at = {box.id: box for box in place(given).boxes}
    assert at["f"].x - at["y"].x - at["y"].width < 80
    assert at["f"].x > at["g"].x + at["g"].width / 2


def test_a_group_alone_fills_one_rank() -> None:
    assert closed_up([0, 1, 9], [1, 8, 1]) == ([0, 1, 2], [0, 1, 2])


def test_a_group_fills_the_ranks_of_what_stands_beside_it() -> None:
    assert closed_up([0, 1, 2, 5, 9], [1, 8, 1, 1, 1]) == ([0, 1, 2, 3, 4], [0, 3, 2, 3, 4])


@pytest.mark.parametrize(("below", "cut"), [([2, 3], True), ([3, 2], False)])
def test_a_line_through_a_group_is_found(below: list[int], cut: bool) -> None:  # 0 and 2 are one group, 1 leads to 3
    sheet = Sheet([], [0] * 4, [0, 0, 1, 1], [0.0] * 4, [0.0] * 4, [0.0] * 4, [False] * 4, [True] * 4, [], [])
    sheet.up, sheet.down = [[] for _ in range(4)], [[] for _ in range(4)]
    sheet.link(0, 2)
    sheet.link(1, 3)
    sheet.layers, sheet.tall = [[1, 0], below], {0: [0, 2]}
    assert is_cut(sheet) is cut


def test_a_part_moves_as_a_whole_to_where_more_of_its_lines_lead() -> None:
    # 0 to 5 are a chain; 6 feeds 7, whose two results are read at the end of it
    chain = {(each, each + 1): 1 for each in range(5)}
    ranks = rank(8, {**chain, (6, 7): 1, (7, 5): 2}, late=True)
    assert ranks == [0, 1, 2, 3, 4, 5, 3, 4]
    ranks = rank(9, {**chain, (6, 7): 1, (7, 8): 1, (6, 8): 1, (8, 5): 1, (7, 5): 1}, late=True)
    assert ranks[6:] == [2, 3, 4]


def test_an_edge_leads_behind_all_ranks_of_its_tail() -> None:
    assert rank(3, {(0, 1): 1, (1, 2): 1}, span=[1, 4, 1]) == [0, 1, 5]
