"""Models that nobody here wrote are recorded and replayed, forward and backward, to the last bit."""

from __future__ import annotations

import sys

import pytest
import torch

import tracer
from tracer.pytorch.fx import to_fx
from tracer.pytorch.replay import replay

if sys.version_info < (3, 11):
    pytest.skip("the pinned transformers and diffusers need Python 3.11", allow_module_level=True)

from tests.real_models import MODELS
from tests.test_replay import same, wrong

pytestmark = pytest.mark.filterwarnings("ignore")


def gradients(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: each.grad for name, each in network.named_parameters() if each.grad is not None}


@pytest.mark.parametrize("name", MODELS)
def test_a_real_model_is_replayed_forward_and_backward(name: str) -> None:
    torch.manual_seed(0)
    network, loss = MODELS[name]()
    network.train()
    torch.manual_seed(1)
    plain = loss()
    plain.backward()
    expected = gradients(network)
    network.zero_grad()

    torch.manual_seed(1)
    with tracer.record(keep=True) as run:
        recorded = loss()
        recorded.backward()
    assert torch.equal(recorded, plain)
    graph = run.whole
    found = replay(graph, run.materials)
    assert len(run.graphs) == 1
    assert graph.loss is not None
    assert torch.equal(found.values[graph.loss.id], plain)
    assert not wrong(graph, found)
    replayed = {
        value.name: found.gradients[value.id]
        for value in graph.values
        if value.kind == "parameter" and value.id in found.gradients
    }
    assert {each for each in expected if not same(expected[each], replayed[each])} == set()
    assert len(expected) >= 20


@pytest.mark.parametrize("name", ["gpt2", "unet"])
def test_a_real_model_becomes_a_module_of_fx(name: str) -> None:
    torch.manual_seed(0)
    network, loss = MODELS[name]()
    network.train()
    torch.manual_seed(1)
    with tracer.record(keep=True) as run:
        loss().backward()
    module = to_fx(run.whole, run.materials)
    outside = [value for value in run.whole.inputs if value not in run.whole.producer]
    inputs = [run.materials.values[value].clone() for value in outside]
    torch.manual_seed(1)
    outputs, known = module(*inputs)
    assert torch.equal(outputs[0], replay(run.whole, run.materials).outputs[0])
    assert all(same(known[each], gradient) for each, gradient in gradients(network).items())
