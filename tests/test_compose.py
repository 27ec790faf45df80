"""From a graph to boxes and arrows: what is drawn, what it says, and that everything fits its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from render import Drawing, RenderError, draw, picture, text
from render.compose import MAX_WEIGHTS
from render.labels.words import parameters
from render.options import ITEMS
from render.scene import Box, Edge, Scene
from render.theme import Theme, theme, themes
from render.trouble import first_trouble
from render.views.levels import CHOICES
from tests.graphs import (
    GRAPHS,
    HOSTILE,
    Sketch,
    chain,
    failed,
    mlp,
    neuron,
    residual_net,
    rnn_cell,
    several_outputs,
    shared,
    square,
)
from tracer.graph import Graph, Stats


def words(box: Box) -> list[str]:
    return ["".join(f"{run.text}_{run.subscript}" if run.subscript else run.text for run in line) for line in box.lines]


def said(boxes: Iterable[Box]) -> dict[str, list[str]]:
    return {words(box)[0]: words(box)[1:] for box in boxes if box.lines}


def composed(graph: Graph, **options: object) -> Scene:
    return draw(graph, **options).composed


def edges(scene: Scene, kind: str) -> list[tuple[str, str]]:
    by_id = {box.id: words(box)[0] for box in scene.boxes if box.lines}
    return [(by_id[edge.tail], by_id[edge.head]) for edge in scene.edges if edge.kind == kind]


# The RNN cell, as in the hand-drawn figure.


def test_the_rnn_cell_says_what_the_figure_says() -> None:
    scene = composed(rnn_cell())
    tensors = [words(box) for box in scene.boxes if box.kind == "tensor"]
    assert tensors == [
        ["x", "1×10"],
        ["W_x", "20×10", "|grad| 3.21"],
        ["i2h", "20×1", "|grad| 0.918"],
        ["prev_h", "1×20"],
        ["W_h", "20×20", "|grad| 3.85"],
        ["h2h", "20×1", "|grad| 0.918"],
        ["next_h", "20×1", "|grad| 0.918"],
        ["next_h", "20×1", "|grad| 4.47"],
        ["loss", "−2.45", "grad 1"],
    ]
    assert [words(box) for box in scene.boxes if box.kind == "operation"] == [
        ["t"], ["mm"], ["t"], ["mm"], ["+"], ["tanh"], ["sum"],
    ]  # fmt: skip
    assert scene.direction == "LR"


def test_an_unnamed_result_is_an_arrow_from_operation_to_operation() -> None:
    assert edges(composed(rnn_cell()), "value") == [
        ("x", "t"), ("W_x", "mm"), ("t", "mm"), ("mm", "i2h"), ("prev_h", "t"), ("W_h", "mm"), ("t", "mm"),
        ("mm", "h2h"), ("i2h", "+"), ("h2h", "+"), ("+", "next_h"), ("next_h", "tanh"), ("tanh", "next_h"),
        ("next_h", "sum"), ("sum", "loss"),
    ]  # fmt: skip


def test_gradients_run_back_along_what_has_one() -> None:
    scene = composed(rnn_cell())
    by_id = {edge.id: edge for edge in scene.edges}
    gradients = [edge for edge in scene.edges if edge.kind == "gradient"]
    for edge in gradients:
        twin = by_id[edge.twin or ""]
        assert (edge.tail, edge.head) == (twin.head, twin.tail)
        assert edge.dashed
    assert edges(scene, "gradient") == [
        ("mm", "W_x"), ("i2h", "mm"), ("mm", "W_h"), ("h2h", "mm"), ("+", "i2h"), ("+", "h2h"), ("next_h", "+"),
        ("tanh", "next_h"), ("next_h", "tanh"), ("sum", "next_h"), ("loss", "sum"),
    ]  # fmt: skip


def test_no_gradient_comes_from_an_operation_that_nothing_came_back_to() -> None:
    assert ("argmax", "logits") in [(head, tail) for tail, head in edges(composed(mlp()), "value")]
    assert not [edge for edge in edges(composed(mlp()), "gradient") if "argmax" in edge]


def test_kinds_are_told_apart_by_shape_and_not_by_colour_alone() -> None:
    boxes = {words(box)[0]: box for box in composed(rnn_cell(), theme="print").boxes}
    assert boxes["x"].outline == "rect"
    assert boxes["mm"].outline == "pill"
    assert boxes["W_x"].stroke_width > boxes["x"].stroke_width
    assert [name for name, box in boxes.items() if box.double] == ["loss"]


# Other graphs.


def test_a_repeated_operand_is_drawn_twice() -> None:
    assert edges(composed(square()), "value") == [("x", "×"), ("x", "×"), ("×", "y")]


def test_operands_enter_in_the_order_of_the_code() -> None:
    entering = [edge for edge in composed(mlp()).edges if edge.kind == "value" and edge.head.startswith("n")]
    by_head: dict[str, list[int]] = {}
    for edge in entering:
        by_head.setdefault(edge.head, []).append(edge.order)
    assert list(by_head.values()) == [[0, 1, 2], [0], [0, 1, 2], [0, 1], [0]]


def test_a_shared_parameter_is_one_box() -> None:
    scene = composed(shared())
    assert [words(box)[0] for box in scene.boxes].count("W") == 1
    assert edges(scene, "value").count(("W", "@")) == 3


def test_numbers_of_the_author_stand_in_the_operation() -> None:
    assert {"1 −", "** 2"} <= said(composed(neuron()).boxes).keys()


def test_steps_of_the_scalar_engine_have_boxes_with_number_and_gradient() -> None:
    assert ["−6", "grad 0.5"] in [words(box) for box in composed(neuron()).boxes]


def test_several_outputs_versions_and_bad_numbers() -> None:
    scene = composed(several_outputs())
    assert edges(scene, "value")[1:3] == [("chunk", "a"), ("chunk", "b")]
    assert [words(box)[0] for box in scene.boxes].count("a") == 2  # the in-place version is named like the first
    assert said(scene.boxes)["output"] == ["4×3 · nan 3 · inf 1"]


def test_a_gradient_without_a_finite_element_is_told() -> None:
    s = Sketch()
    x = s.value("x", (4,), kind="parameter", grad=Stats(nan=3, inf=1))
    bias = s.value("bias", (), kind="parameter", grad=Stats(nan=1, value=float("nan")), data=2.0)
    s.call("+", [x, bias], [s.value("y", (4,))])
    boxes = composed(s.graph(outputs=(2,)), style="data").boxes
    assert said(boxes)["x"] == ["4", "|grad| nan 3 · inf 1"]
    assert said(boxes)["bias"] == ["2", "grad nan"]
    colors = [box.lines[-1][0].color for box in boxes if words(box)[0] in ("x", "bias")]
    assert colors == [theme("light").error] * 2


def test_a_mask_of_infinities_is_no_trouble_and_what_goes_wrong_behind_it_is() -> None:
    s = Sketch()
    scores, one = s.value("scores", (4,), kind="input", data=Stats(max=1.0)), s.value("one", (4,), kind="input")
    masked = s.value("masked", (4,), data=Stats(inf=2))
    s.node("masked_fill", [scores], [masked], attrs={"value": float("-inf")})
    shifted, ratio = s.value("shifted", (4,), data=Stats(inf=2)), s.value("ratio", (4,), data=Stats(inf=4))
    s.node("add", [masked, one], [shifted])
    graph = s.graph(outputs=(shifted,))
    assert first_trouble(graph) == first_trouble(Graph.from_json(graph.to_json())) == (None, None)
    made = s.value("made", (4,), data=Stats(inf=1))
    s.node("log", [one], [made])
    s.node("div", [masked, one], [ratio])
    assert first_trouble(s.graph(outputs=(ratio,)))[0] == made


def test_a_failed_operation_is_marked_and_explained() -> None:
    drawing = draw(failed())
    box = next(box for box in drawing.composed.boxes if box.kind == "operation")
    assert words(box)[0] == "mm failed"
    assert " ".join(words(box)[1:]) == "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"
    assert box.stroke == theme("light").error
    assert box.stroke_width >= 3
    assert "cannot be multiplied (2x3 and 4x5)" in drawing.composed.description
    caption = " ".join(run.text for label in drawing.scene.labels for run in label.runs)
    assert "mm failed at cell.py:4: mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)" in caption


def test_an_empty_graph_is_an_empty_picture() -> None:
    scene = picture(GRAPHS["empty"]())
    assert (scene.boxes, scene.edges, scene.labels) == ((), (), ())


# Modules.


def test_operations_style_folds_parameters_and_writes_a_shape_where_it_changes() -> None:
    scene = composed(residual_net())
    boxes = said(scene.boxes)
    assert boxes["conv1"] == ["conv2d 3×3 · 2,304 params"]
    assert boxes["head"] == ["linear · 170 params"]
    assert "stem.weight" not in boxes
    labels = [edge.label.text for edge in scene.edges if edge.label is not None]
    assert labels == ["4×16×32×32", "4×16", "logits · 4×10"]


def test_a_parameter_without_a_box_stands_where_the_author_wrote_it() -> None:
    s = Sketch()
    weight, x = s.value("W_x", (20, 10), kind="parameter"), s.value("x", (10, 1), kind="input")
    product, tilted = s.value("i2h", (20, 1)), s.value(None, (1, 10))
    s.call("@", [weight, x], [product])
    s.call("mm", [product, weight], [tilted])
    graph = s.graph(outputs=[tilted])
    assert said(composed(graph, style="operations").boxes) == {
        "x": ["10×1"],
        "W_x @": [],
        "mm": ["W_x · 20×10"],
        "output": ["1×10"],
    }
    assert "mm" in said(composed(graph, style="operations", hide="names").boxes)


def test_a_parameter_beside_an_operator_leaves_out_the_module_that_both_lie_in() -> None:
    s = Sketch()
    rnn = s.scope("rnn", "module", "RNN")
    weight, bias = s.value("rnn.W_x", (20, 10), kind="parameter"), s.value("b", (20, 1), kind="parameter")
    x, product, total = s.value("x", (10, 1), kind="input"), s.value(None, (20, 1)), s.value(None, (20, 1))
    s.call("@", [weight, x], [product], parent=rnn)
    s.call("+", [product, bias], [total], parent=rnn)
    assert {"W_x @", "+ b"} <= said(composed(s.graph(outputs=[total]), style="operations").boxes).keys()


def test_open_modules_are_groups_with_name_type_and_parameters() -> None:
    scene = composed(residual_net())
    groups = [box for box in scene.boxes if box.kind == "group"]
    assert [words(box) for box in groups] == [["SmallResNet 5,274 params"], ["blocks.0 Block · 4,672 params"]]
    assert groups[1].group == groups[0].id
    inside = [words(box)[0] for box in scene.boxes if box.group == groups[1].id]
    assert inside == ["conv1", "bn1", "relu", "conv2", "bn2", "+"]


def test_what_goes_into_a_module_and_what_comes_out_lies_outside() -> None:
    groups = {words(box)[0]: box.group for box in composed(mlp()).boxes}
    assert groups["x"] is groups["logits"] is groups["loss"] is None
    assert groups["h"] == groups["relu"] == groups["fc1.weight"] is not None


def test_an_index_says_all_and_a_discarded_result_has_no_box() -> None:
    s = Sketch()
    x, h, rest = s.value("x", (4, 7), kind="input"), s.value("h", (4,)), s.value("_", (4,))
    s.call("[:, -1]", [x], [h, rest], attrs={"dim": 1})
    assert said(composed(s.graph(outputs=(h,))).boxes) == {"x": ["4×7"], "[:, -1]": [], "h": ["4"]}


def test_a_closed_module_says_its_type_and_parameters() -> None:
    assert said(composed(mlp(), level="module", hide="gradients").boxes)["fc1"] == ["Linear · 2,080 params"]


def test_a_closed_module_that_holds_more_says_how_much_and_the_shape_that_comes_out() -> None:
    scene = composed(residual_net(), view="collapse:type=Block")
    assert said(scene.boxes)["Block"] == ["blocks.0 · 4,672 params", "6 operations · 4×16×32×32"]
    block = next(box.id for box in scene.boxes if words(box)[:1] == ["Block"])
    assert [edge.label for edge in scene.edges if edge.tail == block] == [None]  # the box has said it
    assert said(composed(residual_net(), view="collapse:type=Block", hide="shapes").boxes)["Block"][1] == "6 operations"


@pytest.mark.parametrize(
    "asked",
    [
        {"view": "collapse:depth=1"}, {"view": "collapse:module=blocks.*"}, {"view": "auto:boxes=8"}, {"depth": 1},
        {"view": "collapse:to=modules,type=Block"}, {"level": "kernel", "depth": 1},
    ],
)  # fmt: skip
def test_what_a_closed_module_makes_is_said_however_it_was_closed(asked: dict[str, Any]) -> None:
    ((_, *rows),) = [words(box) for box in composed(residual_net(), **asked).boxes if words(box)[:1] == ["Block"]]
    assert rows == ["blocks.0 · 4,672 params", "6 operations · 4×16×32×32"]


def test_large_pictures_state_the_gradients_of_parameters_and_draw_their_way_on_request() -> None:
    plain = draw(mlp(), level="module").composed
    assert said(plain.boxes)["fc1"] == ["Linear · 2,080 params", "|grad| 0.297"]  # sqrt(0.21**2 + 0.21**2)
    assert edges(plain, "gradient") == []
    shown = draw(mlp(), level="module", show="gradients").composed
    assert ("cross_entropy", "fc2") in edges(shown, "gradient")


def test_the_style_can_be_chosen() -> None:
    assert "i2h" in said(composed(rnn_cell(), style="data").boxes)
    assert "i2h" not in said(composed(rnn_cell(), style="operations").boxes)
    assert "h" in said(composed(mlp(), style="data").boxes)
    with pytest.raises(RenderError, match=r"unknown style: 'tensors' \(must be one of data, operations\)"):
        draw(rnn_cell(), style="tensors")


def layers(weights: int) -> Graph:
    """A module in which every tensor has a name and is multiplied by a weight."""
    s = Sketch()
    x = s.value("x", (2, 2), kind="input")
    model = s.scope("model", "module", "Model")
    for number in range(weights):
        weight = s.value(f"layers.{number}.weight", (2, 2), kind="parameter")
        y = s.value(f"y{number}", (2, 2))
        s.node("mm", [x, weight], [y], scope=model)
        x = y
    return s.graph(outputs=[x])


@pytest.mark.parametrize(("weights", "boxes"), [(MAX_WEIGHTS, True), (MAX_WEIGHTS + 1, False)])
def test_many_weights_of_modules_stand_in_the_boxes_of_the_operations_that_read_them(weights: int, boxes: bool) -> None:
    assert ("layers.1.weight" in said(composed(layers(weights)).boxes)) is boxes


def test_deep_graphs_run_from_top_to_bottom() -> None:
    assert composed(chain(30)).direction == "TB"
    assert composed(chain(30), direction="lr").direction == "LR"


# Items.


@pytest.mark.parametrize(
    ("options", "there", "gone"),
    [
        ({"hide": "shapes"}, "i2h", "20×1"),
        ({"hide": "gradients"}, "20×1", "|grad| 0.918"),
        ({"hide": "names"}, "20×1", "i2h"),
        ({"hide": "params"}, "x", "W_x"),
        ({"hide": "views"}, "mm", "t"),
        ({"hide": "values"}, "loss", "−2.45"),
        ({"show": "dtypes"}, "1×10 · float32", "1×10"),
        ({"show": "source"}, "cell.py:6", None),
        ({"show": ["backward"]}, "∂tanh", None),
    ],
)
def test_items_are_shown_and_hidden(options: dict[str, object], there: str, gone: str | None) -> None:
    lines = [line for box in composed(rnn_cell(), **options).boxes for line in words(box)]
    assert there in lines
    assert gone not in lines


def test_hidden_gradients_have_no_arrows_and_no_legend() -> None:
    scene = picture(rnn_cell(), hide="gradients")
    assert {edge.kind for edge in scene.edges} == {"value"}
    assert [run.text for label in scene.labels for run in label.runs] == ["value"]


def test_shown_backward_replaces_the_arrows_of_gradients() -> None:
    scene = composed(rnn_cell(), show="backward")
    assert ("loss", "ones_like") in edges(scene, "value")
    assert edges(scene, "gradient") == []


def test_hidden_constants_leave_no_pill_and_no_number() -> None:
    assert {"−", "**"} <= said(composed(neuron(), hide="constants").boxes).keys()


# What holds for every picture.


@pytest.mark.parametrize("level", CHOICES)
@pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS)
def test_a_picture_is_whole_and_its_text_fits(build: Callable[[], Graph], level: str) -> None:
    scene = picture(build(), level=level, show=("source", "dtypes", "values"))
    ids = [box.id for box in scene.boxes]
    assert len({*ids, *(edge.id for edge in scene.edges)}) == len(ids) + len(scene.edges)
    assert all(edge.tail in ids and edge.head in ids for edge in scene.edges)
    for box in scene.boxes:
        assert len(box.lines) <= 3
        assert box.group is None or ids.index(box.group) < ids.index(box.id)
        assert 0 <= box.x <= box.x + box.width <= scene.width
        assert 0 <= box.y <= box.y + box.height <= scene.height
        for line in box.lines:
            assert 1.05 * text.line_width(line) <= box.width
    for label in scene.labels:
        assert label.x + text.line_width(label.runs) <= scene.width
        assert label.y < scene.height


@pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS)
def test_no_hostile_character_reaches_a_scene(build: Callable[[], Graph]) -> None:
    scene = picture(build())
    runs = [run.text + run.subscript for box in scene.boxes for line in box.lines for run in line]
    runs += [edge.label.text for edge in scene.edges if edge.label is not None]
    assert all(len(run) <= 50 for run in runs)
    assert not [run for run in runs if set(run) & set("\x00\x07\x1b\u202e\ud800")]


def test_a_hostile_number_is_drawn() -> None:
    s = Sketch()
    x = s.value("x", (10**4000, 10**4000), kind="parameter", grad=1.0)
    y = s.value("y", (), data=-1e308)
    s.call("sum", [x], [y], attrs={"dim": 10**400, "p": float("nan")})
    assert picture(s.graph(outputs=(y,))).boxes


def test_long_names_are_whole_in_the_tooltip() -> None:
    scene = composed(GRAPHS["hostile"]())
    assert any(HOSTILE[4] in box.tooltip for box in scene.boxes)


def test_the_same_graph_gives_the_same_scene() -> None:
    assert picture(residual_net(3)) == picture(residual_net(3))


def test_a_parameter_does_not_repeat_the_module_that_its_box_lies_in() -> None:
    scene = composed(residual_net(), show="params", level="function")
    boxes = said(box for box in scene.boxes if box.kind == "tensor" and box.group is not None)
    assert {"conv1.weight", "bn1.running_mean"} <= boxes.keys()
    assert not any(name.startswith("blocks.") for name in boxes)
    assert any(box.tooltip.startswith("blocks.0.conv1.weight\n") for box in scene.boxes)


def test_what_is_asked_for_is_told_in_as_many_lines_as_it_takes() -> None:
    s = Sketch()
    x = s.value("x", (1024, 1024), kind="input", dtype="float32", nbytes=4 << 20, data=Stats(mean=-0.00123456))
    s.call("relu", [x], [s.value("y", (1024, 1024))])
    boxes = said(composed(s.graph(), show="dtypes,sizes,values").boxes)
    assert boxes["x"] == ["1,024×1,024 · float32 · 4.19 MB", "mean −0.00123"]


def test_a_buffer_that_was_written_to_stays_one() -> None:
    s = Sketch()
    mean = s.value("running_mean", (4,), kind="buffer")
    x = s.value("x", (8, 4), kind="input")
    y, after = s.value("y", (8, 4)), s.value(None, (4,), version_of=mean)
    s.call("batch_norm", [x, mean], [y, after])
    boxes = [box for box in composed(s.graph(outputs=[y])).boxes if words(box)[0] == "running_mean"]
    assert [box.fill for box in boxes] == 2 * [theme("light").tensors["buffer"].fill]


@pytest.mark.parametrize(
    ("number", "told"),
    [(1, "1 param"), (554_448, "554,448 params"), (124_439_808, "124 M params"), (405_853_388_800, "406 B params")],
)
def test_parameters_have_a_unit(number: int, told: str) -> None:
    assert parameters(number) == told


# Themes and options.


def luminance(color: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("chosen", themes().values(), ids=themes())
def test_text_has_a_contrast_of_seven_to_one(chosen: Theme) -> None:
    tensors = [paint.fill for paint in chosen.tensors.values()]
    paper = [chosen.background, chosen.group.fill]
    operations = [*chosen.families.values(), chosen.operation.fill]
    for color, fills in (
        (chosen.text, [*tensors, *paper, *operations]),
        (chosen.muted, [*tensors, *paper, *operations]),
        (chosen.gradient_text, [*tensors, *paper, *operations]),
        (chosen.error, [*tensors, *paper]),
    ):
        assert all(contrast(color, fill) >= 7 for fill in fills), (color, fills)


@pytest.mark.parametrize("chosen", themes().values(), ids=themes())
def test_themes_cover_everything_that_is_painted(chosen: Theme) -> None:
    assert chosen.tensors.keys() == theme("light").tensors.keys()
    assert chosen.families.keys() == theme("light").families.keys()
    for build in GRAPHS.values():
        assert picture(build(), theme=chosen, show="backward").background == chosen.background


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": "modul"}, "unknown level: 'modul' (must be one of auto, module, function, kernel, autograd)"),
        ({"level": "modul"}, "did you mean 'module'?"),
        ({"show": "gradient"}, "unknown item to show: 'gradient' (must be one of shapes, dtypes"),
        ({"hide": ("shape",)}, "did you mean 'shapes'?"),
        ({"show": "views", "hide": "views"}, "'views' is both to be shown and to be hidden"),
        ({"direction": "up"}, "unknown direction: 'up' (must be one of LR, TB)"),
        ({"theme": "drak"}, "did you mean 'dark'?"),
        ({"engine": "dott"}, "must be one of layered, dot); did you mean 'dot'?"),
        ({"depth": 1.5}, "depth must be a whole number from 0 up, not 1.5"),
    ],
)
def test_a_wrong_option_says_what_is_right(options: dict[str, object], message: str) -> None:
    with pytest.raises(RenderError) as caught:
        picture(rnn_cell(), **options)
    assert message in str(caught.value)


def test_items_may_be_given_as_one_text() -> None:
    assert set(draw(rnn_cell(), show=",".join(ITEMS)).options.show) == set(ITEMS)
    with pytest.raises(RenderError, match="unknown theme"):
        theme("blue")


def test_stages_are_made_once() -> None:
    drawing: Drawing = draw(rnn_cell())
    assert drawing.scene is drawing.scene
    edge: Edge = drawing.scene.edges[0]
    assert edge.path
