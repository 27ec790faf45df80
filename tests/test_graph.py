"""The model and its JSON: what is written is read back equal, and what is not ours is refused with a reason."""

from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracer
from tests import graphs
from tracer import Graph, GraphError, Node, Scope, Source, Stats, Value

if TYPE_CHECKING:
    from pathlib import Path

SMALL = Graph(
    name="f",
    nodes=(Node(5, "mul", "aten.mul.Tensor", inputs=(1, 1), outputs=(2,), scope=4, attrs={"other": 2}),),
    values=(Value(1, "x", "input", (3,), "float32"), Value(2, "y", data=Stats(norm=1.0, value=(1.0, math.inf)))),
    scopes=(Scope(3, kind="module", name="net"), Scope(4, 3, name="*", source=Source("f.py", 7, code="y = x * x"))),
    inputs=(1,),
    outputs=(2,),
    meta={"pass": 1},
)

texts = st.text(max_size=20)
floats = st.floats(allow_nan=False)
stats = st.builds(Stats, *[st.none() | st.floats(allow_nan=False, allow_infinity=False)] * 5, value=st.none() | floats)
values = st.builds(
    Value,
    id=st.just(0),
    name=st.none() | texts,
    kind=st.sampled_from(["input", "parameter", "result"]),
    shape=st.lists(st.integers(0, 9), max_size=3).map(tuple),
    dtype=texts,
    requires_grad=st.booleans(),
    data=st.none() | stats,
    grad=st.none() | stats,
)
plain = st.recursive(
    texts | st.integers() | st.booleans() | floats.filter(math.isfinite),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=5,
)


def test_a_graph_is_read_back_equal() -> None:
    assert Graph.from_json(SMALL.to_json()) == SMALL
    assert Graph.from_json(SMALL.to_json(indent=2)) == SMALL


@given(values, st.dictionaries(texts, plain, max_size=3), texts)
def test_whatever_a_graph_holds_is_read_back_equal(value: Value, attrs: dict[str, Any], name: str) -> None:
    graph = Graph(name, (Node(1, name, inputs=(0, 0), attrs=attrs),), (value,), inputs=(0,), meta=attrs)
    assert Graph.from_json(graph.to_json()) == graph


def test_json_has_no_numbers_that_json_lacks() -> None:
    text = SMALL.to_json()
    assert '"inf"' in text
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_defaults_are_left_out() -> None:
    assert "requires_grad" not in SMALL.to_json()


def test_look_ups() -> None:
    assert SMALL.named("x") == (SMALL.values[0],)
    assert SMALL.producer[2].op == "mul"
    assert [node.id for node in SMALL.consumers[1]] == [5]
    assert [scope.name for scope in SMALL.path(4)] == ["net", "*"]
    assert SMALL.source(SMALL.nodes[0]) == Source("f.py", 7, code="y = x * x")
    assert SMALL.loss is None


def test_records_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        SMALL.nodes[0].op = "add"  # type: ignore[misc]


def changed(**fields: Any) -> str:
    document = json.loads(SMALL.to_json())
    document.update(fields)
    return json.dumps(document)


BROKEN = {
    "": "not a graphtrace graph",
    SMALL.to_json()[:-20]: "not a graphtrace graph",
    "[]": 'no "schema"',
    '{"nodes": []}': 'no "schema"',
    changed(schema="graphtrace/99"): "expected 'graphtrace/1'",
    changed(schema="x" * 1000): r"schema 'x+\.\.\.",
    changed(nodes=3): "nodes must be a list",
    changed(nodes=[{"id": 5}]): "node.op is missing",
    changed(nodes=[{"id": "5", "op": "mul"}]): "node.id must be a whole number",
    changed(nodes=[{"id": 5, "op": "mul", "inputs": [99]}]): "node 5 refers to value 99",
    changed(nodes=[{"id": 5, "op": "mul", "phase": "sideways"}]): "must be one of forward, backward, update",
    changed(nodes=[{"id": 5, "op": "mul", "scope": 99}]): "scope 99, which is not there",
    changed(nodes=[{"id": 5, "op": "mul", "forward": 99}]): "differentiates node 99",
    changed(nodes=[{"id": 5, "op": "a"}, {"id": 5, "op": "b"}]): "two nodes have the same id",
    changed(scopes=[{"id": 3, "parent": 3}]): "does not stand before it",
    changed(scopes=[{"id": 3, "source": 9}]): "source 9 of",
    changed(values=[{"id": 1, "name": "x" * 1_000_001}]): "1,000,001 characters",
    changed(values=[{"id": 1, "shape": "3"}]): "value.shape must be a list",
    changed(values=[{"id": 1, "data": {"norm": "big"}}]): "stats.norm must be a number",
    changed(values=[{"id": 1, "data": {"value": {}}}]): "stats.value must be a number",
    changed(values=[{"id": 1, "view_of": 2}, {"id": 2, "version_of": 1}]): "value 1 is a view or a version of itself",
    '{"schema": "graphtrace/1", "name": NaN}': "NaN is not JSON",
    "[" * 100_000: "not a graphtrace graph",
}


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_graph_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(GraphError, match=BROKEN[text]):
        Graph.from_json(text)


def test_loading_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    path.write_text(SMALL.to_json(), encoding="utf-8")
    assert tracer.load(path) == SMALL
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(GraphError, match=r"g\.json: not a graphtrace graph: not UTF-8"):
        tracer.load(path)
    with pytest.raises(FileNotFoundError):
        tracer.load(tmp_path / "missing.json")


@pytest.mark.parametrize("name", graphs.GRAPHS)
def test_the_graphs_of_other_tests_are_consistent(name: str) -> None:
    graph = graphs.GRAPHS[name]()
    assert Graph.from_json(graph.to_json()) == graph


def test_a_deep_graph_needs_no_recursion() -> None:
    n = 20_000
    values = tuple(Value(i) for i in range(n + 1))
    nodes = tuple(Node(i, "add", inputs=(i,), outputs=(i + 1,)) for i in range(n))
    graph = Graph("deep", nodes, values)
    assert Graph.from_json(graph.to_json()) == graph


def test_what_repeats_is_held_once_but_numbers_keep_their_types() -> None:
    def node(number: int, other: Any) -> Node:
        return Node(number, "mul", "aten.mul.Scalar", inputs=(2000,), outputs=(3000,), attrs={"other": other})

    alike = [node(4000, 1), node(4001, 1), node(4002, 1.0), node(4003, True)]
    written = Graph(nodes=tuple(alike), values=(Value(2000), Value(3000))).to_json()
    read = Graph.from_json(written).nodes
    assert read[0].attrs is read[1].attrs
    assert read[0].inputs is read[1].inputs
    assert [type(each.attrs["other"]) for each in read] == [int, int, float, bool]
