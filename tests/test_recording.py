"""Recording: which passes are kept, that the program cannot notice it, and that nothing is left of it."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import weakref
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

import tracer
from tests.programs import run
from tracer.pytorch.gradients import Gradients
from tracer.recording import PassComplete
from tracer.scalar import Scalar

if TYPE_CHECKING:
    from pathlib import Path

LOOP = """
w = torch.ones(3, requires_grad=True)
for step in range(5):
    loss = (w * (step + 1)).sum()
    loss.backward()
"""

MODULE_LOOP = """
model = torch.nn.Linear(2, 1)
x = torch.ones(4, 2)
for step in range(5):
    loss = (model(x) * (step + 1)).sum()
    loss.backward()
"""

INFERENCE = """
model = torch.nn.Linear(2, 1)
x = torch.ones(4, 2)
with torch.no_grad():
    for step in range(5):
        y = model(x) * (step + 1)
"""


def factor(graph: tracer.Graph) -> Any:
    """The number that tells the passes of the loops above apart."""
    return next(node.attrs["other"] for node in graph.nodes if node.op == "mul" and node.phase == "forward")


@pytest.mark.parametrize("code", [LOOP, MODULE_LOOP, INFERENCE])
@pytest.mark.parametrize(
    ("select", "kept"), [("all", [1, 2, 3, 4, 5]), ("first", [1]), ("last", [5]), (1, [1]), (2, [2]), (4, [4]), (7, [])]
)
def test_the_selected_passes_are_kept(code: str, select: Any, kept: list[int], tmp_path: Path) -> None:
    recording, _ = run(tmp_path, code, select=select, torch=torch)
    assert [factor(graph) for graph in recording.graphs] == kept
    assert [graph.meta["pass"] for graph in recording.graphs] == kept
    assert recording.passes == 5 or (code is INFERENCE and kept and kept[-1] <= recording.passes)


TEACHER = """
teacher, student = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
for step in range(3):
    x = torch.ones(4, 2)
    with torch.no_grad():
        wanted = teacher(x)
    loss = (student(x) - wanted).square().mean()
    loss.backward()
"""


@pytest.mark.parametrize("select", ["first", "last", "all", 2])
def test_a_teacher_without_gradients_belongs_to_the_pass_of_its_student(select: Any, tmp_path: Path) -> None:
    recording, _ = run(tmp_path, TEACHER, select=select, torch=torch)
    for graph in recording.graphs:
        assert {scope.name for scope in graph.scopes if scope.kind == "module"} == {"teacher", "student"}
        assert graph.loss is not None
    assert recording.passes == 3


GENERATE = """
class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(2, 2)

    def forward(self, state):
        return self.head(state)

    @torch.no_grad()
    def generate(self, state):
        for _ in range(4):
            state = self(state=state) + 1
        return state


