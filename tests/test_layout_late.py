"""An input that a module reads late is drawn where it is read; one that it reads early stays outside."""

from __future__ import annotations

from dataclasses import replace

import pytest

from render.layout import place
from render.layout.late import LATE, where_read
from render.layout.tags import per_use
from render.scene import Box, Edge, Scene, Text
from tests.geometry import problems
from tests.scenes import chain_pairs, group, operation, scene, tensor

LAYERS = [f"layer{each}" for each in range(LATE + 1)]
TOWER = [f"tower{each}" for each in range(LATE + 1)]


def named(name: str) -> Box:
    return replace(tensor(name), lines=((Text(name, 17, "#1f2937", width=60),),))


def classifier(*, words: str = "labels", inner: str = "model") -> Scene:
    """Layers in a row in a model, and a loss that compares what they give with an input."""
    inside = [operation(name, "model") for name in LAYERS]
    late = [tensor("labels")] if words == "labels" else []
    pairs = [("x", LAYERS[0]), *chain_pairs(*LAYERS, "loss"), (words, "view"), ("view", "loss")]
    groups = [group("model"), *([group(inner, "model")] if inner != "model" else [])]
    return scene([named("x"), *late, *groups, *inside, operation("view", inner), operation("loss", inner)], pairs)


def group_of(found: Scene, name: str) -> str | None:
    return next(box.group for box in found.boxes if box.id == name)


def test_labels_lie_beside_the_loss_and_the_input_stays_outside() -> None:
    found = where_read(classifier())
    assert (group_of(found, "labels"), group_of(found, "x")) == ("model", None)


def test_labels_lie_outside_of_a_module_that_reads_them_at_once() -> None:
    assert group_of(where_read(classifier(inner="criterion")), "labels") == "model"


def test_what_is_read_early_and_late_has_a_tag_at_its_late_use() -> None:
    found = where_read(per_use(classifier(words="x")))
    (tag,) = [box for box in found.boxes if box.kind == "tag"]
    assert (tag.group, tag.lines[0][0].text) == ("model", "x")
    assert {(edge.tail, edge.head) for edge in found.edges if edge.tail in ("x", tag.id)} == {
        ("x", LAYERS[0]),
        (tag.id, "view"),
    }


def test_a_module_that_ran_late_beside_another_reads_its_input_at_its_beginning() -> None:
    inside = [operation(name, "model") for name in (*LAYERS, *TOWER, "loss")]
    pairs = [("x", LAYERS[0]), *chain_pairs(*LAYERS, "loss"), ("text", TOWER[0]), *chain_pairs(*TOWER, "loss")]
    given = scene([named("x"), tensor("text"), group("model"), *inside], pairs)
    assert group_of(where_read(given), "text") is None


def test_what_ran_early_and_is_needed_late_keeps_its_input_outside() -> None:
    mask = [operation(name, "model") for name in LAYERS]
    boxes = [tensor("words"), group("model"), operation("embed", "model"), *mask, operation("encoder", "model")]
    pairs = [("words", "embed"), ("embed", "encoder"), *chain_pairs(*LAYERS, "encoder")]
    assert group_of(where_read(scene(boxes, pairs)), "words") is None


def test_the_first_state_of_a_loop_that_is_drawn_once_stays_outside_of_it() -> None:
    given = classifier()
    back = Edge("back", "loss", LAYERS[0], order=1, back=True)
    assert group_of(where_read(replace(given, edges=(*given.edges, back))), "labels") is None


def test_a_picture_without_modules_is_as_it_was() -> None:
    given = scene([named("x"), *map(operation, LAYERS)], [*chain_pairs(*LAYERS), ("x", LAYERS[-1])])
    assert where_read(given) is given


@pytest.mark.parametrize("words", ["labels", "x"])
@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_the_line_of_a_late_input_is_short(direction: str, words: str) -> None:
    placed = place(replace(classifier(words=words), direction=direction))  # type: ignore[arg-type]
    assert problems(placed) == []
    (line,) = [edge.path for edge in placed.edges if edge.head == "view"]
    along = 0 if direction == "LR" else 1
    assert line[-1][along] - line[0][along] < 60
