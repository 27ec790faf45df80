"""The HTML deck: what is in the file, and how it behaves in a browser where there is one."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdf
import pytest

import tracer
from render import draw
from render.errors import RenderError
from render.slide import SLIDES, staged
from render.steps import Telling
from tests import graphs
from tests.browser import CHROMIUM, Page, browser
from tests.programs import run
from tests.test_steps import CELL, LOOP

BROWSER = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)")
COUNT = "document.querySelectorAll('.slide .el.on:not([id$=-label])').length"
RUNNING_IS_SEEN = """
new Promise(done => setTimeout(done, 400)).then(() => {
  const [line, panel] = [".code li.running", ".code"].map(each => document.querySelector(each).getBoundingClientRect());
  return line.top >= panel.top - 1 && line.bottom <= panel.bottom + 1;
})
"""
CORNERS = """
(({left, top, right, bottom}) => [left, top, right, bottom])(document.querySelector(".slide").getBoundingClientRect())
"""
SMALL_TEXTS = """
[...document.querySelectorAll(".slide *")]
  .filter(each => !each.closest("title, desc") && [...each.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
  .filter(each => parseFloat(getComputedStyle(each).fontSize) < 15.99)
  .map(each => each.textContent)
"""
TOLD = "new Promise(done => setTimeout(done, 50)).then(() => document.querySelector('.step span').textContent)"


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> tracer.Graph:
    return run(tmp_path_factory.mktemp("cell"), CELL)[0].graphs[0]


@pytest.fixture(scope="module")
def deck(cell: tracer.Graph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(cell).save(tmp_path_factory.mktemp("deck") / "cell.html")


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as talk:
        yield Page(talk)


@pytest.fixture
def opened(page: Page, deck: Path) -> Page:
    page.open(deck)
    page.errors.clear()
    return page


def steps(page: str) -> list[dict[str, Any]]:
    (found,) = re.findall(r'<script type="application/json" id="steps">(.*)</script>', page)
    return list(json.loads(found)["steps"])


def at(page: Page) -> int:
    return int(page.run("location.hash.slice(1)"))


def test_the_deck_of_a_cell_is_small_and_the_same_each_time(cell: tracer.Graph, deck: Path) -> None:
    text = deck.read_text(encoding="utf-8")
    assert len(text.encode()) < 150_000
    assert text == draw(cell).render("html")
    assert [step["title"] for step in steps(text)] == [step.title for step in staged(draw(cell))[0].steps]


def test_nothing_in_it_comes_from_elsewhere(deck: Path) -> None:
    text = deck.read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?!#|url)[^"')\s]+""", text.replace("url(#", "")) == []


def test_code_and_comments_stand_in_it_as_they_are(deck: Path) -> None:
    text = deck.read_text(encoding="utf-8")
    assert '<span class="c"># прошлое состояние</span>' in text
    assert re.search(r'<li value="3" class="dim"></li>', text)


def test_hostile_code_stays_text(tmp_path: Path) -> None:
    code = 'import torch\nx = torch.ones(2)  # </script><script>alert("\u202e")</script>\ny = x.relu()\n'
    text = str(draw(run(tmp_path, code)[0].graphs[0]).render("html"))
    assert text.count("<script") == 2
    assert "\u202e" not in text
    assert "&lt;/script&gt;" in text


@pytest.mark.parametrize(
    "graph", [tracer.Graph(), graphs.rnn_cell(), graphs.residual_net(3)], ids=["empty", "cell", "net"]
)
def test_every_graph_is_a_deck_with_text_that_can_be_read(graph: tracer.Graph) -> None:
    board, slide = staged(draw(graph))
    assert (board.scene.width, board.scene.height) == pytest.approx((slide.figure.width, slide.figure.height))
    sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)"', str(draw(graph).render("html")))]
    assert min(sizes, default=16) >= 15.99
    inside = [area for each in SLIDES for area in (each.code, each.facts, each.figure)]
    assert all(area.x + area.width <= 1280 and area.y + area.height <= 700 for area in inside)


def test_what_cannot_be_read_at_twelve_points_is_said(tmp_path: Path) -> None:
    lines = "".join(f"y{n} = x.sin() + {n}.5\n" for n in range(60))
    graph = run(tmp_path, f"import torch\nx = torch.ones(2)\n{lines}")[0].graphs[0]
    assert (
        "Some text is smaller than 12 pt"
        in draw(graph, level="function").storyboard(pages=tuple(slide.figure.target for slide in SLIDES)).remarks[-1]
    )


def test_a_long_loop_is_a_short_deck(tmp_path: Path) -> None:
    text = str(draw(run(tmp_path, LOOP.replace("TURNS", "200"))[0].graphs[0]).render("html"))
    assert len(steps(text)) <= 30


def test_without_animation_it_is_a_page_with_the_picture(cell: tracer.Graph) -> None:
    text = str(draw(cell).render("html", animate=False))
    assert "<script" not in text
    assert text.count("<svg") == 1


@pytest.mark.parametrize("asked", [{"by": "word"}, {"motion": "walk"}, {"lang": "xx"}])
def test_a_wrong_choice_is_refused(asked: dict[str, str]) -> None:
    with pytest.raises(RenderError, match="must be one of"):
        draw(tracer.Graph()).render("html", **asked)


# In a browser.