model = Model()
out = model.generate(torch.ones(1, 2))
"""


@pytest.mark.parametrize("select", ["first", "all"])
def test_a_model_that_generates_by_keywords_is_one_pass_and_bears_its_name(select: Any, tmp_path: Path) -> None:
    recording, _ = run(tmp_path, GENERATE, select=select, torch=torch)
    assert recording.passes == 1
    outermost = [scope for scope in recording.graph.scopes if scope.type == "Model"]
    assert [scope.name for scope in outermost] == ["model"] * 4


@pytest.mark.parametrize("select", ["first", 3])
def test_modes_are_off_outside_the_selected_pass(select: Any) -> None:
    modes = []
    w = torch.ones(3, requires_grad=True)
    with tracer.record(select):
        for _ in range(5):
            modes.append(len(torch.overrides._get_current_function_mode_stack()))
            (w * 2).sum().backward()
    assert modes == ([1, 1, 0, 0, 0] if select == "first" else [0, 0, 1, 1, 0])


def test_last_forgets_what_came_before() -> None:
    w = torch.ones(3, requires_grad=True)
    with tracer.record("last") as run_:
        for _ in range(50):
            (w * 2).sum().backward()
            assert len(run_.builder.nodes) < 40
            assert len(run_.builder.values) < 60
    assert run_.graph.meta["pass"] == 50


def test_stop_ends_the_program_once_the_pass_is_complete() -> None:
    steps = []
    w = torch.ones(3, requires_grad=True)
    run_ = tracer.record("first", stop=True)
    with pytest.raises(PassComplete), run_:
        for step in range(5):
            steps.append(step)
            (w * 2).sum().backward()
    assert steps == [0, 1]
    assert run_.graph.loss is not None


def test_nothing_recorded_says_so() -> None:
    with tracer.record() as run_:
        assert 1 + 1 == 2
    assert run_.graphs == ()
    with pytest.raises(tracer.NothingRecorded, match="no operation ran"):
        _ = run_.graph


def test_a_recording_is_used_once() -> None:
    run_ = tracer.record()
    with run_, pytest.raises(RuntimeError, match=r"call tracer\.record"):
        run_.__enter__()


def train(seed: int) -> list[Any]:
    """A little of everything that recording might disturb; returns all that the program can see of it."""
    torch.manual_seed(seed)
    random.seed(seed)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))
    attention = nn.MultiheadAttention(8, 2, dropout=0.1)
    optimizer = torch.optim.Adam(model.parameters())
    seen: list[Any] = []
    model[0].weight.register_hook(lambda grad: seen.append(grad.clone()) or grad * 2)
    for _ in range(3):
        optimizer.zero_grad()
        x = torch.randn(6, 4)
        loss = model(x).square().mean() + attention(*[torch.randn(3, 2, 8)] * 3)[0].sum()
        loss.backward()
        optimizer.step()
        seen += [
            loss.detach(),
            *[p.detach().clone() for p in model.parameters()],
            *[b.clone() for b in model.buffers()],
        ]
    return [*seen, torch.get_rng_state(), torch.rand(2)]


@pytest.mark.parametrize("select", ["all", "first", "last", 2])
def test_results_gradients_and_random_state_are_those_of_the_plain_run(select: Any) -> None:
    plain = train(0)
    with tracer.record(select):
        recorded = train(0)
    assert len(plain) == len(recorded)
    assert all(torch.equal(a, b) for a, b in zip(plain, recorded))


def test_no_tensor_is_kept_alive() -> None:
    with tracer.record() as run_:
        x = torch.randn(5, requires_grad=True)
        h = x * 2
        loss = h.sum()
        loss.backward()
        held = [weakref.ref(tensor) for tensor in (h, loss)]
        del h, loss
        gc.collect()
        assert [reference() for reference in held] == [None, None]
    assert run_.graph.nodes


def test_an_exception_passes_through_with_its_graph() -> None:
    run_ = tracer.record()
    with pytest.raises(ZeroDivisionError), run_:
        torch.ones(2) + 1
        1 / 0  # noqa: B018
    assert run_.graph.meta["error"] == "ZeroDivisionError: division by zero"


def test_recordings_nest() -> None:
    x = torch.ones(2)
    with tracer.record() as outer:
        a = x + 1
        with tracer.record() as inner:
            b = a * 2
        c = b - 1
    assert [node.op for node in inner.whole.nodes] == ["mul"]
    assert [node.op for node in outer.whole.nodes] == ["add", "mul", "sub"]
    assert c.sum() == 6


def test_torch_and_scalar_in_one_recording() -> None:
    with tracer.record() as run_:
        s = Scalar(2.0)
        t = s * s
        t.backward()
        w = torch.ones(2, requires_grad=True)
        (w * w).sum().backward()
    assert [graph.nodes[0].target for graph in run_.graphs] == ["scalar.mul", "aten.mul.Tensor"]


def test_torch_may_be_imported_inside_a_recording() -> None:
    code = (
        "import sys, tracer\n"
        "with tracer.record() as run:\n"
        "    assert 'torch' not in sys.modules\n"
        "    import torch\n"
        "    y = torch.ones(2) + 1\n"
        "print([node.op for node in run.whole.nodes], len(sys.meta_path))\n"
    )
    finders = subprocess.run(
        [sys.executable, "-c", "import sys, torch; print(len(sys.meta_path))"], capture_output=True, text=True
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == f"['ones', 'add'] {finders.stdout.strip()}", done.stderr


@pytest.mark.filterwarnings("default")
def test_warnings_name_the_authors_line(tmp_path: Path) -> None:
    code = "x = torch.ones(3)\nz = torch.nn.functional.softmax(x)\n\ntorch.add(x, 1, out=torch.zeros(2))\n"
    with pytest.warns(UserWarning, match="Implicit dimension|was resized") as caught:
        run(tmp_path, code, torch=torch)
    assert [(warning.lineno, warning.filename.endswith("program.py")) for warning in caught] == [(2, True), (4, True)]


def test_trace_names_inputs_after_parameters() -> None:
    def cell(x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x + h)

    graph = tracer.trace(cell, torch.ones(2), h=torch.ones(2))
    assert [graph.value_by_id[value].name for value in graph.inputs] == ["x", "h"]
    assert [scope.name for scope in graph.scopes] == ["+", "tanh"]
    assert graph.name == "cell"


def test_trace_of_a_module_knows_its_outputs() -> None:
    model = nn.LSTM(3, 4)
    x = torch.randn(5, 2, 3)
    graph = tracer.trace(model, x)
    assert [graph.value_by_id[value].shape for value in graph.outputs] == [(5, 2, 4), (1, 2, 4), (1, 2, 4)]
    assert graph.scopes[0].type == "LSTM"
    assert {"weight_ih_l0", "bias_hh_l0"} <= {value.name for value in graph.values}


def test_trace_refuses_what_cannot_be_called_and_what_computes_nothing() -> None:
    with pytest.raises(TypeError, match="takes a module or function"):
        tracer.trace(3)  # type: ignore[arg-type]
    with pytest.raises(tracer.NothingRecorded):
        tracer.trace(lambda: 3)


def test_scalar_training_has_versions_and_gradients(tmp_path: Path) -> None:
    code = """
    from tracer.scalar import Scalar
    w = Scalar(3.0)
    for step in range(2):
        loss = (w - 1) ** 2
        w.grad = 0.0
        loss.backward()
        w.data -= 0.1 * w.grad
    """
    recording, _ = run(tmp_path, code)
    first, second = recording.graphs
    assert [graph.named("w")[0].data.value for graph in (first, second)] == pytest.approx([3.0, 2.6])
    assert [graph.named("w")[0].grad.value for graph in (first, second)] == pytest.approx([4.0, 3.2])
    assert [scope.name for scope in first.scopes] == ["-", "**"]
    assert first.named("loss")[0] == first.loss


def test_hooks_and_memory_do_not_pile_up_over_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    calls: list[int] = []
    real = Gradients.note
    monkeypatch.setattr(Gradients, "note", lambda self, value, grad: (calls.append(value), real(self, value, grad))[1])
    with tracer.record("last") as run_:
        for _ in range(30):
            optimizer.zero_grad()
            model(torch.ones(1, 2)).sum().backward()
            optimizer.step()
            seen, calls[:] = len(calls), []
    assert seen == 5  # weight, bias, the transposed weight, the model's result, the loss
    assert len(run_.graph.nodes) < 40


def test_what_is_only_looked_at_may_be_forgotten() -> None:
    model = nn.Linear(2, 1)
    with tracer.record("last") as run_:
        for _ in range(4):
            loss = model(torch.ones(1, 2)).sum()
            model.weight.grad  # noqa: B018 - read, and not computed with
            model.zero_grad()
            loss.backward()
    assert run_.graph.named("weight")[0].grad is not None


def test_a_failing_module_warns_of_nothing() -> None:
    layer, x, run_ = nn.Linear(2, 2), torch.ones(1, 3), tracer.record()
    with pytest.raises(RuntimeError, match="shapes"), run_:
        layer(x)
    assert [scope.type for scope in run_.graph.scopes] == ["Linear", "torch.nn.functional.linear"]


def steps() -> None:
    """Four steps of plain gradient descent on a model of two parameters."""
    torch.manual_seed(0)
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(4):
        optimizer.zero_grad()
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()


def steps_by_hand() -> None:
    """The same without modules, so that only operations tell where a step begins."""
    w, x = torch.ones(2, 2, requires_grad=True), torch.ones(1, 2)
    optimizer = torch.optim.SGD([w, torch.ones(1, requires_grad=True)], 0.1)
    for _ in range(4):
        optimizer.zero_grad()
        (x @ w).sum().backward()
        optimizer.step()


def steps_of_scalars() -> None:
    """The same on the scalar engine."""
    w = Scalar(1.0)
    for _ in range(4):
        loss = w * w
        w.grad = 0.0
        loss.backward()
        w.data -= 0.1 * w.grad


OPERATIONS = {steps: ["t", "addmm", "sum"], steps_by_hand: ["mm", "sum"], steps_of_scalars: ["*"]}


@pytest.mark.parametrize("program", OPERATIONS)
@pytest.mark.parametrize("select", ["all", "first", "last", 2])
def test_a_pass_ends_before_the_first_operation_of_the_next(select: Any, program: Any) -> None:
    with tracer.record(select) as run_:
        program()
    assert run_.graphs
    for graph in run_.graphs:
        assert [node.op for node in graph.nodes if node.phase == "forward" and node.inputs] == OPERATIONS[program]


@pytest.mark.parametrize("select", ["all", "first", "last", 2])
def test_an_update_belongs_to_the_pass_whose_gradients_it_takes(select: Any) -> None:
    with tracer.record(select) as run_:
        steps()
    for graph in run_.graphs:
        phases = [node.phase for node in graph.nodes]
        assert phases == sorted(phases, key=["forward", "backward", "update"].index)
        assert [node.op for node in graph.nodes if node.phase == "update"] == ["add_", "add_"]


class Reader(nn.Module):
    """Scores of a sequence; the states of its LSTM are handed to nobody, or out."""

    def __init__(self, states: bool) -> None:
        super().__init__()
        self.lstm, self.linear, self.states = nn.LSTM(4, 3), nn.Linear(3, 2), states

    def forward(self, sequence: torch.Tensor) -> object:
        words, (h, c) = self.lstm(sequence)
        scores = self.linear(words)
        return (scores, h, c) if self.states else scores


@pytest.mark.parametrize("states", [False, True])
def test_states_that_nothing_reads_are_outputs_where_the_program_gets_them(states: bool) -> None:
    with tracer.record() as run_:
        Reader(states)(torch.ones(5, 1, 4))
    names = [run_.graph.value_by_id[value].name for value in run_.graph.outputs]
    assert sorted(map(str, names)) == (["c", "h", "scores"] if states else ["scores"])
