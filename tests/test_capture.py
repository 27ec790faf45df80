"""Capture of torch programs: what ran, on what, under which names, with which gradients; torch itself is the oracle."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import tracer
from tests.programs import forward, run

RNN_CELL = (Path(__file__).parents[1] / "demo_models" / "rnn_cell.py").read_text(encoding="utf-8")

MLP = """
import torch
from torch import nn
torch.manual_seed(0)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(8, 16)
        self.norm = nn.BatchNorm1d(16)
        self.fc2 = nn.Linear(16, 3)
    def forward(self, x):
        h = torch.relu(self.norm(self.fc1(x)))
        return self.fc2(h)
net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
images, labels = torch.randn(4, 8), torch.tensor([0, 1, 2, 0])
for step in range(3):
    optimizer.zero_grad()
    logits = net(images)
    loss = criterion(logits, labels)
    loss.backward()
    grads = {name: p.grad.norm().item() for name, p in net.named_parameters()}
    optimizer.step()
net.eval()
with torch.no_grad():
    out = net(images)
    p = out.softmax(-1)
"""


def named(graph: tracer.Graph, name: str) -> tracer.Value:
    """The last value of that name."""
    return graph.named(name)[-1]


def test_rnn_cell_has_the_authors_names_shapes_and_gradients(tmp_path: Path) -> None:
    recording, variables = run(tmp_path, RNN_CELL)
    graph = recording.graph
    for name in ("x", "prev_h", "W_h", "W_x", "i2h", "h2h", "next_h", "loss"):
        assert named(graph, name).shape == tuple(variables[name].shape)
    for name in ("W_h", "W_x"):
        assert named(graph, name).grad.norm == pytest.approx(float(variables[name].grad.norm()), rel=1e-6)
        assert named(graph, name).kind == "parameter"
    assert [v.grad.norm for v in graph.named("next_h")] == pytest.approx([0.91788, math.sqrt(20)], rel=1e-5)
    assert graph.loss == named(graph, "loss")
    assert graph.loss.data.value == pytest.approx(variables["loss"].item())
    assert forward(graph) == ["t", "mm", "t", "mm", "+", "tanh", "sum"]
    assert [graph.value_by_id[value].name for value in graph.inputs] == ["x", "prev_h"]


def test_every_call_knows_its_line(tmp_path: Path) -> None:
    recording, _ = run(tmp_path, RNN_CELL)
    graph = recording.graph
    source = graph.source(graph.producer[named(graph, "h2h").id])
    assert source is not None
    assert RNN_CELL.splitlines()[source.line - 1] == source.code
    assert source.code == "h2h = torch.mm(W_h, prev_h.t())"
    assert source.file.endswith("program.py")


def test_training_splits_into_steps_and_an_evaluation(tmp_path: Path) -> None:
    recording, variables = run(tmp_path, MLP)
    assert recording.passes == 4
    first, second, third, evaluation = recording.graphs
    assert [graph.meta["pass"] for graph in recording.graphs] == [1, 2, 3, 4]
    for graph in (first, second, third):
        assert {node.phase for node in graph.nodes} == {"forward", "backward", "update"}
        assert [graph.value_by_id[value].name for value in graph.inputs] == ["images", "labels"]
        assert [graph.value_by_id[value].name for value in graph.outputs] == ["loss"]
    assert {node.phase for node in evaluation.nodes} == {"forward"}
    assert [evaluation.value_by_id[value].name for value in evaluation.outputs] == ["p"]
    for name, norm in variables["grads"].items():
        given = next(v for v in third.named(name) if v.grad is not None)
        assert given.grad.norm == pytest.approx(norm, rel=1e-6, abs=1e-12)
    assert first.loss.data.value > third.loss.data.value


def test_modules_and_calls_nest(tmp_path: Path) -> None:
    recording, _ = run(tmp_path, MLP)
    graph = recording.graphs[0]
    addmm = [node for node in graph.nodes if node.op == "addmm" and node.phase == "forward"]
    paths = [[(scope.kind, scope.name, scope.type) for scope in graph.path(node.scope)] for node in addmm]
    assert paths[0] == [("module", "net", "Net"), ("module", "fc1", "Linear"), ("function", "linear", paths[0][2][2])]
    assert paths[1][1] == ("module", "fc2", "Linear")


def test_backward_kernels_lead_back_to_the_forward_kernel_they_differentiate(tmp_path: Path) -> None:
    recording, _ = run(tmp_path, MLP)
    graph = recording.graphs[0]
    pairs = {
        (node.op, graph.node_by_id[node.forward].op)
        for node in graph.nodes
        if node.phase == "backward" and node.forward is not None
    }
    assert ("threshold_backward", "relu") in pairs
    assert ("native_batch_norm_backward", "native_batch_norm") in pairs
    assert ("nll_loss_backward", "nll_loss_forward") in pairs
    assert ("mm", "addmm") in pairs
    unpaired = [node.op for node in graph.nodes if node.phase == "backward" and node.forward is None]
    assert unpaired == ["ones_like"]


class Witness(TorchDispatchMode):
    """Counts kernels on its own."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "detach" not in str(func):  # torch's own, to save tensors; a view of no step of the program
            self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


