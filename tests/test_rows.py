"""Pictures broken into rows: as sound as before, with every box and every arrow."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest

from render.layout import place
from render.layout.rows import rows
from render.options import DIRECTIONS
from render.scene import Direction, Scene
from tests import scenes
from tests.geometry import problems

BROKEN = {
    "rnn_cell": scenes.rnn_cell, "residual": scenes.residual, "nested": scenes.nested, "many_ends": scenes.many_ends,
    "parallel": scenes.parallel, "apart": scenes.apart, "cycle": scenes.cycle,
    "chain": lambda: scenes.long_chain(length=40),
}  # fmt: skip


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", BROKEN)
def test_rows_are_as_sound_as_what_was_broken(name: str, direction: Direction, count: int) -> None:
    before = place(replace(BROKEN[name](), direction=direction))
    after = next(islice(rows(before), count - 2, None), None)
    if after is None:
        assert name not in ("rnn_cell", "residual", "chain")
        return
    assert problems(after) == []
    assert plain(after) == plain(before)
    assert empty(after) <= empty(before)  # nothing is left of a group alone
    assert [(edge.id, edge.tail, edge.head) for edge in after.edges] == [
        (edge.id, edge.tail, edge.head) for edge in before.edges
    ]


def empty(scene: Scene) -> set[str]:
    """Groups of which a part holds nothing."""
    groups = {box.id for box in scene.boxes if box.kind == "group"} - {str(box.group) for box in scene.boxes}
    return {name.partition("_row")[0] for name in groups}


def plain(scene: Scene) -> dict[str, tuple[float, float]]:
    return {box.id: (box.width, box.height) for box in scene.boxes if box.kind != "group"}


def test_rows_are_about_equally_long() -> None:
    before = place(scenes.long_chain(length=40))
    _, _, after, *_ = rows(before)
    assert after.width < before.width / 3
    assert after.height > 4 * max(box.height for box in before.boxes)


def test_a_group_that_is_cut_has_a_box_in_each_row_and_one_title() -> None:
    after = next(rows(place(scenes.residual())))
    parts = [box for box in after.boxes if box.id.startswith("block")]
    assert [box.id for box in parts] == ["block", "block_row2"]
    assert [len(box.lines) for box in parts] == [1, 0]


def test_what_runs_downwards_is_broken_into_columns() -> None:
    before = place(scenes.long_chain(length=40, direction="TB"))
    _, _, after, *_ = rows(before)
    assert after.height < before.height / 3
    assert after.width > 4 * max(box.width for box in before.boxes)


def test_what_cannot_be_cut_stays() -> None:
    assert list(rows(place(scenes.empty()))) == []
    assert 3 < len(list(rows(place(scenes.rnn_cell())))) < 12
