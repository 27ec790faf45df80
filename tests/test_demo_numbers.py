"""The numbers of the demo models, against computations of our own that share nothing with them."""

from __future__ import annotations

import contextlib
import io
import math
from typing import Any

import pytest

import demo_models
import tracer
from tracer import script

pytest.importorskip("torch")

Q = (0.03, 0.01, 0.14, 0.20, 0.09, 0.35, 0.13, 0.03, 0.01, 0.01)  # the lecture's digit; the truth is the sixth class


@pytest.fixture(scope="module")
def run() -> Any:
    """Runs a demo once: its passes, what it printed, and its variables."""
    done: dict[str, tuple[tuple[tracer.Graph, ...], str, dict[str, Any]]] = {}

    def run(name: str, select: Any = "all") -> tuple[tuple[tracer.Graph, ...], str, dict[str, Any]]:
        if name not in done:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                outcome = script.run(script.script(str(demo_models.available()[name])), select=select, keep=True)
            assert outcome.code == 0
            done[name] = (outcome.recording.graphs, printed.getvalue(), dict(outcome.variables))
        return done[name]

    return run


def loss(graph: tracer.Graph) -> float:
    assert graph.loss is not None
    assert graph.loss.data is not None
    assert isinstance(graph.loss.data.value, float)
    return graph.loss.data.value


def grad(graph: tracer.Graph, name: str) -> Any:
    """The gradient of a tensor: its elements where it is small, the number of a scalar."""
    (value,) = graph.named(name)
    assert value.grad is not None
    return value.grad.value


def norm(graph: tracer.Graph, name: str) -> float:
    value = graph.named(name)[0]  # before an update
    assert value.grad is not None
    assert value.grad.norm is not None
    return value.grad.norm


def test_one_name_in_1024_is_ten_questions_and_ten_bits(run: Any) -> None:
    graphs, printed, _ = run("information")
    assert printed.startswith("1024 names: 10 questions\n")
    for graph in graphs:
        assert loss(graph) == pytest.approx(10)
        assert grad(graph, "N") == pytest.approx(1 / (1024 * math.log(2)))  # d log2 N / dN
    assert len(graphs) == 2


def test_the_entropy_of_the_digit(run: Any) -> None:
    graphs, printed, _ = run("entropy")
    expected = -sum(q * math.log(q) for q in Q)
    for graph in graphs:
        assert loss(graph) == pytest.approx(expected, rel=1e-6)
    assert norm(graphs[1], "q") == pytest.approx(math.hypot(*(-math.log(q) - 1 for q in Q)), rel=1e-6)
    assert "H(p) = 0.0000" in printed
    assert f"= {math.log(10):.4f}" in printed


def test_the_cross_entropy_of_the_digit_is_minus_log_of_0_35(run: Any) -> None:
    graphs, *_ = run("cross_entropy")
    assert [loss(graph) for graph in graphs] == pytest.approx([-math.log(0.35)] * 2, rel=1e-6)
    assert grad(graphs[0], "q_6") == pytest.approx(-1 / 0.35)
    assert norm(graphs[1], "q") == pytest.approx(1 / 0.35)


def test_kl_has_the_gradient_of_cross_entropy_for_entropy_is_constant(run: Any) -> None:
    (scalar, graph), printed, _ = run("kl_divergence")
    (_, other), *_ = run("cross_entropy")
    assert loss(scalar) == pytest.approx(-math.log(0.35))
    assert loss(graph) == pytest.approx(-math.log(0.35), rel=1e-6)
    assert norm(graph, "q") == norm(other, "q")
    assert grad(scalar, "q_6") == pytest.approx(-1 / 0.35)
    assert graph.named("cross_entropy")[0].grad is not None  # the picture has the way back to it,
    assert graph.named("entropy")[0].grad is None  # and none to the entropy of the truth
    assert printed.endswith("True\n")


def softmax(logits: list[float], target: int) -> tuple[float, list[float]]:
    """Loss and gradient in exact arithmetic: the exponents are integers, so e is the only rounded number."""
    from decimal import Decimal, getcontext

    getcontext().prec = 600
    powers = [Decimal(z).exp() for z in logits]
    p = [power / sum(powers) for power in powers]
    return float(-p[target].ln()), [float(each) - (index == target) for index, each in enumerate(p)]


@pytest.mark.parametrize(
    ("number", "logits", "right"),
    [
        (0, [1000.0, 1001.0, 1002.0], {"shifted", "log_softmax", "torchs_own"}),
        (1, [0.0, 1.0, 2.0], {"naive", "shifted", "log_softmax", "torchs_own"}),
        (2, [0.0, 1.0, 1000.0], {"log_softmax", "torchs_own"}),
    ],
)
def test_softmax_and_its_two_tricks(number: int, logits: list[float], right: set[str], run: Any) -> None:
    graphs, printed, _ = run("softmax")
    value, gradient = softmax(logits, 0)
    rows = [line.split() for line in printed.split("z = ")[number + 1].splitlines()[2:]]
    for graph, row in zip(graphs[4 * number :], rows, strict=False):
        found = graph.loss.data
        sound = found.value is not None and math.isfinite(found.value) and not found.nan
        assert sound == (row[0] in right)
        if sound:
            assert found.value == pytest.approx(value, rel=2e-5)
            assert [float(each) for each in row[-3:]] == pytest.approx(gradient, abs=1e-3)
    assert len(rows) == 4


