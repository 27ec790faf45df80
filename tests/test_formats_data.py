"""The formats for programs: rows per operation, and the placed scene."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import render
from render.formats import formats, options, split
from render.scene import Box
from tests.graphs import GRAPHS, Sketch, mlp, residual_net, rnn_cell
from tracer.graph import Graph

every_graph = pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS)


def rows(graph: Graph, **wish: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(str(render.render(graph, "csv", **wish)))))


def scene(graph: Graph, **wish: Any) -> dict[str, Any]:
    found = json.loads(render.render(graph, "scene", **wish))
    assert isinstance(found, dict)
    return found


# CSV.


@every_graph
def test_csv_has_a_row_per_operation(build: Callable[[], Graph]) -> None:
    found = rows(build())
    assert [row["id"] for row in found] == [str(node.id) for node in render.draw(build()).view.nodes]
    assert all(None not in row and None not in row.values() for row in found)


def test_csv_says_what_an_operation_read_and_made() -> None:
    row = next(row for row in rows(mlp(), level="function") if row["outputs"] == "logits")
    expected = {
        "operation": "linear",
        "module": "fc2",
        "inputs": "h; fc2.weight; fc2.bias",
        "input_shapes": "64×32; 10×32; 10",
        "output_shapes": "64×10",
        "parameters": "330",
        "gradient_norms": "0.12",
    }
    assert expected.items() <= row.items()
    assert rows(rnn_cell())[-1]["source"] == "cell.py:10"


def test_csv_has_whole_names() -> None:
    sketch = Sketch()
    name = "encoder.layers.0.self_attn.out_proj.weight"
    sketch.node("relu", [sketch.value(name, (2,), kind="parameter")], [sketch.value()])
    assert rows(sketch.graph())[0]["inputs"] == name


def test_csv_gives_a_spreadsheet_no_formulas() -> None:
    hostile = [cell for row in rows(GRAPHS["hostile"]()) for cell in row.values()]
    sketch = Sketch()
    x, total, rest = sketch.value("x", kind="input"), sketch.value("@SUM(A1)"), sketch.value()
    sketch.node("=HYPERLINK(1)", [x], [total])
    sketch.node("-", [total], [rest])
    graph = sketch.graph(outputs=(rest,))
    first, second = rows(graph)
    assert (first["operation"], first["outputs"], second["operation"]) == ("'=HYPERLINK(1)", "'@SUM(A1)", "-")
    assert not [cell for cell in hostile if cell.startswith(("=", "+", "-", "@")) and len(cell) > 1]


# The scene.


@every_graph
def test_scene_has_every_box_and_every_arrow_where_it_is_drawn(build: Callable[[], Graph]) -> None:
    drawn, found = render.picture(build()), scene(build())
    assert found.keys() == {"width", "height", "boxes", "edges"}
    assert (found["width"], found["height"]) == (drawn.width, drawn.height)
    assert [box["id"] for box in found["boxes"]] == [box.id for box in drawn.boxes]
    assert all(box.keys() == {"id", "kind", "x", "y", "w", "h", "label"} for box in found["boxes"])
    assert {box["kind"] for box in found["boxes"]} <= {"operation", "tensor", "group", "tag"}
    for edge, way in zip(found["edges"], drawn.edges, strict=True):
        assert (edge["from"], edge["to"]) == (way.tail, way.head)
        assert edge["points"][0] == pytest.approx(way.path[0], abs=0.01)
        assert edge["points"][-1] == pytest.approx(way.path[-1], abs=0.01)


def test_scene_labels_have_a_line_for_each_of_the_box() -> None:
    labels = [box["label"] for box in scene(rnn_cell())["boxes"]]
    assert "W_x\n20×10\n|grad| 3.21" in labels
    groups = [box for box in scene(residual_net(), level="function")["boxes"] if box["kind"] == "group"]
    assert groups


def test_scene_points_follow_a_curve_closely() -> None:
    found = scene(rnn_cell())
    boxes = {box.id: box for box in render.picture(rnn_cell()).boxes}
    for edge in found["edges"]:
        points = edge["points"]
        steps = [abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in pairwise(points)]
        turned = [_turn(*points[at : at + 3]) for at in range(len(points) - 2)]
        assert max(turned, default=0) < 0.7  # radians, in a bend a few pixels wide
        assert max(steps) < 200
        assert _touches(boxes[edge["from"]], points[0])
        assert _touches(boxes[edge["to"]], points[-1])


def _turn(a: list[float], b: list[float], c: list[float]) -> float:
    before, after = math.atan2(b[1] - a[1], b[0] - a[0]), math.atan2(c[1] - b[1], c[0] - b[0])
    return abs((after - before + math.pi) % (2 * math.pi) - math.pi)


def _touches(box: Box, point: list[float]) -> bool:
    x, y = point
    return box.x - 0.1 <= x <= box.x + box.width + 0.1 and box.y - 0.1 <= y <= box.y + box.height + 0.1


# Model Explorer: the rules are those of its loader and of the records in its `graph_builder.py`.


def explored(graph: Graph, **wish: Any) -> dict[str, Any]:
    document = json.loads(render.render(graph, "model-explorer", **wish))
    assert document.keys() == {"label", "graphs"}
    (found,) = document["graphs"]
    assert isinstance(found, dict)
    return found


@every_graph
def test_model_explorer_gets_the_records_it_accepts(build: Callable[[], Graph]) -> None:
    found = explored(build())
    ids = [node["id"] for node in found["nodes"]]
    assert len(set(ids)) == len(ids)
    for node in found["nodes"]:
        assert isinstance(node["label"], str)
        assert not {"", "."} & set(node["namespace"].split("/")) or not node["namespace"]
        outputs = [each["id"] for each in node["outputsMetadata"]]
        assert outputs == [str(number) for number in range(len(outputs))]
        for pair in [*node["attrs"], *(pair for each in node["outputsMetadata"] for pair in each["attrs"])]:
            assert pair.keys() == {"key", "value"}
            assert isinstance(pair["value"], str)
        for edge in node.get("incomingEdges", ()):
            assert edge["sourceNodeId"] in ids
            assert {type(part) for part in edge.values()} == {str}
    for data in found["tasksData"]["edgeOverlaysDataListLeftPane"]:
        assert data["type"] == "edge_overlays"
        assert {end for each in data["overlays"] for edge in each["edges"] for end in list(edge.values())[:2]} <= set(
            ids
        )


def test_model_explorer_gets_modules_operands_and_gradients() -> None:
    found = explored(mlp())
    by_label = {(node["namespace"], node["label"]): node for node in found["nodes"]}
    assert {("MLP/fc1", "linear"), ("MLP/fc1", "weight"), ("MLP", "relu"), ("", "cross_entropy")} <= by_label.keys()
    sources = [edge["sourceNodeId"] for edge in by_label["MLP/fc1", "linear"]["incomingEdges"]]
    assert sources == [by_label[place]["id"] for place in (("", "x"), ("MLP/fc1", "weight"), ("MLP/fc1", "bias"))]
    (data,) = found["tasksData"]["edgeOverlaysDataListLeftPane"]
    back = {(edge["sourceNodeId"], edge["targetNodeId"]): edge["label"] for edge in data["overlays"][0]["edges"]}
    assert back[by_label["MLP/fc1", "linear"]["id"], by_label["MLP/fc1", "weight"]["id"]] == "|grad| 0.21"
    assert by_label["", "argmax"]["id"] not in {tail for tail, _ in back}


def test_modules_of_one_name_stay_apart_in_model_explorer() -> None:
    sketch = Sketch()
    value = sketch.value("x", (2,), kind="input")
    for call in range(2):
        scope, made = sketch.scope("a/b", "module", "Block", call=call), sketch.value(None, (2,))
        sketch.call("relu", [value], [made], parent=scope)
        value = made
    found = explored(sketch.graph(outputs=(value,)))
    assert [node["namespace"] for node in found["nodes"]] == ["", "a∕b", "a∕b (2)"]
    assert found["groupNodeAttributes"].keys() == {"a∕b", "a∕b (2)"}


@every_graph
def test_the_heat_map_of_model_explorer_fits_its_graph(build: Callable[[], Graph]) -> None:
    found, data = explored(build()), json.loads(render.render(build(), "model-explorer-data"))
    ((name, heat),) = data.items()
    assert name == found["id"]
    assert heat["results"].keys() <= {node["id"] for node in found["nodes"]}
    assert [stop["stop"] for stop in heat["gradient"]] == [0, 1]


def test_the_heat_map_has_the_norms_of_gradients() -> None:
    heat = json.loads(render.render(rnn_cell(), "model-explorer-data"))["rnn_cell"]["results"]
    assert (heat["v2"], heat["n9"]) == ({"value": 3.85}, {"value": 4.472})


# Names of files, and options.


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.svg", ("a", ".svg")),
        ("a.b.scene.json", ("a.b", ".scene.json")),
        ("a.SCENE.Json", ("a", ".SCENE.Json")),
        ("scene.json", ("scene", ".json")),
        ("a.b.json", ("a.b", ".json")),
        (".scene.json", (".scene", ".json")),
        (".svg", (".svg", "")),
        ("a.unknown", ("a", ".unknown")),
        ("a", ("a", "")),
    ],
)
def test_the_longest_suffix_counts(name: str, parts: tuple[str, str]) -> None:
    assert split(Path("folder.json") / name) == parts


def test_every_option_of_a_format_is_described_and_has_a_kind() -> None:
    assert {"dpi", "scale", "transparent", "indent", "width"} <= options().keys()
    for name, option in options().items():
        assert option.help, name
        assert option.kind in (bool, int, float, str)
        assert all(name in formats()[each].options for each in option.formats)