def test_every_kernel_is_recorded_in_order() -> None:
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    x = torch.randn(2, 3, 8)
    with Witness() as witness, tracer.record() as run_:
        model(x).sum().backward()
    assert [node.target for node in run_.whole.nodes] == witness.seen


NAMES = {
    "x = a + b": ["x"],
    "x: torch.Tensor = a + b": ["x"],
    "x = y = a + b": ["x"],
    "u, v = a + b, a * b": ["u", "v"],
    "(u, (v, w)) = a + 1, (a + 2, a + 3)": ["u", None, None],
    "u, v = a.chunk(2)": ["u", "v"],
    "parts = a.chunk(2)": ["parts[0]", "parts[1]"],
    "first, *rest = a.unbind()": ["first", "rest", None],
    "x = a\nx += b": ["x"],
    "print(x := a + b)": ["x"],
    "x = a + b if a.ndim else b": ["x"],
    "class C: pass\nc = C()\nc.h = a + b": ["c.h"],
    "d = {}\nd['k'] = a + b": ["d['k']"],
    "xs = [t + 1 for t in (a, b)]": ["xs", "xs"],
    "u, v = (t + 1 for t in (a, b))": [None, None],  # which of them goes where is not known
    "for row in a.unbind():\n    pass": ["row", "row", "row"],
    "for _ in range(2):\n    h = a + b": ["h", "h"],
    "def f(p):\n    return p + 1\ny = f(a)": ["y"],
    "def f(p):\n    q = p + 1\n    return q\ny = f(a)": ["q"],
    "total = sum([a, b])": [None, "total"],
    "x = torch.add(a, b).relu()": [None, "x"],
    "f = lambda t: t * 2\nz = f(a)": [None],
    "x = torch.einsum('i,i->', a, b)": None,
}


@pytest.mark.parametrize("code", NAMES)
def test_results_bear_the_names_they_are_assigned_to(code: str, tmp_path: Path) -> None:
    given = {"torch": torch, "a": torch.ones(3), "b": torch.ones(3)}
    recording, _ = run(tmp_path, code, **given)
    graph = recording.whole
    names = [graph.value_by_id[value].name for scope in graph.scopes for value in scope.outputs]
    if NAMES[code] is None:
        assert names[-1] == "x"
    else:
        assert names == NAMES[code]


def test_weights_from_a_generator_bear_the_names_of_the_variables_that_hold_them(tmp_path: Path) -> None:
    code = "u, v = (torch.ones(3, requires_grad=True) for _ in range(2))\ny = (u - v).sum()\ny.backward()"
    recording, _ = run(tmp_path, code, torch=torch)
    (minus,) = [scope for scope in recording.whole.scopes if scope.name == "-"]
    assert [recording.whole.value_by_id[value].name for value in minus.inputs] == ["u", "v"]


