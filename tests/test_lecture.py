"""Lectures: what is shown of each demo, charts as scenes, and several drawings in one deck."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pptx import Presentation
from pypdf import PdfReader

import demo_models
import render
from demo_models import lecture
from render import RenderError, charts
from render.formats import formats
from render.lecture import Lecture, Page
from render.slide import PAGE, staged
from render.steps import Telling
from render.theme import theme
from tests.browser import CHROMIUM, browser
from tests.browser import Page as BrowserPage
from tests.commands import graphtrace
from tests.graphs import rnn_cell
from tracer.graph import Graph

LIGHT = theme("light")
CHARTS = {
    "bars": charts.bars([charts.Series("loss", [2.0, 1.0, 0.5], 2, ("a", "b"))], LIGHT, along="steps"),
    "two": charts.bars([charts.Series("a", range(1, 400)), charts.Series("b", [0.0, 0.0])], LIGHT),
    "none": charts.bars([charts.Series("nothing", [])], LIGHT, along="steps"),
    "matrix": charts.matrix([[5, 0], [1, 4]], LIGHT, down="digit", across="answer"),
    "table": charts.table(["", "<b>"], [["a & b", "слово " * 60]], LIGHT),
    "page": charts.page(["A sentence.", "- " + "a point of a list " * 12], LIGHT),
}


def drawing(scene: Any) -> Page:
    plain = render.draw(Graph("Chart"))
    return Page(plain.graph, plain.options, given=scene, heading="Chart", caption="what it shows", speech="Say it.")


def texts(words: Any) -> Iterator[Mapping[str, Any]]:
    """Every text of the file that is there by language."""
    if isinstance(words, Mapping):
        if "en" in words or "ru" in words:
            yield words
        else:
            for each in words.values():
                yield from texts(each)
    elif isinstance(words, list):
        for each in words:
            yield from texts(each)


# The file.


def test_every_demo_is_in_the_lecture_once() -> None:
    names = [part.demo for part in lecture.parts()]
    assert len(set(names)) == len(names)
    assert set(names) == set(demo_models.available()) - {"scalar_neuron"}


def test_every_text_is_there_in_each_language_with_the_same_numbers() -> None:
    found = [*texts(lecture._read())]
    assert len(found) > 60
    for words in found:
        assert words.keys() == {"en", "ru"}
        english, russian = json.dumps(words["en"]), json.dumps(words["ru"], ensure_ascii=False)
        names = [
            {re.sub(r"[:!].*", "", name) for name in re.findall(r"\{(.*?)\}", each)} for each in (english, russian)
        ]
        assert names[0] == names[1], words


def test_a_picture_has_a_name_of_its_own() -> None:
    for part in lecture.parts():
        names = [figure.get("name", "") for figure in part.figures if "pass" in figure or "name" in figure]
        assert len(set(names)) == len(names), part.demo
        assert "" in names, part.demo  # or the file that was asked for would not be there


# Charts.


def test_bars_are_as_high_as_their_numbers() -> None:
    bars = [box for box in CHARTS["bars"].boxes if box.id.startswith("bar")]
    assert [bar.height / bars[0].height for bar in bars] == pytest.approx([1.0, 0.5, 0.25], abs=1e-3)
    assert bars[0].stroke == bars[1].stroke != bars[2].stroke == LIGHT.gradient


def test_neighbours_are_averaged_and_none_is_lost() -> None:
    numbers = [float(each) for each in range(1, 400)]
    found = charts.averaged(numbers)
    assert len(found) <= 70
    assert found == sorted(found)
    assert found[0] < 10
    assert found[-1] > 390
    assert charts.averaged([1.0, 2.0]) == [1.0, 2.0]


def test_panels_share_their_scales_and_axes_have_round_numbers() -> None:
    scene = charts.bars([charts.Series("a", [4.0, 8.0]), charts.Series("b", [2.0])], LIGHT, along="steps")
    heights = {box.id: box.height for box in scene.boxes if box.id.startswith("bar")}
    assert heights["bar0_1"] == pytest.approx(2 * heights["bar0_0"], abs=0.02)
    assert heights["bar0_1"] == pytest.approx(4 * heights["bar1_0"], abs=0.02)
    assert {"0", "2", "4", "6", "8"} <= {label.runs[0].text for label in scene.labels}


@pytest.mark.parametrize(
    ("most", "expected"),
    [(2.33, [0, 1, 2]), (15528, [0, 5000, 10000, 15000]), (0.45, [0, 0.2, 0.4]), (1, [0, 0.5, 1]), (0, [0])],
)
def test_ticks_are_steps_of_1_2_or_5(most: float, expected: list[float]) -> None:
    assert charts.ticks(most) == pytest.approx(expected)


def test_a_table_names_a_row_once_marks_what_is_no_number_and_breaks_no_word() -> None:
    scene = charts.table(["way", "value"], [["a" * 30, "nan"], ["a" * 30, "слово " * 60]], LIGHT)
    cells = {box.id: [run for line in box.lines for run in line] for box in scene.boxes}
    assert "".join(run.text for run in cells["cell1_0"]) == "a" * 30
    assert len(cells["cell1_0"]) == 1
    assert not any(run.text for run in cells["cell2_0"])
    assert cells["cell1_1"][0].color == LIGHT.error
    assert cells["cell2_1"][0].color == LIGHT.text


def test_a_page_has_letters_as_large_as_there_is_room_for() -> None:
    few, many = (charts.page(["A sentence."] * count, LIGHT) for count in (3, 11))
    assert few.labels[0].runs[0].size > many.labels[0].runs[0].size
    assert max(label.y for label in many.labels) < many.height


def test_russian_numbers_have_no_comma_between_thousands() -> None:
    part = lecture.Part("x", {}, [])
    showings = {lang: lecture.Showing(part, (), {"peak": 15528}, lang, {}) for lang in ("en", "ru")}
    assert showings["en"]._filled("{peak:,} of (0.03, 0.01)") == "15,528 of (0.03, 0.01)"
    assert showings["ru"]._filled("{peak:,} of (0.03, 0.01)") == "15528 of (0.03, 0.01)"


def test_a_matrix_says_its_counts_where_they_are() -> None:
    cells = {box.id: box for box in CHARTS["matrix"].boxes}
    assert {name: box.lines[0][0].text if box.lines else "" for name, box in cells.items()} == {
        "cell0_0": "5", "cell0_1": "", "cell1_0": "1", "cell1_1": "4",
    }  # fmt: skip
    assert cells["cell1_0"].y > cells["cell0_0"].y


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_lies_on_its_page_and_is_written_in_every_drawn_format(name: str) -> None:
    scene = CHARTS[name]
    for box in scene.boxes:
        assert box.x >= 0
        assert box.x + box.width <= scene.width
        assert box.y >= 0
        assert box.y + box.height <= scene.height
    for suffix in ("svg", "png", "pdf", "tikz", "html", "pptx", "scene"):
        assert drawing(scene).render(suffix)


# Several drawings in one deck.


@pytest.fixture(scope="module")
def told() -> Lecture:
    plain = render.draw(Graph("Two <parts>"))
    parts = (drawing(CHARTS["matrix"]), render.draw(rnn_cell(), theme="dark"), drawing(CHARTS["page"]))
    return Lecture(plain.graph, plain.options, sequence=parts)


def test_a_page_is_one_step_with_everything_and_nothing_else_on_its_slide() -> None:
    board, slide = staged(drawing(CHARTS["matrix"]), Telling(lang="ru"))
    (step,) = board.steps
    assert slide == PAGE
    assert (board.title, step.title, step.notes, board.lang) == ("Chart", "what it shows", "Say it.", "ru")
    assert {box.id for box in board.scene.boxes} <= set(step.shows)
    assert (board.scene.width, board.scene.height) == pytest.approx((PAGE.figure.width, PAGE.figure.height))


def test_a_graph_that_is_not_told_is_a_page_with_its_legend_once() -> None:
    plain = render.draw(rnn_cell())
    board, _ = staged(Page(plain.graph, plain.options, heading="A graph"), Telling(lang="ru"))
    words = [run.text for label in board.scene.labels for run in label.runs]
    assert len(board.steps) == 1
    assert words.count("градиент") == 1


def test_the_html_deck_counts_through_all_parts(told: Lecture) -> None:
    page = str(told.render("html"))
    (found,) = re.findall(r'<script type="application/json" id="steps">(.*)</script>', page)
    facts = json.loads(found)
    parts = [step["part"] for step in facts["steps"]]
    assert parts == [0, *([1] * (len(parts) - 2)), 2]
    assert len(parts) > 10
    assert len(facts["prefixes"]) == page.count('<main class="slide ') == 3
    assert f"of {len(parts)}" in facts["counted"]
    assert "<title>Two &lt;parts&gt;</title>" in page
    assert page.count('<section class="code"') == 1


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)")
def test_one_part_is_seen_at_a_time(told: Lecture, tmp_path: Path) -> None:
    path = told.save(tmp_path / "told.html")
    seen = "[...document.querySelectorAll('.slide')].map(each => each.getClientRects().length > 0)"
    with browser() as talk:
        page = BrowserPage(talk)
        page.open(path)
        assert page.run(seen) == [True, False, False]
        page.press("ArrowRight")
        assert page.run(seen) == [False, True, False]
        page.press("End")
        assert page.run(seen) == [False, False, True]
        page.press("ArrowLeft")
        assert page.run(seen) == [False, True, False]
        page.click(900, 600)
        assert page.run(seen) == [False, False, True]
        assert page.errors == []


def test_the_pptx_has_the_slides_of_all_parts(told: Lecture) -> None:
    data = told.render("pptx")
    assert isinstance(data, bytes)
    slides = Presentation(io.BytesIO(data)).slides
    counts = [len(staged(part)[0].steps) for part in told.parts]
    titles = [slide.shapes.title.text_frame.text for slide in slides]
    assert len(slides) == sum(counts)
    assert [title.splitlines()[0] for title in (titles[0], titles[-1])] == ["Chart", "Chart"]
    assert f"step {len(slides)} of {len(slides)}" in titles[-1]
    assert slides[0].notes_slide.notes_text_frame.text == "Say it."


def test_a_lecture_is_no_single_picture(told: Lecture) -> None:
    for name in ("svg", "png", "text", "csv", "pdf"):
        with pytest.raises(RenderError, match=r"many pictures.*\.html.*\.pptx; or, with animate, as \.pdf, \.tex"):
            told.render(name)


@pytest.mark.parametrize("name", [name for name, found in formats().items() if found.deck])
def test_a_lecture_is_a_deck_in_every_format_of_decks(name: str) -> None:
    if name == "mp4" and shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    one, other = drawing(CHARTS["matrix"]), drawing(CHARTS["page"])
    asked = {} if formats()[name].is_deck else {"animate": True}
    both = Lecture(one.graph, one.options, sequence=(one, other)).render(name, **asked)
    assert len(both) > max(len(each.render(name, **asked)) for each in (one, other))


# By the command.


def test_a_demo_alone_gives_the_pictures_that_a_lecturer_would_show(tmp_path: Path) -> None:
    result = graphtrace("demo", "dynamic_vs_static", "-o", "d.svg", "-o", "d.txt", "-o", "d.html", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "d-bytes.svg", "d-static.svg", "d-static.txt", "d.html", "d.svg", "d.txt",
    ]  # fmt: skip


def test_what_the_user_asks_for_wins(tmp_path: Path) -> None:
    assert graphtrace("demo", "keras_functional", "-o", "k.svg", cwd=tmp_path).returncode == 0
    asked = graphtrace("demo", "keras_functional", "-o", "dark.svg", "--theme", "dark", cwd=tmp_path)
    assert asked.returncode == 0, asked.stderr
    for name, expected in (("k", "keras"), ("dark", "dark")):
        assert f'fill="{theme(expected).background}"' in (tmp_path / f"{name}.svg").read_text(encoding="utf-8")


def test_the_whole_lecture_in_russian(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    result = graphtrace("demo", "lecture", "-o", "l.html", "-o", "l.pptx", "-o", "l.pdf", "--lang", "ru", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    page = (tmp_path / "l.html").read_text(encoding="utf-8")
    place = 0
    for part in lecture.parts():  # in order
        place = page.index(f"<h1>{part.title['ru']}</h1>", place)
    slides = Presentation(tmp_path / "l.pptx").slides
    assert len(PdfReader(tmp_path / "l.pdf").pages) == len(slides)
    assert f'шаг {{number}} из {len(slides)}"' in page
    assert "{" not in "".join(slide.shapes.title.text_frame.text for slide in slides)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("lecture", "-o", "l.svg"), "deck of many pictures: write it as .apng, .gif, .html, .mp4, .pdf, .pptx, .tex"),
        (("lecture", "--lang", "fr"), "unknown language: 'fr' (must be one of en, ru)"),
        (("lectures",), "unknown demo: 'lectures'"),
    ],
)
def test_what_cannot_be_shown_is_refused_before_anything_runs(
    words: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    result = graphtrace("demo", *words, cwd=tmp_path)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stdout == ""
    assert not any(tmp_path.iterdir())
