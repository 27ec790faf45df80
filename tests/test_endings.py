"""However a recording ends, nothing of ours is left in torch, and what was recorded until then is a graph."""

from __future__ import annotations

import contextlib
import inspect
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import tracer
from tests import conftest
from tests.commands import python


def traces() -> dict[str, Any]:
    """What a recording could leave behind, where something is left."""
    return {what: found for what, found in conftest.traces().items() if found}


def step() -> torch.Tensor:
    """A little of all that is watched: modules, backward, an optimizer, a checkpoint, the author's own function."""
    layer = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    loss = torch.utils.checkpoint.checkpoint(layer, torch.ones(1, 2), use_reentrant=False).sum()
    loss.backward()
    optimizer.step()
    return loss


class Doubling(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: torch.Tensor) -> torch.Tensor:
        return a * 2

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        raise KeyboardInterrupt


def exits() -> None:
    step()
    sys.exit(3)


def interrupted() -> None:
    step()
    raise KeyboardInterrupt


def interrupted_in_backward() -> None:
    Doubling.apply(torch.ones(2, requires_grad=True)).sum().backward()


def interrupted_in_a_module() -> None:
    layer = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    layer[1].register_forward_pre_hook(lambda *_: sys.exit(1))
    layer(torch.ones(1, 2))


def interrupted_in_a_step() -> None:
    layer = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)

    def closure() -> float:
        layer(torch.ones(1, 2)).sum().backward()
        raise KeyboardInterrupt

    optimizer.step(closure)


def fails() -> None:
    torch.mm(torch.ones(2, 3), torch.ones(2, 3))


def fails_under_a_mode_of_the_authors() -> None:
    with torch.device("cpu"), torch.autograd.set_detect_anomaly(True, check_nan=True):
        torch.log(torch.zeros(1, requires_grad=True) * 0).sum().backward()


ENDINGS: dict[Callable[[], Any], type[BaseException] | None] = {
    step: None,
    exits: SystemExit,
    interrupted: KeyboardInterrupt,
    interrupted_in_backward: KeyboardInterrupt,
    interrupted_in_a_module: SystemExit,
    interrupted_in_a_step: KeyboardInterrupt,
    fails: RuntimeError,
    fails_under_a_mode_of_the_authors: RuntimeError,
}


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.parametrize("select", ["all", "first", "last", 2])
@pytest.mark.parametrize("program", ENDINGS)
def test_nothing_is_left_however_it_ends(program: Callable[[], Any], select: Any) -> None:
    before, ending = traces(), ENDINGS[program]
    run = tracer.record(select)
    with pytest.raises(ending) if ending else contextlib.nullcontext(), run:
        program()
    assert traces() == before
    assert run.graphs or select == 2
    (step(), step())  # and torch works as ever
    assert traces() == before


@pytest.mark.parametrize("program", ENDINGS)
def test_nothing_is_left_in_nested_recordings(program: Callable[[], Any]) -> None:
    before, ending = traces(), ENDINGS[program]
    outer = tracer.record()
    with outer:
        step()
        between = traces()
        with pytest.raises(ending) if ending else contextlib.nullcontext(), tracer.record():
            program()
        assert traces() == between
        step()
    assert traces() == before
    assert sum(node.op == "addmm" for graph in outer.graphs for node in graph.nodes) >= 2


def test_repeated_recordings_leave_nothing() -> None:
    before = traces()
    for _ in range(5):
        with tracer.record() as run:
            step()
        assert traces() == before
        assert len(run.graph.nodes) > 5


def recorded_steps() -> Iterator[tracer.Recording]:
    with tracer.record() as run:
        while True:
            step()
            yield run


@pytest.mark.parametrize("ending", ["close", "throw"])
def test_a_recording_abandoned_in_a_generator_leaves_nothing(ending: str) -> None:
    before = traces()
    steps = recorded_steps()
    run = next(steps)
    if ending == "close":
        steps.close()
    else:
        with pytest.raises(ZeroDivisionError):
            steps.throw(ZeroDivisionError())
    assert traces() == before
    assert run.graph.nodes


# Endings whose traces would spoil other tests if they stay: they run in processes of their own.
STRANGE = {
    "a generator that nobody holds any more": """
        def main():
            steps = recorded_steps()
            run = next(steps)
            del steps
            gc.collect()
            return [run]
    """,
    "recordings that end in another order than they began": """
        def main():
            first, second = recorded_steps(), recorded_steps()
            runs = next(first), next(second)
            first.close()
            second.close()
            return runs
    """,
}


@pytest.mark.parametrize("name", STRANGE)
def test_strange_endings_leave_nothing(name: str, tmp_path: Path) -> None:
    program = (
        "import gc, torch, tracer\nfrom torch import nn\nfrom tracer.scalar import Scalar\n"
        + "".join(inspect.getsource(each) + "\n" for each in (step, recorded_steps))
        + textwrap.dedent(STRANGE[name])
        + "before = traces()\nruns = main()\nfound = traces()\nassert found == before, found\n"
        + "assert all(run.graph.nodes for run in runs)\n"
    )
    (tmp_path / "helper.py").write_text(Path(conftest.__file__).read_text())
    (tmp_path / "program.py").write_text(f"from helper import *\n{program}")
    done = python("program.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_recording_in_a_thread_leaves_nothing_here_or_there() -> None:
    before, found = traces(), []

    def work() -> None:
        with tracer.record() as run:
            step()
        found.append((run, traces()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    ((run, after),) = found
    assert traces() == after == before
    assert run.graph.nodes


def test_a_graph_of_torchs_that_outlives_its_recording_works_as_ever() -> None:
    x = torch.randn(3, requires_grad=True)
    with tracer.record() as run:
        y = (x * x).sum()
    before = run.whole.to_json()
    y.backward()
    assert torch.equal(x.grad, 2 * x.detach())
    assert not x._backward_hooks
    assert run.whole.to_json() == before


def test_a_recording_may_begin_between_forward_and_backward() -> None:
    x = torch.randn(3, requires_grad=True)
    y = (x * x).sum()
    with tracer.record() as run:
        y.backward()
    assert torch.equal(x.grad, 2 * x.detach())
    assert {node.phase for node in run.graph.nodes} == {"backward"}
