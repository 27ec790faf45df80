"""A program that does not finish gives the graph until then: the call that failed, its operands, its line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn

import tracer


class BadForward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: torch.Tensor) -> torch.Tensor:
        return torch.mm(a, a)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        return grad


class BadBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: torch.Tensor) -> torch.Tensor:
        return a * 2

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        return torch.mm(grad, grad)


def leaf(*shape: int) -> torch.Tensor:
    return torch.ones(*shape, requires_grad=True)


def shape_mismatch() -> None:
    h = torch.ones(2, 3) + 1
    torch.mm(h, h)  # here


def shape_mismatch_in_a_module() -> None:
    layer = nn.Linear(4, 2)
    layer(torch.ones(2, 3))  # here


def shapes_that_do_not_broadcast() -> None:
    a, b = torch.ones(2, 3), torch.ones(4)
    a + b  # here


def wrong_argument() -> None:
    torch.ones(2, 3).sum(dim=7)  # here


def index_out_of_range() -> None:
    table = nn.Embedding(3, 2)
    table(torch.tensor([5]))  # here


def out_of_memory() -> None:
    torch.empty(1 << 50)  # here


def error_in_backward() -> None:
    y = BadBackward.apply(leaf(2, 3) + 1)
    y.sum().backward()  # here


def error_in_a_custom_function() -> None:
    BadForward.apply(leaf(2, 3) + 1)  # here


def error_in_a_tensor_hook() -> None:
    h = leaf(2, 3) * 2
    h.register_hook(lambda grad: torch.mm(grad, grad))
    h.sum().backward()  # here


def error_in_a_module_hook() -> None:
    layer = nn.Linear(3, 2)
    layer.register_forward_hook(lambda module, args, out: torch.mm(out, out))
    layer(torch.ones(3, 3))  # here


def changed_before_backward() -> None:
    h = leaf(2, 3).exp()
    y = h.sum()
    h.add_(1)
    y.backward()  # here


# Program -> the operator or autograd node that fails, and the shapes of what it was given.
FAILING: dict[Any, tuple[str, list[tuple[int, ...]]]] = {
    shape_mismatch: ("mm", [(2, 3), (2, 3)]),
    shape_mismatch_in_a_module: ("addmm", [(2,), (2, 3), (4, 2)]),
    shapes_that_do_not_broadcast: ("add", [(2, 3), (4,)]),
    wrong_argument: ("sum", [(2, 3)]),
    index_out_of_range: ("embedding", [(3, 2), (1,)]),
    out_of_memory: ("empty", []),
    error_in_backward: ("mm", [(2, 3), (2, 3)]),
    error_in_a_custom_function: ("mm", [(2, 3), (2, 3)]),
    error_in_a_tensor_hook: ("mm", [(2, 3), (2, 3)]),
    error_in_a_module_hook: ("mm", [(3, 2), (3, 2)]),
}


def the_line(program: Any) -> int:
    """The line of a program that is marked as the one that fails."""
    import inspect

    lines, start = inspect.getsourcelines(program)
    return start + next(number for number, line in enumerate(lines) if "# here" in line)


def failed(graph: tracer.Graph) -> tracer.Node:
    (node,) = [node for node in graph.nodes if node.error]
    return node


@pytest.mark.parametrize("program", FAILING)
def test_the_graph_ends_in_the_call_that_failed(program: Any) -> None:
    op, shapes = FAILING[program]
    run = tracer.record()
    with pytest.raises((RuntimeError, IndexError)) as caught, run:
        program()
    node = failed(run.graph)
    assert node.op == op
    assert [run.graph.value_by_id[value].shape for value in node.inputs] == shapes
    assert str(caught.value).splitlines()[0] in node.error
    assert str(caught.value).splitlines()[0] in run.graph.meta["error"]


@pytest.mark.parametrize("program", FAILING)
def test_the_call_that_failed_has_its_line(program: Any) -> None:
    run = tracer.record()
    with pytest.raises((RuntimeError, IndexError)), run:
        program()
    source = run.graph.source(failed(run.graph))
    assert source is not None
    assert source.file == __file__
    if program in (error_in_backward, error_in_a_tensor_hook, error_in_a_module_hook, error_in_a_custom_function):
        assert "torch.mm(" in source.code
    else:
        assert source.line == the_line(program)


def test_what_was_saved_for_backward_was_written() -> None:
    run = tracer.record()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"), run:
        changed_before_backward()
    assert "modified by an inplace operation" in run.graph.meta["error"]
    assert [node.op for node in run.graph.nodes if node.phase == "forward" and not node.error] == ["exp", "sum", "add_"]


def test_a_backward_that_autograd_refuses_is_the_failing_call() -> None:
    run = tracer.record()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"), run:
        changed_before_backward()
    assert run.graph.source(failed(run.graph)).line == the_line(changed_before_backward)


def nan_check_of_the_authors() -> None:
    h = torch.log(leaf(2, 3) - 1) * 0
    assert not torch.isnan(h).any(), "h is not a number"  # here


def nan_found_by_anomaly_mode() -> None:
    with torch.autograd.set_detect_anomaly(True):
        (torch.sqrt(leaf(2, 3) - 1) * 0).sum().backward()  # here


def test_a_nan_check_of_the_authors_ends_the_graph() -> None:
    run = tracer.record()
    with pytest.raises(AssertionError), run:
        nan_check_of_the_authors()
    assert run.graph.meta["error"].startswith("AssertionError: h is not a number")
    assert [node.op for node in run.graph.nodes if "ones" not in node.op][:4] == ["sub", "log", "mul", "isnan"]


@pytest.mark.filterwarnings("ignore:Anomaly Detection", "ignore:Error detected")
def test_a_nan_in_backward_ends_the_graph() -> None:
    run = tracer.record()
    with pytest.raises(RuntimeError, match="returned nan values"), run:
        nan_found_by_anomaly_mode()
    assert "SqrtBackward0" in run.graph.meta["error"]
    assert any(node.phase == "backward" for node in run.graph.nodes)


@pytest.mark.parametrize("program", FAILING)
def test_trace_hands_out_the_graph_on_the_exception(program: Any) -> None:
    op, shapes = FAILING[program]
    with pytest.raises((RuntimeError, IndexError)) as caught:
        tracer.trace(program)
    graph = caught.value.graph  # type: ignore[union-attr]
    node = failed(graph)
    assert (node.op, [graph.value_by_id[value].shape for value in node.inputs]) == (op, shapes)


@pytest.mark.parametrize("program", FAILING)
def test_the_exception_is_the_programs_own(program: Any) -> None:
    found = []
    for around in (None, tracer.record()):
        with pytest.raises((RuntimeError, IndexError)) as caught:
            if around is None:
                program()
            else:
                with around:
                    program()
        error = caught.value
        found.append((type(error), str(error), error.args, error.__cause__, error.__context__))
    assert found[0] == found[1]


class SpeechlessError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SpeechlessError()], ids=repr)
def test_an_exception_without_a_message_is_its_class_alone(error: BaseException) -> None:
    with pytest.raises(type(error)), tracer.record() as run:
        torch.ones(2) + 1
        raise error
    assert run.graph.meta["error"] == type(error).__name__


ENDLESS = """
import sys, time, torch, tracer

def endless():
    h = torch.ones(2, 3)
    while True:
        h = torch.tanh(h)
        print("computing", flush=True)
        time.sleep(0.01)

def recorded():
    with tracer.record():
        endless()

for run in (lambda: tracer.trace(endless), recorded):
    try:
        run()
    except KeyboardInterrupt as error:
        ops = {node.op for node in error.graph.nodes}
        print("interrupted", *sorted(ops), error.graph.meta["error"], flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signal that ends one process as Ctrl-C does")
def test_ctrl_c_leaves_the_graph_until_then() -> None:
    command = [sys.executable, "-c", ENDLESS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        ends = []
        for _ in ("trace", "record"):
            assert [program.stdout.readline() for _ in range(3)] == ["computing\n"] * 3
            program.send_signal(signal.SIGINT)
            ends.append(next(line for line in program.stdout if line != "computing\n"))
        assert program.stderr.read() == ""
    assert ends == ["interrupted ones tanh KeyboardInterrupt\n"] * 2
