"""What stands around a picture: title, caption, legend and notes, and that they make it no wider than need be."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from render import RenderError, deck, draw, render, text
from render.annotate import READABLE
from render.scene import Scene
from tests.geometry import problems
from tests.graphs import GRAPHS, chain, rnn_cell

LONG = (
    "Ein langer Titel, der nicht in eine Zeile passt, очень длинный заголовок и ещё слова, 一個很長的標題也需要換行。"
)


def lines(scene: Scene) -> list[str]:
    return [text.plain(label.runs) for label in scene.labels]


def test_a_title_stands_above_and_a_caption_below() -> None:
    scene = draw(rnn_cell(), title="The cell", caption="One step.").scene
    labels = {text.plain(label.runs): label for label in scene.labels}
    top, bottom = min(box.y for box in scene.boxes), max(box.y + box.height for box in scene.boxes)
    assert labels["The cell"].y < top
    assert labels["One step."].y > labels["value"].y > bottom
    assert scene.name == "The cell"
    assert problems(scene) == []


@pytest.mark.parametrize("build", [rnn_cell, lambda: chain(30), GRAPHS["empty"]], ids=["wide", "narrow", "empty"])
def test_long_words_wrap_in_the_width_there_is(build: object) -> None:
    plain = draw(build()).scene  # type: ignore[operator]
    scene = draw(build(), title=LONG, caption=LONG).scene  # type: ignore[operator]
    assert scene.width <= max(plain.width, READABLE)
    written = "".join(lines(scene)).replace(" ", "")
    assert written.count(LONG.replace(" ", "")) == 2
    for label in scene.labels:
        assert label.x >= 0
        assert label.x + text.line_width(label.runs) <= scene.width
        assert 0 < label.y < scene.height


def test_a_narrow_picture_keeps_its_width_beside_its_legend() -> None:
    alone = draw(rnn_cell(), direction="TB", hide="gradients,params").scene
    widest = max(text.line_width(label.runs) for label in alone.labels)
    boxes = max(box.x + box.width for box in alone.boxes) + 16
    assert alone.width <= max(boxes, widest + 34 + 7 + 32) + 1


@pytest.mark.parametrize("name", ["svg", "pdf", "tikz", "dot", "text", "mermaid", "scene"])
def test_every_format_has_title_and_caption(name: str) -> None:
    out = render(rnn_cell(), name, title="Заголовок", caption="Подпись")
    if isinstance(out, bytes):
        assert out.startswith(b"%PDF")
        return
    assert "Заголовок" in out or "char{1047}\\graphtracechar{1072}" in out
    assert "Подпись" in out or "char{1055}\\graphtracechar{1086}" in out or name == "mermaid"


def test_a_slide_has_its_title_once() -> None:
    (slide,) = deck.still(draw(rnn_cell(), title="The cell", caption="One step.")).slides
    words = lines(slide.scene)
    assert words.count("The cell") == 1
    assert words.count("One step.") == 1


def test_the_document_is_named_and_described() -> None:
    root = ET.fromstring(str(render(rnn_cell(), "svg", title="<The> & cell", caption="One step.")))
    space = "{http://www.w3.org/2000/svg}"
    title, told = root.find(f"{space}title"), root.find(f"{space}desc")
    assert title is not None
    assert told is not None
    assert title.text == "<The> & cell"
    assert str(told.text).startswith("One step. Computation graph of rnn_cell: 7 operations.")
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == title.get("id")
    assert root.get("aria-describedby") == told.get("id")


def test_who_cannot_see_the_picture_gets_the_operations_in_order() -> None:
    root = ET.fromstring(str(render(rnn_cell(), "svg")))
    told = str(root.findtext("{http://www.w3.org/2000/svg}desc")).splitlines()
    rows = [row.partition(" = ")[2].partition("(")[0] for row in told if " = " in row]
    assert rows == ["t", "mm", "t", "mm", "+", "tanh", "sum"]


def test_titles_are_text_and_hostile_ones_harmless() -> None:
    with pytest.raises(RenderError, match="title must be a text, not int"):
        draw(rnn_cell(), title=7)
    scene = draw(rnn_cell(), title="a\x00b\u202ec\nd" * 3_000).scene
    assert not set("".join(lines(scene))) & set("\x00\u202e\n")
    assert len(scene.name) <= 2_000


def test_a_name_with_an_index_has_a_subscript_on_an_arrow_too() -> None:
    from tests.graphs import Sketch

    s = Sketch()
    x, h, y = s.value("x", (2,), kind="input"), s.value("h_t", (3,)), s.value("next_h", (4,))
    s.call("relu", [x], [h])
    s.call("tanh", [h], [y])
    s.call("sum", [y], [s.value("out", ())])
    graph = s.graph(outputs=(3,))
    first, second = [edge.label for edge in draw(graph, style="operations").composed.edges if edge.label][:2]
    assert first is not None
    assert second is not None
    assert (first.text, first.subscript, first.after) == ("h", "t", " · 3")
    assert (second.text, second.subscript, second.after) == ("next_h · 4", "", "")
    assert text.plain((first,)) == "h_t · 3"
    for name in ("dot", "mermaid"):
        assert "h_t" in str(render(graph, name, style="operations"))
    assert ">t</tspan><tspan dy=" in str(render(graph, "svg", style="operations"))
