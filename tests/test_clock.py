"""Times of kernels: noted where they were asked for, and nothing else changed by that."""

from __future__ import annotations

import warnings
from pathlib import Path
from time import perf_counter

import pytest
import torch

import tracer
from tests.commands import graphtrace, write_files


def step(model: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    loss = torch.tanh(model(x)).pow(2).sum()
    loss.backward()
    return loss


def test_every_kernel_has_its_time_forward_and_backward() -> None:
    model, x = torch.nn.Linear(4, 3), torch.randn(2, 4)
    start = perf_counter()
    with tracer.record(timed=True) as run:
        step(model, x)
    whole = perf_counter() - start
    took = [node.cost["seconds"] for node in run.graph.nodes]
    assert {node.phase for node in run.graph.nodes} == {"forward", "backward"}
    assert all(seconds > 0 for seconds in took)
    assert sum(took) < whole


def test_a_kernel_that_works_longer_takes_longer() -> None:
    large, small = torch.randn(1_000_000), torch.randn(2)
    with tracer.record(timed=True) as run:
        for x in (small, large) * 5:
            torch.sin(x)
    sines = [node for node in run.graphs for node in node.nodes if node.op == "sin"]
    best = {value: min(n.cost["seconds"] for n in sines if run_shape(run, n) == value) for value in (2, 1_000_000)}
    assert best[1_000_000] > best[2]


def run_shape(run: tracer.Recording, node: tracer.Node) -> int:
    graph = next(each for each in run.graphs if node.id in each.node_by_id)
    return graph.value_by_id[node.inputs[0]].numel


def test_nothing_else_differs_from_a_recording_without_times() -> None:
    model, x = torch.nn.Linear(4, 3), torch.randn(2, 4)
    found = []
    for timed in (False, True):
        model.zero_grad()
        with tracer.record(timed=timed) as run:
            loss = step(model, x)
        costs = [{name: cost for name, cost in node.cost.items() if name != "seconds"} for node in run.graph.nodes]
        operations = [(node.id, node.op, node.inputs, node.outputs, node.call) for node in run.graph.nodes]
        found.append((loss.item(), model.weight.grad.tolist(), operations, costs, run.graph.values))  # type: ignore[union-attr]
        assert any("seconds" in node.cost for node in run.graph.nodes) is timed
    assert found[0] == found[1]


def test_passes_that_are_not_kept_are_not_timed() -> None:
    model, x = torch.nn.Linear(4, 3), torch.randn(2, 4)
    with tracer.record(2, timed=True) as run:
        for _ in range(3):
            step(model, x)
    (graph,) = run.graphs
    assert graph.meta["pass"] == 2
    assert all("seconds" in node.cost for node in graph.nodes)
    assert run.seconds is not None
    assert len(run.seconds) < 2 * len(graph.nodes)


def test_a_kernel_that_fails_fails_as_ever() -> None:
    with pytest.raises(RuntimeError, match="cannot be multiplied") as caught, tracer.record(timed=True):
        torch.randn(2, 3) @ torch.randn(2, 3)
    assert caught.value.graph.nodes[-1].error  # type: ignore[attr-defined]


def test_a_warning_names_the_line_of_the_author() -> None:
    with warnings.catch_warnings(record=True) as caught, tracer.record(timed=True):
        warnings.simplefilter("always")
        torch.searchsorted(torch.arange(6.0).reshape(2, 3).t(), torch.zeros(3, 1))
    assert [Path(each.filename).name for each in caught] == [Path(__file__).name] * len(caught)
    assert caught


def test_the_command_times_what_it_is_to_colour_by_time(tmp_path: Path) -> None:
    script = "import torch\nx = torch.randn(3, requires_grad=True)\ny = torch.tanh(x).sum()\ny.backward()\n"
    write_files(tmp_path, {"it.py": script})
    result = graphtrace("render", "it.py", "-o", "it.json", "-o", "it.svg", "--color-by", "time", cwd=tmp_path)
    assert (result.returncode, "note" in result.stderr) == (0, False), result.stderr
    graph = tracer.load(tmp_path / "it.json")
    assert all(node.cost["seconds"] > 0 for node in graph.nodes)
    assert "time that operations took, forward pass" in (tmp_path / "it.svg").read_text(encoding="utf-8")
