"""Boxes coloured by a quantity: the scale, what stands out, and that every colour says itself in words too."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from render import RenderError, draw, figures, render, text
from render.annotate import MARGIN
from render.heat import Heat
from render.options import STYLES
from render.quantities import QUANTITIES
from render.scale import Ramp, Span
from render.scene import Box, Scene
from render.theme import Theme, theme, themes
from render.words import WORDS, Words
from tests.graphs import GRAPHS, Sketch, mlp, neuron, residual_net, rnn_cell
from tests.test_compose import contrast, luminance
from tracer.graph import Graph, Stats

every_theme = pytest.mark.parametrize("chosen", themes().values(), ids=themes())


def vanishing() -> Graph:
    """A chain whose gradients shrink towards its beginning, with one that never came, one of zero and one with NaN."""
    s = Sketch()
    facts = {"dtype": "float32", "device": "cpu", "requires_grad": True}
    value = s.value("x", (8, 4), kind="input", dtype="float32", device="cpu")
    for step in range(6):
        made = s.value(f"h{step}", (8, 4), grad=10.0 ** (3 * step - 15), data=Stats(norm=2.0), nbytes=128, **facts)
        s.call("sigmoid", [value], [made], cost={"flops": 1000 * step, "seconds": 1e-3})
        value = made
    s.call("relu", [value], [s.value("unused", (8, 4), **facts)])
    s.call("relu", [value], [s.value("still", (8, 4), grad=0.0, **facts)])
    s.call("log", [value], [s.value("broken", (8, 4), grad=Stats(norm=1.0, nan=3), **facts)])
    return s.graph(outputs=(value,))


def by_name(scene: Scene) -> dict[str, Box]:
    return {text.plain(box.lines[0]): box for box in scene.boxes if box.lines}


def said(box: Box) -> list[str]:
    return [text.plain(line) for line in box.lines]


def legend(scene: Scene) -> list[str]:
    return [run.text for label in scene.labels for run in label.runs]


# Gradients.


def test_a_gradient_that_vanishes_is_seen_and_told() -> None:
    drawing = draw(vanishing(), color_by="gradient", style="data")
    boxes = by_name(drawing.composed)
    lightness = [luminance(boxes[f"h{step}"].fill) for step in range(6)]
    assert lightness == sorted(lightness, reverse=True)
    assert len(set(lightness)) == 6
    assert "|grad| spans 15 orders of magnitude: from 1e−15 at h0 to 1 at h5" in drawing.notes[0]
    assert {"1e−15", "1e−10", "1e−5", "1"} <= set(legend(drawing.scene))


def test_what_is_no_amount_stands_out_by_its_border_and_in_words() -> None:
    drawing = draw(vanishing(), color_by="gradient", style="data")
    boxes, background = by_name(drawing.composed), theme("light").background
    unused, still, broken = (boxes[name] for name in ("unused", "still", "broken"))
    assert {box.fill for box in (unused, still, broken)} == {background}
    assert [box.dashed for box in (unused, still, broken)] == [True, False, False]
    assert [box.double for box in (unused, still, broken)] == [False, False, True]
    assert [said(box)[-1] for box in (unused, still, broken)] == ["no gradient", "|grad| 0", "|grad| 1 · nan 3"]
    assert {"no gradient (1)", "exactly 0 (1)", "nan or inf (1)"} <= set(legend(drawing.scene))
    assert "nan or inf came up first in the gradient of broken" in drawing.notes[0]


def test_the_legend_lists_only_what_is_there() -> None:
    words = legend(draw(rnn_cell(), color_by="gradient").scene)
    assert not [word for word in words if word.startswith(("no gradient", "exactly 0", "nan or inf"))]
    assert words.count("|grad| norm of the gradient") == 1


def test_an_operation_shows_the_gradient_of_its_parameters_together() -> None:
    boxes = by_name(draw(mlp(), level="module", color_by="gradient").composed)
    assert "|grad| 0.297" in said(boxes["fc1"])  # sqrt(0.21**2 + 0.21**2)


def test_every_turn_of_what_repeats_is_drawn_for_its_numbers() -> None:
    plain, coloured = draw(residual_net(12)).view, draw(residual_net(12), color_by="gradient").view
    assert len(coloured.nodes) > len(plain.nodes)


@every_theme
def test_nothing_but_a_missing_gradient_is_dashed(chosen: Theme) -> None:
    scene = draw(vanishing(), color_by="gradient", style="data", theme=chosen).composed
    dashed = [text.plain(box.lines[0]) for box in scene.boxes if box.dashed and box.kind != "group"]
    assert dashed == ["unused"]


def test_what_is_folded_away_is_told_where_it_lies_beyond_the_scale() -> None:
    s = Sketch()
    value = s.value("x", (8, 4), kind="input")
    for layer in range(3):
        scope = s.scope(f"{layer}", "module", "Linear", inputs=(value,))
        weight = s.value(f"{layer}.weight", (4, 4), kind="parameter", grad=10.0 ** (3 * layer - 9), requires_grad=True)
        made = s.value(None, (8, 4), requires_grad=True)
        s.call("linear", [value, weight], [made], parent=scope)
        value = made
    graph = s.graph(outputs=(value,))
    assert not [note for note in draw(graph, color_by="gradient").notes if "beyond" in note]
    (note,) = [note for note in draw(graph, color_by="gradient", view="fold").notes if "beyond" in note]
    assert note == "not drawn by itself, and beyond the scale: |grad| 1e−9 at 0.weight"


def test_figures_that_a_graph_is_split_into_have_the_scale_of_the_whole() -> None:
    found = figures(vanishing(), size="6x3.6", split=True, color_by="gradient", style="data")
    assert len(found) > 1
    for each in found:
        assert each.heat is not None
        assert each.heat.span == Span(1e-15, 1.0)
        assert {"1e−15", "1"} <= set(legend(each.scene))
    marks = [[word for word in legend(each.scene) if word.startswith("no gradient")] for each in found]
    assert sum(map(len, marks)) == 1  # where it is


# Other quantities.


@pytest.mark.parametrize(
    ("quantity", "words"),
    [
        ("activation", "rms 0.354"),  # 2 / sqrt(32)
        ("memory", "128 B"),
        ("dtype", "float32"),
        ("device", "cpu"),
    ],
)
def test_tensors_have_quantities(quantity: str, words: str) -> None:
    assert words in said(by_name(draw(vanishing(), color_by=quantity, style="data").composed)["h1"])


@pytest.mark.parametrize(("quantity", "words"), [("flops", "5 kFLOP"), ("time", "1 ms")])
def test_operations_have_quantities(quantity: str, words: str) -> None:
    scene = draw(vanishing(), color_by=quantity, style="data").composed
    assert words in said([box for box in scene.boxes if text.plain(box.lines[0]) == "sigmoid"][-1])


def test_a_closed_module_has_the_sum_of_what_it_holds() -> None:
    s = Sketch()
    x = s.value("x", (4,), kind="input")
    root = s.scope("net", "module", "Net", inputs=(x,))
    for _ in range(3):
        made = s.value(None, (4,), nbytes=16, data=Stats(norm=3.0))
        s.call("relu", [x], [made], parent=root, cost={"flops": 500, "seconds": 0.002})
        x = made
    graph = s.graph(outputs=(x,))
    for quantity, words in (("flops", "1.5 kFLOP"), ("time", "6 ms"), ("memory", "48 B"), ("activation", "rms 1.5")):
        assert words in said(by_name(draw(graph, level="module", color_by=quantity).composed)["net"]), quantity


def test_indices_have_no_activation() -> None:
    s = Sketch()
    x = s.value("x", (2,), kind="input", dtype="int64", data=Stats(norm=5.0))
    s.call("one_hot", [x], [s.value("y", (2, 3), dtype="float32", data=Stats(norm=5.0))])
    boxes = by_name(draw(s.graph(outputs=(1,)), color_by="activation", style="data").composed)
    assert (said(boxes["x"]), said(boxes["y"])) == (["x", "2"], ["y", "2×3", "rms 2.04"])


def test_amounts_that_add_up_are_on_a_linear_scale() -> None:
    assert Span(1.0, 4.0, linear=True).share(1.0) == 0.25
    assert Span(1.0, 100.0).share(10.0) == pytest.approx(0.5)
    assert Span(7.0, 7.0).share(7.0) == 1.0


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_what_a_graph_does_not_have_leaves_the_picture_as_it_is_and_says_why(quantity: str) -> None:
    s = Sketch()
    x, y = s.value("x", (2,), kind="input"), s.value("y", (2,))
    s.call("relu", [x], [y])
    plain, drawing = draw(s.graph(outputs=(y,))), draw(s.graph(outputs=(y,)), color_by=quantity)
    assert drawing.composed.boxes == plain.composed.boxes
    assert drawing.notes[-1].startswith(f"not coloured by {quantity}: ")


def test_a_wrong_quantity_has_near_matches() -> None:
    with pytest.raises(RenderError, match=r"unknown quantity to color by: 'gradients' .*did you mean 'gradient'"):
        draw(rnn_cell(), color_by="gradients")


# Colours.


@every_theme
def test_text_keeps_its_contrast_on_every_colour(chosen: Theme) -> None:
    ramp = Ramp(**chosen.heat)
    fills = [*(ramp.at(step / 100) for step in range(101)), *chosen.categories.values(), chosen.background]
    assert all(contrast(chosen.text, fill) >= 7 for fill in fills)
    assert contrast(chosen.error, chosen.background) >= 7


@every_theme
def test_lightness_goes_one_way_so_that_grey_print_tells_the_same(chosen: Theme) -> None:
    ramp = [luminance(Ramp(**chosen.heat).at(step / 20)) for step in range(21)]
    assert ramp in (sorted(ramp), sorted(ramp, reverse=True))
    assert len(set(ramp)) == 21
    kinds = sorted(map(luminance, chosen.categories.values()))
    assert all(later - before > 0.004 for before, later in pairwise(kinds))


@every_theme
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_coloured_box_says_in_words_what_its_colour_says(quantity: str, style: str, chosen: Theme) -> None:
    for build in (vanishing, neuron):
        drawing = draw(build(), color_by=quantity, style=style, theme=chosen)
        heat = drawing.heat
        assert isinstance(heat, Heat)
        for box in drawing.composed.boxes:
            for run in (run for line in box.lines for run in line):
                assert contrast(run.color, box.fill) >= 7
            if box.id in heat.readings:
                amount = heat.readings[box.id].words.split()[-1]
                assert any(amount in line for line in said(box)), (box.id, said(box))


@pytest.mark.parametrize("name", ["svg", "pdf", "tikz", "dot", "mermaid", "scene"])
@pytest.mark.parametrize("quantity", ["gradient", "dtype"])
def test_every_format_draws_it(name: str, quantity: str) -> None:
    assert render(vanishing(), name, color_by=quantity)


@pytest.mark.parametrize("name", ["svg", "dot", "mermaid", "text"])
def test_every_format_says_in_words_what_the_colours_mean(name: str) -> None:
    sentence = (
        "Coloured by |grad| norm of the gradient: from 1e−15 to 1, no gradient (1), exactly 0 (1), nan or inf (1)."
    )
    assert sentence in draw(vanishing(), color_by="gradient").composed.description
    written = " ".join(str(render(vanishing(), name, color_by="gradient")).split())
    assert "Coloured by" in written
    assert sentence in written or name == "mermaid"  # which spells signs by their numbers


# The scale.


@pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize("quantity", ["gradient", "memory", "dtype"])
def test_the_scale_lies_in_the_picture_and_no_number_on_another(quantity: str, build: object) -> None:
    scene = draw(build(), color_by=quantity).scene  # type: ignore[operator]
    rows: dict[float, list[tuple[float, float]]] = {}
    for label in scene.labels:
        rows.setdefault(label.y, []).append((label.x, label.x + text.line_width(label.runs)))
        assert label.x + text.line_width(label.runs) <= scene.width
    for row in rows.values():
        assert all(end < start for (_, end), (start, _) in zip(sorted(row), sorted(row)[1:], strict=False))
    for swatch in scene.swatches:
        assert MARGIN - 2 <= swatch.x <= swatch.x + swatch.width <= scene.width
        assert swatch.y + swatch.height <= scene.height


@given(st.floats(1e-300, 1e300), st.floats(1.0, 1e8), st.booleans())
def test_ticks_rise_from_end_to_end(low: float, ratio: float, linear: bool) -> None:
    high = min(low * ratio, 1e300)
    span = Span(low, high, linear)
    ticks = span.ticks(6)
    assert ticks == sorted(ticks)
    assert len(ticks) <= 12
    assert ticks[-1] == high
    assert all(0 <= span.share(tick) <= 1 for tick in ticks)
    assert math.isfinite(span.share(low))


@pytest.mark.parametrize("name", QUANTITIES)
def test_the_scale_speaks_every_language(name: str) -> None:
    heat = draw(neuron(), color_by=name).heat
    assert heat is not None
    titles = [QUANTITIES[name].title(Words(lang)) for lang in WORDS]
    assert len(set(titles)) == len(WORDS)
    if heat.readings:
        assert [scale.title.text for scale in map(heat.scale, map(Words, WORDS)) if scale is not None] == titles
