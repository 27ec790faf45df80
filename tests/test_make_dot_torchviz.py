"""make_dot against torchviz itself: the same statements for the same program, whatever the options."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from render.torchviz import make_dot

if TYPE_CHECKING:
    from collections.abc import Callable

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torchviz 0.0.3 needs distutils: deprecated in Python 3.10, gone in 3.12
    torchviz = pytest.importorskip("torchviz", reason="torchviz cannot be imported here")

pytestmark = pytest.mark.filterwarnings("ignore:distutils:DeprecationWarning")

Program = tuple[Any, "dict[str, torch.Tensor] | None"]


class Scaled(torch.autograd.Function):
    """Keeps an input, a result and a number of its own."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, factor: float) -> torch.Tensor:
        out = x * factor
        ctx.save_for_backward(x, out)
        ctx.factor = factor
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        _x, _out = ctx.saved_tensors
        return grads[0] * ctx.factor, None


def mlp() -> Program:
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    return model(torch.randn(2, 8)).mean(), dict(model.named_parameters())


def rnn_loop() -> Program:
    w_h, w_x = (torch.randn(4, n, requires_grad=True) for n in (4, 3))
    h = torch.zeros(4, 1)
    for x in torch.randn(5, 3, 1):
        h = (w_h @ h + w_x @ x).tanh()
    return h.sum(), {"W_h": w_h, "W_x": w_x}


def rnn_cell() -> Program:
    w_h, w_x = torch.randn(20, 20, requires_grad=True), torch.randn(20, 10, requires_grad=True)
    x, h = torch.randn(1, 10), torch.randn(1, 20)
    return (torch.mm(w_x, x.t()) + torch.mm(w_h, h.t())).tanh().sum(), {"W_h": w_h, "W_x": w_x}


def views() -> Program:
    x = torch.randn(4, 6, requires_grad=True)
    return (x * 2).view(24)[3:9].reshape(2, 3).t(), {"x": x}


def view_of_a_leaf() -> Program:
    x = torch.randn(4, 6, requires_grad=True)
    return x[1], {"x": x}


def shared_weight() -> Program:
    layer = nn.Linear(3, 3)
    x = torch.randn(2, 3)
    return layer(layer(layer(x))).sum(), dict(layer.named_parameters())


def same_operand_twice() -> Program:
    x = torch.randn(3, requires_grad=True)
    return x * x, {"x": x}


def in_place() -> Program:
    x = torch.randn(3, 3, requires_grad=True)
    y = x * 2
    y.add_(1)
    y[0].mul_(3)
    y.relu_()
    return y, None


def custom_function() -> Program:
    x = torch.randn(3, requires_grad=True)
    return Scaled.apply(Scaled.apply(x, 2.0).sin(), 0.5).sum(), {"x": x}


def several_outputs() -> Program:
    cell = nn.LSTMCell(4, 3)
    return cell(torch.randn(2, 4)), dict(cell.named_parameters())


def outputs_one_of_another() -> Program:
    x = torch.randn(3, requires_grad=True)
    y = x.exp()
    return (y, y.sum(), x), None


def double_backward() -> Program:
    model, x = nn.Linear(3, 2), torch.randn(2, 3, requires_grad=True)
    y = model(x).tanh().mean()
    (grad,) = torch.autograd.grad(y, x, create_graph=True)
    return grad.pow(2).mean() + y, {**dict(model.named_parameters()), "x": x}


def convolution() -> Program:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    return nn.functional.cross_entropy(model(torch.randn(2, 1, 8, 8)), torch.tensor([1, 0])), None


def pieces() -> Program:
    x = torch.randn(6, 4, requires_grad=True)
    a, b, c = x.split(2)
    top, _ = torch.cat([c, a]).max(dim=1)
    return torch.stack([top.sum(), b[b > 0].sum(), x[[0, 2], [1, 1]].prod()]), {"x": x}


def attention() -> Program:
    model = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
    return model(torch.randn(2, 5, 8)), dict(model.named_parameters())


def no_gradient() -> Program:
    return torch.randn(2, 3), None


def leaf() -> Program:
    x = torch.randn(2, requires_grad=True)
    return x, {"x": x}


def scalar_leaf() -> Program:
    x = torch.tensor(2.0, requires_grad=True)
    return (x**2 + x**0.5 + 1 / x, (2 * x).clamp(0, 1)), None


PROGRAMS = [
    mlp,
    rnn_loop,
    rnn_cell,
    views,
    view_of_a_leaf,
    shared_weight,
    same_operand_twice,
    in_place,
    custom_function,
    several_outputs,
    outputs_one_of_another,
    double_backward,
    convolution,
    pieces,
    attention,
    no_gradient,
    leaf,
    scalar_leaf,
]


def statements(dot: Any) -> list[str]:
    """The lines of a drawing, with ids replaced by the order in which they come."""
    order: dict[str, str] = {}

    def numbered(match: re.Match[str]) -> str:
        return order.setdefault(match[0], f"#{len(order)}")

    lines = []
    for line in dot.body:
        ends, attributes = re.fullmatch(r"\t(\w+(?: -> \w+)?)( \[.*\])?\n", line, re.DOTALL).groups("")
        lines.append(re.sub(r"\w+(?= |$)", numbered, ends) + attributes)
    return lines


@pytest.mark.parametrize("options", [{}, {"show_attrs": True}, {"show_saved": True}, {"both": True}], ids=str)
@pytest.mark.parametrize("program", PROGRAMS)
def test_same_statements_as_torchviz(program: Callable[[], Program], options: dict[str, bool]) -> None:
    if options.get("both"):
        options = {"show_attrs": True, "show_saved": True, "max_attr_chars": 9}
    var, params = program()
    ours = make_dot(var, params=params, **options)
    theirs = torchviz.make_dot(var, params=params, **options)
    assert statements(ours) == statements(theirs)
    assert ours.node_attr == theirs.node_attr
    assert ours.graph_attr == theirs.graph_attr


def test_the_comparison_can_fail() -> None:
    x = torch.randn(3, requires_grad=True)
    assert statements(make_dot(x * x)) != statements(torchviz.make_dot(x * x.clone()))
    assert statements(make_dot(x * x)) != statements(torchviz.make_dot(x * x, params={"x": x}))
