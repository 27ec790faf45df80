"""A hub is drawn once per use: which lines become tags, and what a tag says and is tied to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from render.layout import place
from render.layout.tags import RESULT_USES, SOURCE_USES, per_use
from render.scene import Box, Scene, Text
from tests.geometry import problems
from tests.scenes import Pair, chain_pairs, group, operation, scene, tensor

STEPS = 12
NAMES = [f"step{each}" for each in range(STEPS)]


def weight(name: str = "W") -> Box:
    return replace(tensor(name), lines=((Text(name, 17, "#1f2937", bold=True, subscript="h"),),), fill="#fdebd3")


def recurrent(readers: int = STEPS, *, gradients: bool = False) -> Scene:
    """Steps in a row, the first of which read one weight."""
    pairs: list[Pair] = [*chain_pairs(*NAMES), *(("W", name) for name in NAMES[:readers])]
    return scene([weight(), *map(operation, NAMES)], pairs, gradients=pairs if gradients else ())


def tags(found: Scene) -> list[Box]:
    return [box for box in found.boxes if box.kind == "tag"]


def test_a_weight_with_few_readers_keeps_its_lines() -> None:
    given = recurrent(SOURCE_USES)
    assert per_use(given) is given


def test_each_further_use_gets_a_tag_with_the_name_and_the_colours() -> None:
    found = per_use(recurrent())
    assert len(tags(found)) == STEPS - 1
    for tag in tags(found):
        (run,) = tag.lines[0]
        assert (run.text, run.subscript, run.bold, tag.fill) == ("W", "h", True, "#fdebd3")
        assert tag.width >= run.width
    tails = {edge.head: edge.tail for edge in found.edges if edge.head in NAMES and not edge.tail.startswith("step")}
    assert tails["step0"] == "W"
    assert all(tails[name].startswith("W_") for name in NAMES[1:])


def test_the_gradient_of_a_use_goes_to_its_tag() -> None:
    found = per_use(recurrent(gradients=True))
    values = {edge.id: edge for edge in found.edges if edge.kind == "value"}
    gradients = [edge for edge in found.edges if edge.kind == "gradient"]
    assert len(gradients) == len(values)
    for edge in gradients:
        assert (edge.head, edge.tail) == (values[edge.twin or ""].tail, values[edge.twin or ""].head)


def test_siblings_share_the_lines_of_what_they_read() -> None:
    readers = [f"reader{each}" for each in range(20)]
    given = scene([weight(), *map(operation, readers)], [("W", name) for name in readers])
    assert tags(per_use(given)) == []


def test_what_was_computed_keeps_its_lines_for_longer_and_is_named_by_them() -> None:
    def mask(readers: int) -> Scene:
        pairs = [("triu", name) for name in NAMES[1 : readers + 1]]
        labels = dict.fromkeys(pairs, "mask · 6×6")
        return scene(
            [tensor("ones"), operation("triu"), *map(operation, NAMES)],
            [("ones", "triu"), *chain_pairs(*NAMES), *pairs],
            labels=labels,
        )

    assert tags(per_use(mask(RESULT_USES))) == []
    found = tags(per_use(mask(RESULT_USES + 2)))
    assert [tag.lines[0][0].text for tag in found] == ["mask"] * (RESULT_USES + 1)


def test_a_tag_lies_with_its_reader() -> None:
    groups = [group(f"g{each}") for each in range(STEPS)]
    inner = [operation(name, f"g{each}") for each, name in enumerate(NAMES)]
    given = scene([weight(), *groups, *inner], [*chain_pairs(*NAMES), *(("W", name) for name in NAMES)])
    assert [tag.group for tag in tags(per_use(given))] == [f"g{each}" for each in range(1, STEPS)]


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_it_is_placed_soundly_and_the_run_stays_a_straight_line(direction: str) -> None:
    placed = place(replace(recurrent(gradients=True), direction=direction))  # type: ignore[arg-type]
    assert problems(placed) == []
    middles = [
        box.y + box.height / 2 if direction == "LR" else box.x + box.width / 2
        for box in placed.boxes
        if box.kind == "operation" and box.id not in NAMES[:2]  # where the run begins, its operands stand beside
    ]
    assert max(middles) - min(middles) < 0.1


def test_rows_of_a_tensor_are_taken_beside_their_readers() -> None:
    # x[0], x[1], ... are all taken from x: as one row of boxes at the start, their lines would grow with the square.
    rows = [f"row{each}" for each in range(STEPS)]
    pairs = [*chain_pairs(*NAMES), *(("W", row) for row in rows), *zip(rows, NAMES, strict=True)]
    placed = place(scene([weight(), *map(operation, (*NAMES, *rows))], pairs))
    assert problems(placed) == []
    at = {box.id: box for box in placed.boxes}
    for row, name in zip(rows[1:], NAMES[1:], strict=True):
        assert 0 < at[name].x - at[row].x < 150