@BROWSER
def test_each_key_goes_where_it_should(opened: Page, cell: tracer.Graph) -> None:
    last = len(staged(draw(cell))[0].steps)
    assert at(opened) == 1
    for key, expected in (
        ("ArrowRight", 2), (" ", 3), ("PageDown", 4), ("ArrowLeft", 3), ("End", last), ("ArrowRight", last),
        ("Home", 1), ("ArrowUp", 1), ("ArrowDown", 2),
    ):  # fmt: skip
        opened.press(key)
        assert (key, at(opened)) == (key, expected)
    assert opened.errors == []


@BROWSER
@pytest.mark.parametrize("motion", ["build", "flow"])
def test_at_each_step_just_what_has_appeared_is_there(
    page: Page, cell: tracer.Graph, tmp_path: Path, motion: str
) -> None:
    board, _ = staged(draw(cell), Telling(motion=motion))
    page.open(draw(cell).save(tmp_path / "cell.html", motion=motion))
    places = (
        "JSON.stringify([...document.querySelectorAll('.slide figure rect.body')].map(each => each.getAttribute('x')))"
    )
    final = page.run(places)
    for number in range(len(board.steps)):
        assert page.run(COUNT) == len(board.visible(number))
        assert page.run("document.querySelector('.step b').textContent") == board.steps[number].title
        assert page.run("document.querySelectorAll('.slide .lit').length") == len(board.steps[number].lit)
        assert page.run(places) == final
        page.press("ArrowRight")
    assert page.errors == []
    assert page.requests[-1:] == [(tmp_path / "cell.html").as_uri()]


@BROWSER
def test_the_running_line_is_marked_and_can_be_seen(opened: Page, cell: tracer.Graph) -> None:
    board, _ = staged(draw(cell))
    for step in board.steps:
        assert step.running is not None
        marked = opened.run("[...document.querySelectorAll('.code li.running')].map(each => each.value)")
        assert marked == list(range(step.running.first, step.running.last + 1))
        assert opened.run(RUNNING_IS_SEEN)
        opened.press("ArrowRight")


@BROWSER
def test_click_swipe_link_and_buttons(opened: Page, deck: Path) -> None:
    opened.click(800, 300)
    assert at(opened) == 2
    opened.click(60, 60)
    assert at(opened) == 1
    opened.swipe((900, 300), (700, 310), (500, 310))
    assert at(opened) == 2
    opened.swipe((500, 300), (700, 310), (900, 310))
    assert at(opened) == 1
    opened.run("document.querySelector('[data-go=\"1\"]').click()")
    assert at(opened) == 2
    opened.open(deck, fragment="#5")
    assert opened.run(TOLD).startswith("step 5 of")
    opened.run("location.hash = '#3'")
    assert opened.run(TOLD).startswith("step 3 of")


@BROWSER
def test_notes_and_help_come_and_go(opened: Page) -> None:
    hidden = "[document.getElementById('notes').hidden, document.getElementById('help').hidden].join()"
    for key, expected in (
        ("n", "false,true"),
        ("?", "false,false"),
        ("Escape", "true,true"),
        ("n", "false,true"),
        ("n", "true,true"),
    ):
        opened.press(key)
        assert opened.run(hidden) == expected
    assert "line 4 makes x" in opened.run("document.getElementById('notes').textContent")


@BROWSER
def test_a_key_fills_the_screen_and_gives_it_back(opened: Page) -> None:
    changed = "new Promise(done => document.addEventListener('fullscreenchange', done, { once: true }))"
    for filled in (True, False):
        opened.run(f"window.changed = {changed}; 0")
        opened.press("f")
        opened.run("window.changed.then(() => 0)")
        assert opened.run("document.fullscreenElement === document.documentElement") is filled
    assert opened.errors == []


@BROWSER
def test_the_slide_fills_any_window_without_scrolling(opened: Page, deck: Path) -> None:
    for width, height in ((1920, 1080), (800, 900), (390, 844)):
        opened.open(deck, width, height)
        box = opened.run(CORNERS)
        assert box[0] >= -0.5
        assert box[1] >= -0.5
        assert box[2] <= width + 0.5
        assert box[3] <= height + 0.5
        assert abs((box[2] - box[0]) - width) < 1 or abs((box[3] - box[1]) - height) < 1


@BROWSER
def test_nothing_on_the_slide_is_below_twelve_points(opened: Page) -> None:
    opened.press("End")
    assert opened.run(SMALL_TEXTS) == []


@BROWSER
def test_it_prints_a_page_a_step(opened: Page, cell: tracer.Graph) -> None:
    read = pypdf.PdfReader(io.BytesIO(opened.pdf()))
    board, _ = staged(draw(cell))
    assert len(read.pages) == len(board.steps)
    for number, step in enumerate(board.steps):
        assert step.title in " ".join(read.pages[number].extract_text().split())
    box = read.pages[0].mediabox
    assert (float(box.width), float(box.height)) == pytest.approx((960, 540), abs=1)


def test_the_title_stands_above_the_slide_alone(cell: tracer.Graph) -> None:
    board, _ = staged(draw(cell, title="Граф создаётся на лету"))
    assert board.title == "Граф создаётся на лету"
    assert "Граф" not in "".join(run.text for label in board.scene.labels for run in label.runs)


def test_what_came_up_is_said_to_who_makes_the_deck() -> None:
    s = graphs.Sketch()
    s.call("relu", [s.value("x", (2,), kind="input")], [s.value("y", (2,))], line=3)
    drawing = draw(s.graph())
    drawing.render("html")
    assert "The program runs no backward: forward steps only." in drawing.notes
