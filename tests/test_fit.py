"""Figures fitted to a page: of exactly its size, everything inside, no text smaller than was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from render import Drawing, RenderError, draw
from render.fit import fitted, may_fit
from render.page import Target, runs, smallest
from render.scene import Scene
from render.views.auto import auto, closings, count_boxes, opened
from tests.geometry import problems, rect
from tests.graphs import Sketch, rnn_cell
from tracer.graph import Graph

pytest.importorskip("torch")

from tests.test_layout_graphs import graphs
from tests.zoo import ZOO

UNFIT = {"worker_threads", "integers_and_truth", "long_chain", "many_kinds_of_layers", "policy_gradient"}
REAL = sorted(ZOO.keys() - UNFIT)[::6]  # too small a page for what is left out: nothing is to be closed there
SLIDE = Target(40 / 3, 7.5, 12)
COLUMN = Target(3.35, 9, 7, most=9, short=True)


def chain(length: int, *, named: bool = True) -> Graph:
    """`tanh` and `exp` by turns, outside of all modules, so that nothing can be closed."""
    s = Sketch()
    value = s.value("x", (4, 4), kind="input")
    for number in range(length):
        made = s.value(f"y{number}" if named else None, (4, 4))
        s.call(("tanh", "exp", "relu")[number * number % 3], [value], [made], line=number + 1)
        value = made
    return s.graph(outputs=[value])


def model(layers: int) -> Graph:
    """A module with modules in it, each with three operations that differ from those of its neighbours."""
    s = Sketch()
    value = s.value("x", (8, 16), kind="input")
    root = s.scope("", "module", "Net")
    for number in range(layers):
        layer = s.scope(f"part{number}", "module", f"Part{number}", parent=root)
        for op in ("linear", "relu", ("tanh", "exp", "sigmoid")[number % 3]):
            made = s.value(None, (8, 16 + number))
            s.call(op, [value], [made], parent=layer)
            value = made
    return s.graph("Net", outputs=[value])


def assert_fitted(drawing: Drawing, target: Target) -> None:
    scene = drawing.scene
    assert scene.width == pytest.approx(target.width * 96, abs=0.01)
    if target.short:
        assert scene.height <= target.height * 96 + 0.01
    else:
        assert scene.height == pytest.approx(target.height * 96, abs=0.01)
    assert smallest(scene) >= target.least
    assert max((run.size for run in runs(scene)), default=0.0) <= target.largest * 96 / 72 + 0.01
    assert problems(scene) == []
    assert_inside(scene)


def assert_inside(scene: Scene) -> None:
    for box in scene.boxes:
        left, top, right, bottom = rect(box)
        assert 0 <= left < right <= scene.width
        assert 0 <= top < bottom <= scene.height
    for edge in (*scene.edges, *scene.samples):
        assert all(0 <= x <= scene.width and 0 <= y <= scene.height for x, y in edge.path)
    for label in scene.labels:
        assert 0 <= label.x <= scene.width - sum(run.width for run in label.runs)
        assert 0 <= label.y <= scene.height


@pytest.mark.parametrize("target", [SLIDE, COLUMN, Target(7, 9, 7, 9, short=True), Target(20, 20, 24)], ids=str)
@pytest.mark.parametrize("graph", [rnn_cell(), chain(3), model(2), model(12), Graph()], ids=lambda graph: graph.name)
def test_figures_have_the_size_of_the_page_and_text_that_can_be_read(graph: Graph, target: Target) -> None:
    assert_fitted(fitted(draw(graph), target), target)


@pytest.mark.parametrize("name", REAL)
def test_real_programs_fit_on_a_slide_and_on_paper(name: str) -> None:
    for graph in graphs(ZOO[name]):
        for target in (SLIDE, Target(7, 9, 7, 9, short=True)):
            assert_fitted(fitted(draw(graph), target), target)


def test_what_fits_is_drawn_whole_and_without_a_word() -> None:
    drawing = fitted(draw(chain(3)), SLIDE)
    assert drawing.notes == ()
    assert drawing.view.nodes == draw(chain(3)).view.nodes


def test_modules_are_closed_until_it_fits_and_one_sentence_says_so() -> None:
    drawing = fitted(draw(model(14)), SLIDE)
    (note,) = drawing.notes
    assert note.startswith("to fit: closed ")
    boxes = sum(box.kind != "group" for box in drawing.scene.boxes)
    assert f"; {boxes} boxes for 42 operations; --split draws all of it" in note
    assert boxes > 30


def test_names_of_results_are_left_out_before_all_of_a_module_is_closed() -> None:
    s = Sketch()
    value = s.value("images", (8, 16), kind="input")
    root = s.scope("", "module", "Net")
    for number in range(9):
        layer = s.scope(f"part{number}", "module", f"Part{number}", parent=root)
        for op in ("exp", ("tanh", "sin")[number % 2]):
            made = s.value(f"hidden_states_{number}", (8, 16 + number))
            s.call(op, [value], [made], parent=layer)
            value = made
    drawing = fitted(draw(s.graph("Net", outputs=[value])), Target(10, 4, 12))
    assert "left out: " in drawing.notes[0]
    assert "names of results" in drawing.notes[0]
    shown = [edge.label.text for edge in drawing.scene.edges if edge.label is not None]
    assert not any("hidden" in words for words in shown)
    assert "images" in {line[0].text for box in drawing.scene.boxes for line in box.lines}


def test_modules_are_closed_little_by_little() -> None:
    levels = list(closings(opened(nested()), range(30, 0, -1), 30))
    counts = [count_boxes(level) for level in levels]
    assert counts == sorted(set(counts), reverse=True)
    assert len(counts) >= 4
    pages = [Target(side, side, 12) for side in (12, 9, 7, 5)]
    boxes = [sum(box.kind != "group" for box in fitted(draw(nested()), page).scene.boxes) for page in pages]
    assert boxes == sorted(boxes, reverse=True)
    assert len(set(boxes)) >= 3


def nested() -> Graph:
    """Modules of different classes, each with two modules of two operations in it."""
    s = Sketch()
    value = s.value("x", (8, 16), kind="input")
    root = s.scope("", "module", "Net")
    for number in range(5):
        part = s.scope(f"part{number}", "module", f"Part{number}", parent=root)
        for half in ("first", "second"):
            inner = s.scope(f"part{number}.{half}", "module", half.title(), parent=part)
            for op in ("exp", "tanh"):
                made = s.value(None, (8, 17 + number))
                s.call(op, [value], [made], parent=inner)
                value = made
    return s.graph("Net", outputs=[value])


def test_a_module_that_only_wraps_another_is_closed_by_its_own_name() -> None:
    s = Sketch()
    value = s.value("x", (8, 16), kind="input")
    root = s.scope("", "module", "Net")
    for name in ("down", "up"):
        outer = s.scope(name, "module", "Double", parent=root)
        inner = s.scope(f"{name}.net", "module", "Sequential", parent=outer)
        for op in ("exp", "tanh", "relu", "exp"):
            made = s.value(None, (8, 16 + len(name)))
            s.call(op, [value], [made], parent=inner)
            value = made
    names = [node.op for node in auto(s.graph("Net", outputs=[value]), boxes=4).nodes]
    assert names == ["down", "up"]


def test_an_input_that_a_later_row_reads_stands_there() -> None:
    s = Sketch()
    value, target = s.value("x", (4, 4), kind="input"), s.value("target", (4, 4), kind="input")
    for _ in range(20):
        made = s.value(None, (4, 4))
        s.call("exp", [value], [made])
        value = made
    loss = s.value("loss", ())
    s.call("mse_loss", [value, target], [loss])
    scene = fitted(draw(s.graph(outputs=[loss]), style="operations", direction="LR"), SLIDE).scene
    low = {box.lines[0][0].text: box.y for box in scene.boxes}
    assert scene.rows > 1
    assert low["target"] > low["x"] + 100


def test_a_word_beside_an_arrow_grows_away_from_it() -> None:
    for graph in (rnn_cell(), model(2), nested()):
        scene = fitted(draw(graph, direction="TB", style="operations"), SLIDE).scene
        assert smallest(scene) >= 12
        assert problems(scene) == []


def test_a_long_chain_is_broken_into_rows() -> None:
    drawing = fitted(draw(chain(24, named=False), style="operations"), SLIDE)
    assert drawing.notes == ()
    assert len({box.y + box.height / 2 for box in drawing.scene.boxes}) > 2
    assert_fitted(drawing, SLIDE)


def test_a_loop_is_closed_where_nothing_else_helps() -> None:
    s = Sketch()
    state = s.value("h", (4, 4), kind="input")
    weights = [s.value(f"W{number}", (4, 4), kind="parameter") for number in range(14)]
    for _ in range(20):
        for number, weight in enumerate(weights):
            made = s.value(None, (4, 4))
            s.call("mm", [state, weight], [made], line=number + 1)
            state = made
    drawing = fitted(draw(s.graph(outputs=[state])), Target(4, 2, 9))
    (note,) = drawing.notes
    assert "a loop is drawn once" in note
    assert "1 loop is closed" in note
    assert "loop ×20" in {"".join(run.text for run in line) for box in drawing.scene.boxes for line in box.lines}


def test_of_several_pages_the_first_that_fits_is_taken() -> None:
    drawing = fitted(draw(rnn_cell()), Target(1, 1, 12), Target(20, 10, 12), Target(40, 20, 12))
    assert drawing.scene.width == 20 * 96


def test_what_the_user_chose_stays() -> None:
    options: dict[str, Any] = {"level": "function", "direction": "TB", "style": "operations"}
    drawing = fitted(draw(chain(3), **options), Target(8, 20, 7))
    assert (drawing.scene.direction, drawing.options.style) == ("TB", "operations")
    with pytest.raises(RenderError, match=r"does not fit 4 × 1.5 in with text from 7 pt: .* 22 boxes; add --split"):
        fitted(draw(chain(20), **options), Target(4, 1.5, 7))


def test_counts_alone_refuse_what_is_far_too_large() -> None:
    assert not may_fit(draw(chain(2000), level="function").composed, SLIDE, "LR")
    assert may_fit(draw(chain(3)).composed, SLIDE, "LR")
