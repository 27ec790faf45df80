"""Every program of the zoo computes the same with and without a recording, and its graph can be saved and drawn."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
import torch

import render
import tracer
from tests.zoo import ZOO


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return bool(a == b)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ZOO)
def test_a_recording_changes_nothing_and_gives_a_graph(name: str) -> None:
    torch.manual_seed(0)
    plain, plain_state = ZOO[name](), torch.get_rng_state()
    torch.manual_seed(0)
    with tracer.record() as run:
        recorded = ZOO[name]()
    assert same(plain, recorded)
    assert torch.equal(plain_state, torch.get_rng_state())
    text = run.whole.to_json()  # compared as text, for NaN does not equal itself
    assert tracer.Graph.from_json(text).to_json() == text
    assert run.graphs
    for graph in run.graphs:
        assert render.render(graph, "svg").startswith("<svg")
        assert {value for node in graph.nodes for value in (*node.inputs, *node.outputs)} <= set(graph.value_by_id)


def test_the_comparison_can_fail() -> None:
    assert not same([torch.ones(2)], [torch.zeros(2)])
    assert same((numpy.float64(1), "a"), (1.0, "a"))
