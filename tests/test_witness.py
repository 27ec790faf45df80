"""Every kernel that ran, by an independent witness, is a node of the graph, forward and backward."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import numpy
import pytest
import torch
from torch import nn

import tracer
from tests import witness
from tests.zoo import ZOO

# What the recorder does not pass yet, and why.
KNOWN: dict[str, str] = {
    "backward_in_a_thread": "the witness has no mode in that thread; under one autograd adds by `add`, else by `add_`",
}


def seeded(program: Any) -> Any:
    """The program from the same random numbers each time."""

    def run() -> Any:
        torch.manual_seed(0)
        numpy.random.seed(0)
        random.seed(0)
        return program()

    return run


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ZOO)
def test_every_kernel_is_owned_by_a_node(name: str, request: pytest.FixtureRequest) -> None:
    if name in KNOWN:
        request.applymarker(pytest.mark.xfail(strict=True, reason=KNOWN[name]))
    program = seeded(ZOO[name])
    program()  # what is made once and kept, as compiled code, is made now
    testimony = witness.testify(name, program)
    with tracer.record() as run:
        program()
    detaches = 0 if name in witness.ONE_NODE else witness.authors_detaches(program)
    assert witness.unowned(testimony, run.whole, detaches) == {}


def step() -> None:
    layer = nn.Linear(2, 2)
    nn.functional.relu(layer(torch.ones(1, 2))).sum().backward()


def test_the_witness_notices_a_dropped_kernel() -> None:
    testimony = witness.observed(step)
    with tracer.record() as run:
        step()
    graph = run.whole
    assert witness.unowned(testimony, graph, 0) == {}
    for dropped in graph.nodes:
        others = dataclasses.replace(graph, nodes=tuple(node for node in graph.nodes if node is not dropped))
        assert witness.unowned(testimony, others, 0) == {dropped.target.removesuffix(".default"): 1}


def test_the_witness_notices_a_kernel_that_never_ran() -> None:
    testimony = witness.observed(step)
    with tracer.record() as run:
        step()
        torch.ones(1).exp()
    assert witness.unowned(testimony, run.whole, 0) == {"aten.ones": -1, "aten.exp": -1}
