"""Small graphs built by hand, for tests that need a graph and no program to trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tracer.graph import Graph, Node, Phase, Scope, ScopeKind, Source, Stats, Value


@dataclass
class Sketch:
    """Collects records with consecutive ids, as a capture would."""

    nodes: list[Node] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)

    def value(self, name: str | None = None, shape: Sequence[int] = (), **facts: Any) -> int:
        grad = facts.pop("grad", None)
        data = facts.pop("data", None)
        if isinstance(grad, (int, float)):
            grad = Stats(norm=abs(float(grad)), value=float(grad) if shape == () else None)
        if isinstance(data, (int, float)):
            data = Stats(value=float(data))
        self.values.append(Value(len(self.values), name, shape=tuple(shape), grad=grad, data=data, **facts))
        return len(self.values) - 1

    def scope(self, name: str, kind: ScopeKind = "function", type: str = "", **facts: Any) -> int:  # noqa: A002
        self.scopes.append(Scope(len(self.scopes), kind=kind, name=name, type=type, **facts))
        return len(self.scopes) - 1

    def call(
        self, op: str, inputs: Sequence[int], outputs: Sequence[int], *, parent: int | None = None, line: int = 0,
        phase: Phase = "forward", **facts: Any,
    ) -> int:  # fmt: skip
        """A function the author called, with one kernel of the same name inside."""
        source = Source("cell.py", line) if line else None
        scope = self.scope(
            op, type=f"torch.{op}", parent=parent, source=source, inputs=tuple(inputs), outputs=tuple(outputs),
            attrs=facts.pop("attrs", {}),
        )  # fmt: skip
        return self.node(op, inputs, outputs, scope=scope, phase=phase, **facts)

    def node(self, op: str, inputs: Sequence[int], outputs: Sequence[int], **facts: Any) -> int:
        target = facts.pop("target", f"aten.{op}.default")
        self.nodes.append(Node(len(self.nodes), op, target, inputs=tuple(inputs), outputs=tuple(outputs), **facts))
        return len(self.nodes) - 1

    def graph(self, name: str = "graph", outputs: Sequence[int] = (), **meta: Any) -> Graph:
        made = {value for node in self.nodes for value in node.outputs}
        inputs = tuple(v.id for v in self.values if v.kind == "input" and v.id not in made)
        return Graph(name, tuple(self.nodes), tuple(self.values), tuple(self.scopes), inputs, tuple(outputs), meta=meta)


def rnn_cell() -> Graph:
    """The RNN cell of demo_models/rnn_cell.py, with the factories and the gradients of a real run."""
    s = Sketch()
    x = s.value("x", (1, 10), kind="input", dtype="float32", device="cpu")
    prev_h = s.value("prev_h", (1, 20), kind="input", dtype="float32", device="cpu")
    w_h = s.value("W_h", (20, 20), kind="parameter", grad=3.85, requires_grad=True)
    w_x = s.value("W_x", (20, 10), kind="parameter", grad=3.21, requires_grad=True)
    for made, line in ((x, 1), (prev_h, 2), (w_h, 3), (w_x, 4)):
        s.call("randn", [], [made], line=line)
    xt = s.value(None, (10, 1), view_of=x)
    i2h = s.value("i2h", (20, 1), grad=0.918, requires_grad=True)
    ht = s.value(None, (20, 1), view_of=prev_h)
    h2h = s.value("h2h", (20, 1), grad=0.918, requires_grad=True)
    before = s.value("next_h", (20, 1), grad=0.918, requires_grad=True)
    after = s.value("next_h", (20, 1), grad=4.472, requires_grad=True)
    loss = s.value("loss", (), grad=1.0, data=-2.452, requires_grad=True)
    s.call("t", [x], [xt], line=6)
    s.call("mm", [w_x, xt], [i2h], line=6, attrs={"grad_fn": "MmBackward0"})
    s.call("t", [prev_h], [ht], line=7)
    s.call("mm", [w_h, ht], [h2h], line=7)
    s.call("+", [i2h, h2h], [before], line=8)
    s.call("tanh", [before], [after], line=9)
    s.call("sum", [after], [loss], line=10)
    for node, grad_fn in ((5, "MmBackward0"), (7, "MmBackward0"), (8, "AddBackward0"), (9, "TanhBackward0"),
                          (10, "SumBackward0")):  # fmt: skip
        s.nodes[node] = Node(**{**_fields(s.nodes[node]), "attrs": {"grad_fn": grad_fn}})
    _backward(s, [loss, after, before])
    return s.graph("rnn_cell", outputs=(loss,), loss=loss)


def _backward(s: Sketch, forward: list[int]) -> None:
    """The kernels that backward ran for sum and tanh, each in a scope named after its autograd node."""
    seed = s.value(None, (), device="cpu")
    s.call("ones_like", [forward[0]], [seed], phase="backward")
    spread = s.value(None, (20, 1), device="cpu")
    scope = s.scope("SumBackward0", type="SumBackward0")
    s.node("expand", [seed], [spread], scope=scope, phase="backward", forward=10)
    through = s.value(None, (20, 1), device="cpu")
    scope = s.scope("TanhBackward0", type="TanhBackward0")
    s.node("tanh_backward", [spread, forward[1]], [through], scope=scope, phase="backward", forward=9)


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


def residual_net(blocks: int = 1, width: int = 16) -> Graph:
    """A small convolutional network: stem, residual blocks, mean, head and loss; modules three deep."""
    s = Sketch()
    images = s.value("images", (4, 3, 32, 32), kind="input", dtype="float32", device="cpu")
    root = s.scope("", "module", "SmallResNet", inputs=(images,))
    x = _convolution(s, "stem", root, images, (4, width, 32, 32), 3)
    for number in range(blocks):
        x = _block(s, f"blocks.{number}", root, x, width)
    pooled = s.value(None, (4, width), requires_grad=True, device="cpu")
    s.call("mean", [x], [pooled], parent=root, attrs={"dim": (2, 3)})
    logits = s.value("logits", (4, 10), requires_grad=True, device="cpu")
    _linear(s, "head", root, pooled, logits, width, 10)
    target = s.value("target", (4,), kind="input", dtype="int64", device="cpu")
    loss = s.value("loss", (), data=2.41, requires_grad=True, device="cpu")
    s.call("cross_entropy", [logits, target], [loss])
    return s.graph("SmallResNet", outputs=(loss,), loss=loss)


def _convolution(s: Sketch, name: str, parent: int, x: int, shape: tuple[int, ...], channels: int) -> int:
    weight = s.value(f"{name}.weight", (shape[1], channels, 3, 3), kind="parameter", requires_grad=True, device="cpu")
    out = s.value(None, shape, requires_grad=True, device="cpu")
    scope = s.scope(name, "module", "Conv2d", parent=parent, inputs=(x,), outputs=(out,))
    s.call("conv2d", [x, weight], [out], parent=scope, attrs={"stride": (1, 1)})
    return out


def _linear(
    s: Sketch, name: str, parent: int, x: int, out: int, fan_in: int, fan_out: int, grad: float | None = None
) -> None:
    weight = s.value(f"{name}.weight", (fan_out, fan_in), kind="parameter", requires_grad=True, device="cpu", grad=grad)
    bias = s.value(f"{name}.bias", (fan_out,), kind="parameter", requires_grad=True, device="cpu", grad=grad)
    scope = s.scope(name, "module", "Linear", parent=parent, inputs=(x,), outputs=(out,))
    call = s.scope("linear", type="torch.nn.functional.linear", parent=scope, inputs=(x, weight, bias), outputs=(out,))
    turned = s.value(None, (fan_in, fan_out), view_of=weight, requires_grad=True, device="cpu")
    s.node("t", [weight], [turned], scope=call, attrs={"grad_fn": "TBackward0"})
    s.node("addmm", [bias, x, turned], [out], scope=call, attrs={"grad_fn": "AddmmBackward0"})


def _block(s: Sketch, name: str, parent: int, x: int, width: int) -> int:
    scope = s.scope(name, "module", "Block", parent=parent, inputs=(x,))
    shape = (4, width, 32, 32)
    y = x
    for number in (1, 2):
        y = _convolution(s, f"{name}.conv{number}", scope, y, shape, width)
        y = _norm(s, f"{name}.bn{number}", scope, y, shape)
        if number == 1:
            rectified = s.value(None, shape, requires_grad=True, device="cpu")
            s.call("relu", [y], [rectified], parent=scope)
            y = rectified
    out = s.value(None, shape, requires_grad=True, device="cpu")
    s.call("+", [x, y], [out], parent=scope)
    s.scopes[scope] = Scope(**{**_fields(s.scopes[scope]), "outputs": (out,)})
    return out


def _norm(s: Sketch, name: str, parent: int, x: int, shape: tuple[int, ...]) -> int:
    scale = s.value(f"{name}.weight", shape[1:2], kind="parameter", requires_grad=True, device="cpu")
    shift = s.value(f"{name}.bias", shape[1:2], kind="parameter", requires_grad=True, device="cpu")
    seen = s.value(f"{name}.running_mean", shape[1:2], kind="buffer", device="cpu")
    out = s.value(None, shape, requires_grad=True, device="cpu")
    scope = s.scope(name, "module", "BatchNorm2d", parent=parent, inputs=(x,), outputs=(out,))
    s.call("batch_norm", [x, scale, shift, seen], [out], parent=scope)
    return out


def mlp() -> Graph:
    """Two linear layers in a module, with gradients, and a loss outside of it."""
    s = Sketch()
    x = s.value("x", (64, 64), kind="input", device="cpu")
    root = s.scope("", "module", "MLP", inputs=(x,))
    a = s.value(None, (64, 32), requires_grad=True, device="cpu", grad=0.031)
    _linear(s, "fc1", root, x, a, 64, 32, grad=0.21)
    h = s.value("h", (64, 32), requires_grad=True, device="cpu", grad=0.044)
    s.call("relu", [a], [h], parent=root)
    logits = s.value("logits", (64, 10), requires_grad=True, device="cpu", grad=0.12)
    _linear(s, "fc2", root, h, logits, 32, 10, grad=0.4)
    y = s.value("y", (64,), kind="input", dtype="int64", device="cpu")
    loss = s.value("loss", (), data=2.3456, grad=1, requires_grad=True, device="cpu")
    s.call("cross_entropy", [logits, y], [loss])
    guess = s.value("guess", (64,), dtype="int64", device="cpu")
    s.call("argmax", [logits], [guess], attrs={"dim": 1})
    return s.graph("mlp", outputs=(loss,), loss=loss)


def square() -> Graph:
    """`y = x * x`: one tensor read twice by one operation."""
    s = Sketch()
    x = s.value("x", (3,), kind="input", requires_grad=True, device="cpu", grad=7.5)
    y = s.value("y", (3,), requires_grad=True, device="cpu", grad=1.7)
    s.call("*", [x, x], [y])
    return s.graph("square", outputs=(y,))


def neuron() -> Graph:
    """`o = (x1 * w1 + x2 * w2 + b).tanh()` on the scalar engine, then `loss = (1 - o) ** 2`."""
    s = Sketch()

    def number(name: str | None, data: float, grad: float | None, kind: str = "result") -> int:
        return s.value(name, (), dtype="float", data=data, grad=grad, kind=kind, requires_grad=True)

    x1, w1 = number("x1", 2.0, -1.5, "input"), number("w1", -3.0, 1.0, "parameter")
    x2, w2 = number("x2", 0.0, 0.5, "input"), number("w2", 1.0, 0.0, "parameter")
    b = number("b", 6.8813735870195432, 0.5, "parameter")
    p1, p2 = number(None, -6.0, 0.5), number(None, 0.0, 0.5)
    both, n, o = number(None, -6.0, 0.5), number("n", 0.8814, 0.5), number("o", 0.7071, -0.586)
    one = s.value(None, (), dtype="float", data=1.0, kind="constant")
    rest, loss = number(None, 0.2929, 0.586), number("loss", 0.0858, 1.0)
    for op, inputs, output in (
        ("*", [x1, w1], p1), ("*", [x2, w2], p2), ("+", [p1, p2], both), ("+", [both, b], n), ("tanh", [n], o),
        ("-", [one, o], rest),
    ):  # fmt: skip
        s.call(op, inputs, [output], target=f"scalar.{op}")
    s.call("**", [rest], [loss], attrs={"exponent": 2})
    return s.graph("neuron", outputs=(loss,), loss=loss)


def chain(length: int) -> Graph:
    """`y = y + 1`, `length` times over, none of the steps named."""
    s = Sketch()
    y = s.value("x", (2,), kind="input", device="cpu")
    for _ in range(length):
        z = s.value(None, (2,), device="cpu")
        s.call("+", [y], [z], attrs={"other": 1})
        y = z
    return s.graph("chain", outputs=(y,))


HOSTILE = (
    '"quoted" & <script>alert(1)</script>',
    "back\\slash \\n {a|b} <b>bold</b> -> x",
    "потеря · 損失",
    "bell\x07 null\x00 esc\x1b[31m \u202eevil\ud800",
    "x" * 5_000,
)


def hostile() -> Graph:
    """Names, operations, types and messages that try to break out of their place."""
    s = Sketch()
    x = s.value(HOSTILE[0], (2,), kind="input", device="cpu")
    for text in HOSTILE:
        scope = s.scope(text, "module", text)
        source = Source(text, 3, code=text)
        for _ in range(2):
            y = s.value(text, (2,), device="cpu", no_grad_reason=text)
            call = s.scope(text, type=text, parent=scope, source=source, inputs=(x,), outputs=(y,), attrs={text: text})
            s.node(text, [x], [y], scope=call, target=text)
            x = y
    s.node("mm", [x, x], [], error=HOSTILE[0] + HOSTILE[3])
    return s.graph(HOSTILE[0], outputs=(x,), notes=HOSTILE, error=HOSTILE[3])


def shared() -> Graph:
    """One weight used three times, in place of three weights."""
    s = Sketch()
    h = s.value("h", (1, 8), kind="input", device="cpu")
    w = s.value("W", (8, 8), kind="parameter", requires_grad=True, grad=2.5, device="cpu")
    for _ in range(3):
        out = s.value("h", (1, 8), requires_grad=True, grad=1.5, device="cpu")
        s.call("@", [h, w], [out])
        h = out
    return s.graph("shared", outputs=(h,))


def several_outputs() -> Graph:
    """`a, b = x.chunk(2)`, an in-place step on `a`, and an unnamed result that is an output."""
    s = Sketch()
    x = s.value("x", (4, 6), kind="input", device="cpu")
    a, b = s.value("a", (4, 3), view_of=x, device="cpu"), s.value("b", (4, 3), view_of=x, device="cpu")
    s.call("chunk", [x], [a, b], attrs={"chunks": 2, "dim": 1})
    again = s.value(None, (4, 3), version_of=a, device="cpu")
    s.call("add_", [a], [again], attrs={"other": 1})
    end = s.value(None, (4, 3), device="cpu", data=Stats(mean=0.0, nan=3, inf=1))
    s.call("*", [again, b], [end])
    return s.graph("several", outputs=(end, b))


def failed() -> Graph:
    """A product of matrices that do not fit; the program ended there."""
    s = Sketch()
    a, b = s.value("a", (2, 3), kind="input", device="cpu"), s.value("b", (4, 5), kind="input", device="cpu")
    message = "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"
    s.call("mm", [a, b], [], error=message, line=4)
    return s.graph("failed", error=message)


def empty() -> Graph:
    """Nothing ran."""
    return Graph("empty")


GRAPHS = {
    each.__name__: each
    for each in (empty, square, rnn_cell, residual_net, mlp, neuron, shared, several_outputs, failed, hostile)
}
