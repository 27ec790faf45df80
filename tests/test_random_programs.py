"""Random programs compute the same when they are recorded, and replay, names and gradients agree with it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings

import tracer
from tests.random_programs import Program, programs
from tests.test_replay import same, wrong
from tracer.pytorch.replay import replay

numbers = itertools.count()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("random")


def run(program: Program, path: Path) -> tuple[dict[str, Any], str | None]:
    """The variables that a program leaves, and what it raises; intermediate tensors keep their gradients."""
    variables: dict[str, Any] = {"__name__": "__main__"}
    torch.manual_seed(0)
    try:
        exec(compile(program.forward, str(path), "exec"), variables)
        for tensor in tensors(variables).values():
            if tensor.requires_grad and not tensor.is_leaf:
                tensor.retain_grad()
        exec(program.backward, variables)
    except RuntimeError as error:
        return variables, str(error)
    return variables, None


def tensors(variables: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    return {name: held for name, held in variables.items() if isinstance(held, torch.Tensor)}


@settings(max_examples=100, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(program=programs())
def test_a_random_program_is_recorded_as_it_ran(program: Program, folder: Path) -> None:
    path = folder / f"program_{next(numbers)}.py"
    path.write_text(program.forward, encoding="utf-8")
    plain, failure = run(program, path)
    with tracer.record(keep=True) as recording:
        variables, error = run(program, path)
        ids = {name: recording.known([tensor]) for name, tensor in tensors(variables).items()}
    assert error == failure
    assert list(variables) == list(plain)

    graph = recording.whole
    found = replay(graph, recording.materials)
    assert not wrong(graph, found)
    for name, tensor in tensors(plain).items():
        assert same(tensors(variables)[name], tensor)
        (value,) = ids[name]
        assert same(found.values[value], tensor)
        assert graph.value_by_id[value].name == name
        if failure is None and tensor.requires_grad and tensor.grad is not None:
            assert same(found.gradients[value], tensor.grad)