OPERATORS = {
    "a + b": "+", "a - b": "-", "a * b": "*", "a / b": "/", "a @ b": "@", "a ** 2": "**", "-a": "-", "a > b": ">",
    "a == b": "==", "1 - a": "-", "a[0]": "[0]", "a[1:]": "[1:]", "torch.add(a, b)": "add", "a.mean()": "mean",
    "~(a > b)": "~", "a.T": "T",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:The use of `x.T`")
@pytest.mark.parametrize("code", OPERATORS)
def test_calls_are_named_as_the_author_wrote_them(code: str, tmp_path: Path) -> None:
    recording, _ = run(tmp_path, f"x = {code}", torch=torch, a=torch.ones(3), b=torch.ones(3))
    assert recording.whole.scopes[-1].name == OPERATORS[code]


def test_operands_keep_order_and_repeats(tmp_path: Path) -> None:
    recording, _ = run(tmp_path, "y = x * x\nz = x - y\nw = 1 - z", x=torch.ones(3))
    graph = recording.whole
    operands = [[graph.value_by_id[value].name for value in scope.inputs] for scope in graph.scopes]
    assert operands == [["x", "x"], ["x", "y"], ["z"]]
    assert graph.scopes[-1].attrs == {"self": 1}


def test_in_place_operations_and_views_make_versions(tmp_path: Path) -> None:
    code = """
    x = torch.zeros(4)
    top = x[:2]
    top.fill_(3)
    y = x * 2
    x[3] = 7
    z = x.sum()
    """
    recording, variables = run(tmp_path, code, torch=torch)
    graph = recording.whole
    versions = graph.named("x")
    assert [v.data.value for v in versions] == [(0, 0, 0, 0), (3, 3, 0, 0), (3, 3, 0, 7)]
    assert [v.version_of for v in versions] == [None, versions[0].id, versions[1].id]
    assert graph.named("top")[0].view_of == versions[0].id
    assert graph.producer[graph.named("y")[0].id].inputs == (versions[1].id,)
    assert graph.producer[graph.named("z")[0].id].inputs == (versions[2].id,)
    assert graph.producer[versions[1].id].op == "fill_"
    assert variables["z"].item() == graph.named("z")[0].data.value


def test_identity_is_not_the_address_of_an_object() -> None:
    def chain() -> torch.Tensor:
        z = torch.zeros(3, requires_grad=True)
        for _ in range(100):
            z = z + 1
        return z.sum()

    with tracer.record() as run_:
        chain().backward()
    values = run_.graph.named("z")
    assert len(values) == 101
    assert all(run_.graph.producer[b.id].inputs == (a.id,) for a, b in itertools.pairwise(values))


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.bool, torch.complex64]
)
@pytest.mark.parametrize("shape", [(), (1,), (3, 2), (40, 5), (0, 3)])
def test_statistics_are_those_of_torch(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x = (torch.randn(shape) * 3).to(dtype)
    with tracer.record() as run_:
        x.clone()
    found = run_.whole.values[0].data
    numbers = x.abs().double() if dtype.is_complex else x.double()
    if x.numel() == 0:
        assert found.norm is None
        return
    assert found.norm == pytest.approx(float(torch.linalg.vector_norm(numbers)), rel=1e-5)
    assert found.mean == pytest.approx(float(numbers.mean()), rel=1e-4, abs=1e-6)
    assert found.std == pytest.approx(float(numbers.std(correction=0)), rel=1e-4, abs=1e-6)
    assert (found.min, found.max) == pytest.approx((float(numbers.min()), float(numbers.max())))
    assert found.zeros == int((x == 0).sum())


def test_statistics_leave_out_what_is_not_finite() -> None:
    x = torch.tensor([1.0, math.nan, math.inf, -math.inf, 3.0] * 5)
    with tracer.record() as run_:
        x + 1
    found = run_.whole.values[0].data
    assert (found.nan, found.inf, found.mean, found.max) == (5, 10, 2.0, 3.0)
    assert tracer.Graph.from_json(run_.whole.to_json()) == run_.whole


def test_gradients_of_intermediate_values_are_those_that_autograd_sees() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    x = torch.randn(5, 4)
    with tracer.record() as run_:
        h = model[0](x)
        t = torch.tanh(h)
        y = model[2](t)
        loss = y.square().mean()
        loss.backward()
    kept = [value.detach().requires_grad_() for value in (h, t, y)]
    expected = {
        "t": torch.autograd.grad(model[2](kept[1]).square().mean(), kept[1])[0],
        "h": torch.autograd.grad(model[2](torch.tanh(kept[0])).square().mean(), kept[0])[0],
        "y": torch.autograd.grad(kept[2].square().mean(), kept[2])[0],
    }
    for name, grad in expected.items():
        assert named(run_.graph, name).grad.norm == pytest.approx(float(grad.norm()), rel=1e-5)


def test_gradients_asked_for_belong_to_what_they_were_asked_for() -> None:
    w = torch.randn(3, requires_grad=True)
    with tracer.record() as run_:
        y = (w * w).sum()
        (g,) = torch.autograd.grad(y, [w])
    assert named(run_.graph, "w").grad.norm == pytest.approx(float(g.norm()))


def test_each_pass_has_its_own_gradients_when_they_accumulate() -> None:
    w = torch.ones(2, requires_grad=True)
    with tracer.record() as run_:
        for scale in (1.0, 2.0):
            (w * scale).sum().backward()
    assert [named(graph, "w").grad.norm for graph in run_.graphs] == pytest.approx([math.sqrt(2), math.sqrt(8)])


def test_parameters_without_a_gradient_say_why() -> None:
    used, frozen, unused = (torch.ones(2, requires_grad=flag) for flag in (True, False, True))
    frozen = nn.Parameter(frozen, requires_grad=False)
    with tracer.record() as run_:
        doubled = used * 2
        side = unused * doubled
        loss = (doubled * frozen).sum()
        loss.backward()
        assert side.requires_grad
    graph = run_.graph
    assert named(graph, "used").no_grad_reason is None
    assert named(graph, "frozen").no_grad_reason == "requires_grad is False"
    assert named(graph, "unused").no_grad_reason == "no path to the loss"


def test_factories_make_inputs_and_stay_in_the_model(tmp_path: Path) -> None:
    code = """
    x = torch.randn(3)
    w = torch.tensor([1., 2., 3.])
    n = torch.from_numpy(numpy.ones(3))
    z = torch.zeros(3)
    y = x * w + z + n
    """
    import numpy

    recording, _ = run(tmp_path, code, torch=torch, numpy=numpy)
    graph = recording.whole
    assert [graph.value_by_id[value].name for value in graph.inputs] == ["x", "w", "n", "z"]
    assert graph.producer[named(graph, "x").id].op == "randn"


def test_arguments_without_a_variable_bear_the_name_of_the_parameter(tmp_path: Path) -> None:
    code = """
    def scaled(features, factor=2):
        return features * factor
    class Net(torch.nn.Module):
        def forward(self, x, mask=None):
            return x * mask
    y = scaled(torch.ones(3))
    z = Net()(torch.ones(2), mask=torch.zeros(2))
    """
    recording, _ = run(tmp_path, code, torch=torch)
    graph = recording.whole
    assert [graph.value_by_id[value].name for value in graph.inputs] == ["features", "x", "mask"]


def test_a_custom_function_is_one_call_with_its_inside_below_it(tmp_path: Path) -> None:
    code = """
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a.exp() * 2
        @staticmethod
        def backward(ctx, grad):
            return grad * 3
    w = torch.ones(2, requires_grad=True)
    y = Double.apply(w)
    y.sum().backward()
    """
    recording, _ = run(tmp_path, code, torch=torch)
    graph = recording.graph
    paths = [[s.name for s in graph.path(n.scope)] for n in graph.nodes if n.phase == "forward" and n.inputs]
    assert paths == [["Double", "exp"], ["Double", "*"], ["sum"]]
    assert named(graph, "y").grad.norm == pytest.approx(math.sqrt(2))
    assert named(graph, "w").grad.norm == pytest.approx(3 * math.sqrt(2))


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_of_a_data_loader_come_from_outside(workers: int, tmp_path: Path) -> None:
    code = f"""
    data = torch.utils.data.TensorDataset(torch.randn(8, 3), torch.arange(8.))
    model = torch.nn.Linear(3, 1)
    for features, target in torch.utils.data.DataLoader(data, batch_size=4, num_workers={workers}):
        loss = (model(features).squeeze(1) - target).square().mean()
        loss.backward()
    """
    recording, _ = run(tmp_path, code, torch=torch)
    for graph in recording.graphs:
        assert [graph.value_by_id[value].name for value in graph.inputs] == ["features", "target"]


def test_two_models_have_distinct_parameter_names(tmp_path: Path) -> None:
    code = """
    G, D = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
    fake = G(torch.randn(4, 2))
    loss = D(fake).mean()
    loss.backward()
    """
    recording, _ = run(tmp_path, code, torch=torch)
    names = [value.name for value in recording.graph.values if value.kind == "parameter"]
    assert sorted(names) == ["D.bias", "D.weight", "G.bias", "G.weight"]


def test_an_update_written_by_hand_is_told_apart(tmp_path: Path) -> None:
    code = """
    w = torch.ones(3, requires_grad=True)
    for step in range(2):
        loss = (w * w).sum()
        loss.backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
            w.grad.zero_()
    """
    recording, _ = run(tmp_path, code, torch=torch)
    assert recording.passes == 2
    for graph in recording.graphs:
        assert [node.op for node in graph.nodes if node.phase == "update"] == ["mul", "sub_", "zero_"]
        assert [node.op for node in graph.nodes if node.phase == "forward"][-2:] == ["mul", "sum"]
    assert named(recording.graphs[1], "w").data.max == pytest.approx(0.64)


def test_a_failing_operation_is_in_the_graph_with_its_operands() -> None:
    run_ = tracer.record()
    a, b = torch.ones(2, 3), torch.ones(2, 3)
    with pytest.raises(RuntimeError, match="cannot be multiplied"), run_:
        c = a + b
        torch.mm(c, b)
    graph = run_.graph
    (failed,) = [node for node in graph.nodes if node.error]
    assert failed.op == "mm"
    assert [graph.value_by_id[value].name for value in failed.inputs] == ["c", "b"]
    assert "cannot be multiplied" in failed.error
    assert "cannot be multiplied" in graph.meta["error"]
    assert graph.source(failed).code == "torch.mm(c, b)"


def test_a_failure_that_the_program_caught_is_no_part_of_the_graph(tmp_path: Path) -> None:
    code = """
    try:
        y = torch.mm(a, a)
    except RuntimeError:
        y = a + 1
    """
    recording, _ = run(tmp_path, code, torch=torch, a=torch.ones(2, 3))
    assert [node.op for node in recording.graph.nodes] == ["add"]
    assert "error" not in recording.graph.meta


def test_a_graph_survives_json() -> None:
    with tracer.record() as run_:
        nn.LSTM(3, 4)(torch.randn(5, 2, 3))[0].sum().backward()
    assert tracer.Graph.from_json(run_.graph.to_json()) == run_.graph


def test_higher_level_transforms_and_control_flow_run() -> None:
    x = torch.randn(3)
    with tracer.record() as run_:
        torch.func.vmap(torch.func.grad(lambda t: (t * t).sum()))(x)
        torch.cond(x.sum() > 0, lambda t: t + 1, lambda t: t - 1, (x,))
    assert run_.whole.nodes


def test_a_wrong_selection_is_refused() -> None:
    with pytest.raises(ValueError, match="must be 'all', 'first', 'last'"):
        tracer.record("none")
    with pytest.raises(ValueError, match="number of a pass from 1"):
        tracer.record(0)


def test_control_flow_is_one_operation_with_its_gradient(tmp_path: Path) -> None:
    code = """
    y = torch.cond(w.sum() > 0, lambda a: a * 2, lambda a: a - 1, (w,))
    y.sum().backward()
    """
    recording, _ = run(tmp_path, code, torch=torch, w=torch.ones(2, requires_grad=True))
    graph = recording.graph
    assert forward(graph) == ["sum", ">", "cond", "sum"]
    assert graph.producer[named(graph, "y").id].op == "cond"
    assert named(graph, "w").grad.norm == pytest.approx(math.sqrt(8))
    assert torch.cond(torch.tensor(True), lambda a: a + 1, lambda a: a - 1, (torch.ones(1),)) == 2  # as before


def test_memory_that_nobody_filled_has_no_statistics() -> None:
    with tracer.record() as run_:
        x = torch.empty(3)
        y = torch.empty_like(x).fill_(2)
        assert y.sum() == 6
    assert [value.data is None for value in run_.whole.values[:3]] == [True, True, False]
    with tracer.record() as run_:
        weight = nn.Parameter(torch.empty(2, 2))
        weight.detach().reshape(-1)
        nn.init.ones_(weight)
    assert [value.data is None for value in run_.whole.values] == [True] * (len(run_.whole.values) - 1) + [False]


def test_a_class_of_the_authors_does_not_cut_the_graph(tmp_path: Path) -> None:
    code = """
        import torch
        class Metres(torch.Tensor):
            pass
        a = torch.ones(2).as_subclass(Metres)
        b = torch.exp(a * 2) + a
        c = b[0]
    """
    run_, _ = run(tmp_path, code)
    mul, exp, add, select = (node for node in run_.whole.nodes if node.op in ("mul", "exp", "add", "select"))
    assert exp.inputs == mul.outputs
    assert add.inputs == (*exp.outputs, *mul.inputs)
    assert select.inputs == add.outputs
    assert [value.name for value in run_.whole.values if value.id in (*add.outputs, *select.outputs)] == ["b", "c"]


PARTS = """
import torch
a = torch.arange(6.0).reshape(2, 3)
first, second = a[0], a[1]
first.mul_(2)
after = second + 1
whole = a + 1
"""


def test_a_write_to_one_part_of_a_tensor_makes_no_new_version_of_another_part(tmp_path: Path) -> None:
    recording, _ = run(tmp_path, PARTS)
    graph = recording.whole
    assert len(graph.named("second")) == 1
    assert graph.producer[named(graph, "after").id].inputs == (graph.named("second")[0].id,)
    (version,) = (value for value in graph.named("a") if value.version_of is not None)  # it lies where the write went
    assert graph.producer[named(graph, "whole").id].inputs == (version.id,)
    assert graph.producer[version.id].op == "mul_"


def test_what_an_lstm_keeps_room_for_has_no_statistics(tmp_path: Path) -> None:
    recording, _ = run(tmp_path, "import torch\nout, _ = torch.nn.LSTM(2, 3)(torch.ones(4, 1, 2))\n")
    graph = recording.whole
    (layer,) = (node for node in graph.nodes if node.op == "mkldnn_rnn_layer")
    assert [graph.value_by_id[value].data is not None for value in layer.outputs] == [True, True, True, False]


REUSED = """
import torch
kept = []
for _ in range(100):
    torch.empty(64, 64)
    kept.append((torch.ones(64, 64) @ torch.ones(64, 64)).t())
"""


def test_memory_that_is_used_again_after_an_empty_tensor_has_died_is_known_to_be_filled(tmp_path: Path) -> None:
    recording, _ = run(tmp_path, REUSED)
    turned = [node.outputs[0] for node in recording.whole.nodes if node.op == "t"]
    assert len(turned) == 100
    assert all(recording.whole.value_by_id[value].data is not None for value in turned)
