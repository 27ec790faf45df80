"""Slides: where things stand on the page, which lines are seen and marked, and words large enough to be read."""

from __future__ import annotations

from pathlib import Path

import pytest

import render
from render import code, text
from render import deck as decks
from render.deck import Deck, Slide
from render.listing import Listing
from render.slide import HEIGHT, SLIDES, WIDTH
from render.steps import Telling
from render.theme import theme, themes
from tests.graphs import GRAPHS, rnn_cell
from tests.programs import run
from tracer.graph import Graph

LONG = "\n".join(
    ["import torch", *(f"# {n}" for n in range(40)), "x = torch.ones(2)", *("" for _ in range(30)), "y = x * 2"]
)


def deck(graph: Graph, **options: object) -> Deck:
    return decks.told(render.draw(graph, **options))


def words(slide: Slide, block: str) -> list[str]:
    found = next((each for each in slide.blocks if each.id == block), None)
    return [] if found is None else [text.plain(line) for line in found.lines]


def marked(slide: Slide, panel: str) -> list[str]:
    """The lines of code behind which a panel stands."""
    bar = next((each for each in slide.panels if each.id == panel), None)
    block = next(each for each in slide.blocks if each.id == "page_code")
    if bar is None:
        return []
    first = round((bar.y - block.frame.y) / block.pitch)
    return [text.plain(line) for line in block.lines[first : first + round(bar.height / block.pitch)]]


@pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS)
def test_everything_lies_on_the_page_and_below_the_title(build: object) -> None:
    for slide in deck(build()).slides:  # type: ignore[operator]
        assert (slide.scene.width, slide.scene.height) == (WIDTH, HEIGHT)
        for box in (*slide.panels, *slide.picture.boxes):
            assert box.x >= 0
            assert box.x + box.width <= WIDTH + 0.1
            assert box.y >= 96
            assert box.y + box.height <= HEIGHT + 0.1


def test_panels_do_not_overlap_the_picture(tmp_path: Path) -> None:
    for found in (deck(rnn_cell()), deck(run(tmp_path, LONG)[0].graphs[0])):
        for slide in found.slides:
            for panel in (each for each in slide.panels if each.id in ("page_panel", "page_said")):
                apart = [
                    box.x >= panel.x + panel.width or box.y + box.height <= panel.y or box.y >= panel.y + panel.height
                    for box in slide.picture.boxes
                ]
                assert all(apart)


def test_the_code_is_scrolled_to_the_line_that_runs(tmp_path: Path) -> None:
    found = deck(run(tmp_path, LONG)[0].graphs[0]).slides
    shown = [marked(slide, "page_running") for slide in found]
    assert shown == [["x = torch.ones(2)"], ["y = x * 2"]]
    assert "import torch" not in words(found[-1], "page_code")


def test_backward_marks_the_call_and_the_line_it_differentiates(tmp_path: Path) -> None:
    script = """
        import torch
        w = torch.ones(3, requires_grad=True)
        loss = (w * 2).sum()
        loss.backward()
    """
    last = deck(run(tmp_path, script)[0].graphs[0]).slides[-1]
    assert marked(last, "page_about") == ["loss = (w * 2).sum()"]
    assert marked(last, "page_running") == ["loss.backward()"]
    said = next(panel for panel in last.panels if panel.id == "page_said")
    assert said.stroke == theme("light").gradient


def test_lines_that_build_nothing_are_dim(tmp_path: Path) -> None:
    (slide, *_) = deck(run(tmp_path, "import torch\nx = torch.ones(2)\ny = x * 2\n")[0].graphs[0]).slides
    block = next(each for each in slide.blocks if each.id == "page_code")
    dim, plain, _ = (line for line in block.lines if line)
    assert plain[0].color == theme("light").text
    assert all(run.color not in (theme("light").text, *("#5b2a86",)) for run in dim)


def test_without_code_there_is_more_room_for_the_picture() -> None:
    bare = deck(GRAPHS["square"]())
    assert bare.board.listings == ()
    assert bare.plan.figure.width * bare.plan.figure.height > max(
        each.figure.width * each.figure.height for each in SLIDES
    )
    assert not any(panel.id == "page_panel" for slide in bare.slides for panel in slide.panels)


def test_small_words_get_larger_in_their_boxes_and_stay_inside() -> None:
    for box in deck(rnn_cell()).whole.boxes:
        for line in box.lines:
            assert min((run.size for run in line), default=16) >= 16
            assert text.line_width(line) <= box.width


def test_a_picture_in_flow_is_whole_from_the_start() -> None:
    found = decks.told(render.draw(rnn_cell()), Telling(motion="flow")).slides
    assert len({len(slide.picture.boxes) for slide in found}) == 1


# Code in colours.


def test_code_keeps_its_letters_and_its_indentation() -> None:
    lines = {1: "def f(x):", 2: "\tвес = 'a'  # ∂ \x07", 3: "    return 1.5"}
    found = code.coloured(Listing("x.py", lines), theme("light"), 16.0)
    assert [text.plain(found[number]).rstrip() for number in (1, 2, 3)] == [
        "def f(x):",
        "    вес = 'a'  # ∂",
        "    return 1.5",
    ]
    assert len({run.color for line in found.values() for run in line}) >= 4


def test_a_listing_with_gaps_has_only_the_lines_that_are_known() -> None:
    found = code.coloured(Listing("x.py", {7: "y = x", 3: "x = 1"}, whole=False), theme("light"), 16.0)
    assert {number: text.plain(line) for number, line in found.items()} == {3: "x = 1", 7: "y = x"}


def test_a_long_line_takes_rows_and_ends_in_an_ellipsis_within_its_room() -> None:
    (line,) = code.coloured(
        Listing("x.py", {1: "  call(first, second, third, fourth, fifth, sixth)"}), theme("light"), 16.0
    ).values()
    rows = [text.plain(row) for row in code.wrapped(line, 200.0)]
    assert [row.strip() for row in rows] == ["call(first,", "second, third,", "fourth, fifth…"]
    assert [len(row) - len(row.lstrip()) for row in rows] == [2, 6, 6]
    (line,) = code.coloured(Listing("x.py", {1: "x = " + "损" * 3_000}), theme("light"), 16.0).values()
    assert all(text.line_width(row) <= 200.0 for row in code.wrapped(line, 200.0))
    assert code.wrapped(line, 20_000.0) == (line,)


@pytest.mark.parametrize("name", themes())
def test_colours_of_code_are_read_on_the_panel(name: str) -> None:
    from tests.test_compose import contrast

    found = code.coloured(Listing("x.py", {1: "import x  # c", 2: "print('s', 1)"}), theme(name), 16.0)
    colors = {run.color for line in found.values() for run in line}
    assert len(colors) >= 5
    assert min(contrast(color, theme(name).group.fill) for color in colors) >= 7
