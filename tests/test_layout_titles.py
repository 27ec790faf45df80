"""Titles of groups in two rows: where that makes the picture smaller, and never under a line."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from render import painting, text
from render.layout import place
from render.layout.titles import ROW, in_two_rows
from render.scene import Box, Direction, Scene
from tests.geometry import problems
from tests.scenes import chain_pairs, group, operation, scene


def titled(name: str, *runs: str, inside: str | None = None) -> Box:
    """A group with a title of a bold run and others, as wide as that needs."""
    row = tuple(text.run(words, 14.5, "#1f2937", bold=not at) for at, words in enumerate(runs))
    return replace(group(name, inside), lines=(row,), width=round(1.08 * text.line_width(row) + 24, 2))


def chain(direction: Direction, *titles: Box, width: float = 62) -> Scene:
    """A line of boxes through groups that lie in each other."""
    inside = titles[-1].id
    boxes = [operation("a"), *titles, *(operation(name, inside, width=width) for name in "bcde"), operation("f")]
    return scene(boxes, chain_pairs(*"abcdef"), direction=direction)


def rows(box: Box | None) -> list[str]:
    assert box is not None
    return [text.plain(line) for line in box.lines]


def test_a_title_breaks_where_it_becomes_narrowest() -> None:
    attention = titled("g", "self_attn", " MultiheadAttention · 288 params")
    assert rows(in_two_rows(attention)) == ["self_attn MultiheadAttention", "288 params"]
    assert rows(in_two_rows(titled("g", "layers.0 of the encoder", " Linear · 8"))) == [
        "layers.0 of the encoder",
        "Linear · 8",
    ]


@pytest.mark.parametrize("words", [("Dropout",), (" · ",), ("two words",)])
def test_words_are_not_broken(words: tuple[str, ...]) -> None:
    assert in_two_rows(titled("g", *words)) is None


def test_a_narrow_group_has_its_title_in_two_rows_above_its_content() -> None:
    given_scene = chain("TB", titled("g", "self_attn", " MultiheadAttention · 288 params"))
    placed = place(given_scene)
    box = next(each for each in placed.boxes if each.id == "g")
    assert len(box.lines) == 2
    assert box.width < given_scene.boxes[1].width + 40
    assert [line.y - box.y for line in painting.lines(box)] == [20, 20 + ROW]
    assert min(each.y for each in placed.boxes if each.group == "g") > box.y + 28 + ROW
    assert not list(problems(placed))


def test_a_wide_group_keeps_its_title_in_one_row() -> None:
    placed = place(chain("TB", titled("g", "mlp", " Linear · 8 params"), width=500))
    assert [len(box.lines) for box in placed.boxes if box.id == "g"] == [1]


def test_columns_keep_their_tops_in_one_line() -> None:
    column = replace(titled("g", "self_attn", " MultiheadAttention · 288 params"), column=0)
    assert [len(box.lines) for box in place(chain("TB", column)).boxes if box.id == "g"] == [1]


def test_a_line_through_the_second_row_is_found() -> None:
    placed = place(chain("TB", titled("g", "self_attn", " MultiheadAttention · 288 params")))
    box = next(each for each in placed.boxes if each.id == "g")
    x, y = box.x + box.title + 20, box.y + 20 + ROW
    edge = replace(placed.edges[0], path=((x - 9, y), (x, y), (x, y), (x + 9, y)))
    assert any("through the title of g" in each for each in problems(replace(placed, edges=(edge,))))


WORDS = st.text("abc xyz·.", min_size=1, max_size=24)


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=3), st.sampled_from(("LR", "TB")))
def test_whatever_titles_say_nothing_touches_them(names: list[tuple[str, str]], direction: Direction) -> None:
    titles = [
        titled(f"g{at}", name, f" {kind} · {at} params", inside=f"g{at - 1}" if at else None)
        for at, (name, kind) in enumerate(names)
    ]
    placed = place(chain(direction, *titles))
    assert not list(problems(placed))
