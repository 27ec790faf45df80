"""Animated SVG: parsed, and played in a browser where there is one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

import tracer
from render import draw
from render.errors import RenderError
from render.steps import elements
from tests import graphs
from tests.browser import CHROMIUM, Page, browser

BROWSER = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)")


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as talk:
        yield Page(talk)


def animated(graph: tracer.Graph, **options: object) -> str:
    return str(draw(graph).render("svg", animate=True, **options))


def shown(page: Page, second: float) -> int:
    """How many boxes and edges can be seen at that time."""
    return int(
        page.run(
            f"document.getAnimations().forEach(each => {{ each.pause(); each.currentTime = {1000 * second} }}); "
            "[...document.querySelectorAll('g.operation, g.tensor, path.value, path.gradient')]"
            ".filter(each => +getComputedStyle(each).opacity > 0.99 && each.id.indexOf('legend') < 0).length"
        )
    )


def test_without_motion_it_is_the_final_picture() -> None:
    tree = ElementTree.fromstring(animated(graphs.rnn_cell()))
    seen = [each for each in tree.iter() if each.get("opacity") != "0"]
    ids = {each.get("id", "").partition("-")[2] for each in seen}
    assert set(elements(draw(graphs.rnn_cell()).storyboard().scene)) <= ids


@pytest.mark.parametrize("motion", ["build", "flow"])
@pytest.mark.parametrize("loop", [False, True])
def test_all_motion_is_in_one_style_sheet_for_those_who_want_it(motion: str, loop: bool) -> None:
    picture = animated(graphs.rnn_cell(), motion=motion, loop=loop)
    (style,) = re.findall("<style>(.*)</style>", picture)
    assert style.startswith("@media (prefers-reduced-motion:no-preference){")
    assert style.count("{") == style.count("}")
    assert ("infinite" in style) == loop
    assert "<script" not in picture
    assert "http" not in re.sub('xmlns="[^"]*"', "", picture)
    names = re.findall(r"@keyframes ([\w-]+)", style)
    assert len(set(names)) == len(names)
    assert all(name.startswith(re.findall('<title id="(g[0-9a-f]{8})-', picture)[0]) for name in names)


def test_the_cell_stays_small_and_the_same() -> None:
    picture = animated(graphs.rnn_cell())
    assert len(picture.encode()) < 40_000
    assert picture == animated(graphs.rnn_cell())


def test_hostile_names_stay_text() -> None:
    s = graphs.Sketch()
    x = s.value("</style><script>alert(1)</script>", (2,), kind="input")
    s.call("relu", [x], [s.value("y", (2,))], line=3)
    picture = animated(s.graph("</text><script>"))
    assert [each.tag.rpartition("}")[2] for each in ElementTree.fromstring(picture).iter()].count("script") == 0


def test_the_title_stands_in_it_once() -> None:
    for title in ("", "One step"):
        picture = str(draw(graphs.rnn_cell(), title=title).render("svg", animate=True, embed=False))
        assert re.findall(r">([^<]+)</text>", picture).count(title or graphs.rnn_cell().name) == 1


def test_a_pace_nobody_could_watch_is_refused() -> None:
    with pytest.raises(RenderError, match=r"pace must be from 0\.1 to 60 seconds a step, not 0"):
        animated(graphs.rnn_cell(), pace=0)


@BROWSER
@pytest.mark.parametrize("loop", [False, True])
def test_it_plays_step_by_step(page: Page, tmp_path: Path, loop: bool) -> None:
    drawing = draw(graphs.rnn_cell())
    board = drawing.storyboard()
    path = drawing.save(tmp_path / "cell.svg", animate=True, loop=loop, pace=1.0)
    page.open(path)
    parts = {box.id for box in board.scene.boxes} | {edge.id for edge in board.scene.edges}
    for number in range(len(board.steps)):
        assert shown(page, number + 0.9) == len(board.visible(number) & parts)
    assert shown(page, len(board.steps) + 2.0) == len(parts)
    assert page.errors == []
    assert page.requests[-1:] == [path.as_uri()]


@BROWSER
def test_less_motion_is_none(page: Page, tmp_path: Path) -> None:
    page.prefers(prefers_reduced_motion="reduce")
    page.open(draw(graphs.rnn_cell()).save(tmp_path / "still.svg", animate=True))
    assert page.run("document.getAnimations().length") == 0
    page.prefers(prefers_reduced_motion="no-preference")
    page.open(tmp_path / "still.svg")
    assert page.run("document.getAnimations().length") > 10


@BROWSER
def test_it_plays_as_an_image(page: Page, tmp_path: Path) -> None:
    draw(graphs.rnn_cell()).save(tmp_path / "cell.svg", animate=True, pace=0.1)
    (tmp_path / "page.html").write_text('<img src="cell.svg" style="width:100%">', encoding="utf-8")
    page.open(tmp_path / "page.html")
    page.run("new Promise(done => setTimeout(done, 100))")
    first = page.picture()
    page.run("new Promise(done => setTimeout(done, 2500))")
    assert page.picture() != first
    assert page.errors == []