def test_naive_softmax_overflows_in_the_exponential(run: Any) -> None:
    graph = run("softmax")[0][0]
    first = next(value for value in graph.values if value.data is not None and (value.data.inf or value.data.nan))
    assert (first.name, graph.producer[first.id].op, first.data.inf) == ("e", "exp", 3)


def test_the_unrolled_network_has_one_cell_a_turn_and_the_gradients_of_the_recurrence(run: Any) -> None:
    import torch

    graphs, *_ = run("rnn_unrolled")
    assert [sum(node.op == "tanh" for node in graph.nodes if node.phase == "forward") for graph in graphs] == [3, 5]
    torch.manual_seed(0)
    w_x, w_h = torch.randn(10, 20).double(), torch.randn(20, 20).double()
    for graph, length in zip(graphs, (3, 5), strict=True):
        states, inputs = [torch.zeros(20).double()], []
        for _ in range(length):
            inputs.append(torch.randn(1, 10)[0].double())
            states.append(torch.tanh(inputs[-1] @ w_x + states[-1] @ w_h))
        back, by_w_h = torch.ones(20).double(), torch.zeros(20, 20).double()
        for before, after in zip(states[-2::-1], states[:0:-1], strict=True):  # the chain rule, by hand
            local = back * (1 - after**2)
            by_w_h += torch.outer(before, local)
            back = w_h @ local
        assert loss(graph) == pytest.approx(states[-1].sum().item(), rel=1e-4)
        assert norm(graph, "W_h") == pytest.approx(by_w_h.norm().item(), rel=1e-4)


def test_the_models_in_the_looks_of_others_have_their_inputs_and_outputs(run: Any) -> None:
    (keras,), *_ = run("keras_functional")
    assert [keras.value_by_id[each].name for each in keras.inputs] == ["main_input", "auxiliary_input", "images"]
    assert [keras.value_by_id[each].name for each in keras.outputs] == ["auxiliary_output", "main_output", "digits"]
    (perceptron, two), *_ = run("tensorflow_graph")
    assert loss(two) == pytest.approx(sum(two.named(name)[0].data.value for name in ("digit_loss", "hand_loss")))
    assert perceptron.named("logits")[0].shape == (100, 10)


def test_the_static_graph_computes_what_the_dynamic_one_does(run: Any) -> None:
    (dynamic, static, *_), printed, _ = run("dynamic_vs_static")
    assert loss(static) == loss(dynamic)
    assert printed.splitlines()[-1].startswith("static:  a sequence of 3 is refused")


def test_the_bytes_held_rise_in_forward_and_come_back_to_the_gradients(run: Any) -> None:
    import torch

    variables = run("dynamic_vs_static")[2]
    rnn, sequence, timeline = variables["rnn"], variables["sequence"], variables["timeline"]
    forward, backward = timeline[: variables["steps_of_forward"]], timeline[variables["steps_of_forward"] :]
    states = len(sequence) * 32 * 20 * 4  # each is kept for backward: tanh gives its derivative from its result
    gradients = sum(4 * parameter.numel() for parameter in rnn.parameters())
    zeros, the_loss = 32 * 20 * 4, 4
    assert forward[-1] == zeros + states + the_loss
    assert gradients + the_loss <= backward[-1] < forward[-1]
    assert max(timeline) == max(backward) > max(forward)

    with torch.no_grad(), variables["BytesHeld"]() as held:
        rnn(sequence)
    assert len(held.timeline) == len(variables["plan"])
    for measured, planned in zip(held.timeline, variables["plan"], strict=True):
        assert planned <= measured  # Python holds `h` until the next is there; a plan knows better


def test_what_a_compiler_fuses_is_all_that_ran(run: Any) -> None:
    variables = run("dynamic_vs_static")[2]
    operations = [name for launch in variables["launches"] for name in launch.split(" + ")]
    nodes = run("dynamic_vs_static")[0][0].nodes
    ran = [node.op for node in nodes if node.phase == "forward" and node.op not in ("randn", "detach")]
    assert [name.replace("matmul", "mm") for name in operations] == ran
    # As in the code that torch.compile 2.13 writes for a CPU (`torch._inductor.utils.run_and_get_code`).
    assert variables["launches"] == ["zeros", "matmul", "matmul + add", "tanh", "matmul", "matmul + add", "tanh + sum"]


def test_the_practice_keeps_its_losses_gradients_and_confusions(run: Any) -> None:
    pytest.importorskip("sklearn")
    from sklearn.metrics import confusion_matrix

    (graph,), _, variables = run("mlp", "first")
    assert variables["losses"][0] == pytest.approx(loss(graph))
    for layer, norms in variables["gradients"].items():
        assert norms[0] == pytest.approx(norm(graph, f"{layer}.weight"), rel=1e-5)
    assert variables["confusion"] == confusion_matrix(variables["y"], variables["guesses"]).tolist()
    assert sum(variables["confusion"][digit][digit] for digit in range(10)) >= 0.95 * len(variables["y"])
