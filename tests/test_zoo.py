"""The graph of every program of the zoo can be saved, read and drawn."""

from __future__ import annotations

import pytest
import torch

import render
import tracer
from tests.zoo import ZOO


def test_the_zoo_is_large() -> None:
    assert len(ZOO) >= 80


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ZOO)
def test_a_program_gives_a_graph_that_can_be_saved_and_drawn(name: str, request: pytest.FixtureRequest) -> None:
    torch.manual_seed(0)
    with tracer.record() as run:
        ZOO[name]()
    text = run.whole.to_json()  # compared as text, for NaN does not equal itself
    assert tracer.Graph.from_json(text).to_json() == text
    assert run.graphs
    for graph in run.graphs:
        assert {value for node in graph.nodes for value in (*node.inputs, *node.outputs)} <= set(graph.value_by_id)
    if max(len(graph.nodes) for graph in run.graphs) < 1_000:
        assert all(render.render(graph, "svg").startswith("<svg") for graph in run.graphs)
