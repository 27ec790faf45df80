"""Names of sizes: what a user may write, what shapes read then, what is inferred, and what stays a number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from render import RenderError, draw, render, text
from render.dims import Dims, wanted
from render.roles import named
from tests.graphs import Sketch, mlp, residual_net, rnn_cell
from tracer.graph import Graph


def lstm_step() -> Graph:
    """Gates of an LSTM that are cut out of one product, and a batch whose steps are joined."""
    s = Sketch()
    x = s.value("x", (64, 5, 10), kind="input", dtype="float32")
    w = s.value("W", (10, 80), kind="parameter", dtype="float32")
    first, gates = s.value(None, (64, 10)), s.value("gates", (64, 80))
    s.call("[:, 0]", [x], [first])
    s.call("@", [first, w], [gates])
    parts = [s.value(name, (64, 20)) for name in "ifgo"]
    s.call("chunk", [gates], parts)
    flat = s.value("flat", (320, 10))
    s.call("reshape", [x], [flat])
    return s.graph(outputs=(*parts, flat))


def shapes(graph: Graph, dims: object) -> list[str]:
    lines = [text.plain(line) for box in draw(graph, dims=dims).composed.boxes for line in box.lines[1:2]]
    return list(dict.fromkeys(lines))


def legend(graph: Graph, dims: object) -> list[str]:
    labels = draw(graph, dims=dims).scene.labels
    return [run.text for label in labels for run in label.runs if " = " in run.text]


def test_shapes_read_by_name_and_the_legend_says_what_each_is() -> None:
    dims = "B=64 batch, T=5, H=20, K=7"
    assert shapes(lstm_step(), dims) == ["B×T×10", "10×4H", "B×4H", "B×H", "B·T×10"]
    assert legend(lstm_step(), dims) == ["B = 64 batch", "T = 5", "H = 20", "4H = 80", "B·T = 320"]


def test_a_mapping_does_as_well_as_a_text() -> None:
    assert shapes(lstm_step(), {"B": 64, "T": 5}) == ["B×T×10", "10×80", "B×80", "B×20", "B·T×10"]


def test_products_are_written_where_they_are_asked_for_and_where_the_program_makes_them() -> None:
    asked = Dims(named(Graph(), wanted("H=20,B=3,4*H,B*H")))
    assert asked.shape((80, 60, 40)) == "4H×B·H×40"  # nothing in an empty graph makes 40 two times H


def test_one_size_with_two_names_stays_a_number_and_a_note_says_so() -> None:
    drawing = draw(residual_net(), dims="H=32,W=32,B=4")
    assert "B×3×32×32" in [text.plain(line) for box in drawing.composed.boxes for line in box.lines]
    assert "H and W are both 32, which stays a number" in drawing.notes
    assert legend(residual_net(), "H=32,W=32,B=4") == ["B = 4"]


def test_a_name_stands_before_a_product_of_the_same_size() -> None:
    assert Dims(wanted("B=80,H=20,4*H").dims).shape((80, 20)) == "B×H"


def test_roles_are_inferred_from_what_operations_do() -> None:
    found = {dim.name: (dim.size, dim.meaning) for dim in named(lstm_step(), wanted("auto"))}
    assert found["B"] == (64, "batch")
    assert found["T"] == (5, "steps")
    assert {dim.name: dim.size for dim in named(mlp(), wanted("auto"))}["K"] == 10  # what cross_entropy chooses among
    assert named(rnn_cell(), wanted(None)) == ()


def test_a_size_that_comes_about_in_two_ways_stays_a_number() -> None:
    s = Sketch()
    x, wide = s.value("x", (4, 8, 10), kind="input"), s.value("wide", (4, 80))
    s.call("flatten", [x], [wide])  # 80 is 8 times 10 here,
    gates = s.value("gates", (4, 80))
    s.call("relu", [wide], [gates])
    s.call("chunk", [gates], [s.value(name, (4, 20)) for name in "ifgo"])  # and 4 times H there
    assert shapes(s.graph(outputs=(3,)), "H=20,B=4")[:2] == ["B×8×10", "B×80"]


def test_sizes_of_a_kernel_have_no_names() -> None:
    s = Sketch()
    x, weight = s.value("x", (2, 3, 9, 9), kind="input"), s.value("weight", (8, 3, 3, 3), kind="parameter")
    s.call("conv2d", [x, weight], [s.value("y", (2, 8, 7, 7))])
    assert shapes(s.graph(outputs=(2,)), "C=3")[:2] == ["2×C×9×9", "8×C×3×3"]


@pytest.mark.parametrize("turned", [False, True])  # the function is given the indices first, the kernel the weight
def test_an_embedding_tells_vocabulary_steps_and_its_own_width(turned: bool) -> None:
    s = Sketch()
    tokens = s.value("tokens", (8, 12), kind="input", dtype="int64")
    weight = s.value("weight", (100, 32), kind="parameter", dtype="float32")
    s.call("embedding", [weight, tokens][:: -1 if turned else 1], [s.value("out", (8, 12, 32), dtype="float32")])
    assert set(shapes(s.graph(outputs=(2,)), "auto")) == {"B×T", "V×E", "B×T×E"}


def test_what_is_given_goes_before_what_is_inferred() -> None:
    found = named(lstm_step(), wanted("auto,N=64"))
    assert [dim.name for dim in found if dim.size == 64] == ["N"]


@pytest.mark.parametrize("name", ["svg", "text", "dot", "mermaid"])
def test_formats_write_the_names(name: str) -> None:
    assert "B×4H" in str(render(lstm_step(), name, dims="B=64,H=20", style="data"))


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ("B", "dims: 'B' is not understood: write NAME=NUMBER, such as B=64"),
        ("B:64", "'B:64' is not understood"),
        ("4=64", "'4' cannot name a size"),
        ("B=0", "B must be a whole number from 1 up, not '0'"),
        ("B=-1", "not '-1'"),
        ("B=1.5", "not '1.5'"),
        ("B=64,B=32", "B is given twice"),
        ("B=64,2*Q", "'Q' in '2*Q' is neither a number nor one of the names given (B)"),
        ("", "dims names no size"),
        (",", "dims names no size"),
        (64, "dims must be a text or a mapping"),
        ("auto=3", "'auto' cannot name a size"),
    ],
)
def test_what_is_no_name_for_a_size_is_refused(dims: object, message: str) -> None:
    with pytest.raises(RenderError) as caught:
        draw(rnn_cell(), dims=dims)
    assert message in str(caught.value)


@given(st.text(max_size=20))
def test_any_text_is_understood_or_refused(given: str) -> None:
    try:
        asked = wanted(given)
    except RenderError:
        return
    assert asked
    assert all(dim.size > 0 and dim.name for dim in asked.dims)


@given(st.lists(st.integers(-1, 100), max_size=5))
def test_no_size_is_lost(sizes: list[int]) -> None:
    written = Dims(wanted("B=64,T=5,4*T").dims).shape(sizes)
    back = {"B": "64", "T": "5", "4T": "20"}
    assert "×".join(back.get(each, each) for each in written.split("×")) == text.shape(sizes)
