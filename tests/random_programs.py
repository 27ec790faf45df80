"""Random programs as source text: operators, views, writes in place, broadcasting, branches and loops on data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

Shape = tuple[int, ...]
UNARY = ["torch.tanh({a})", "{a}.exp()", "-{a}", "torch.relu({a})", "{a}.abs() + 1", "{a} ** 2", "torch.sin({a})"]
NUMBER = ["{a} * 2.5", "1 - {a}", "{a} / 3", "torch.clamp({a}, min=-0.5)", "{a}.detach() + {a}", "double({a})"]
BINARY = ["{a} + {b}", "{a} * {b}", "{a} - {b}", "torch.maximum({a}, {b})", "torch.where({a} > {b}, {a}, {b})"]
RANDOM = ["torch.dropout({a}, 0.5, True)", "{a} + torch.rand_like({a})", "torch.bernoulli(torch.sigmoid({a}))"]
IN_PLACE = [
    "{a}.mul_(0.5)", "{a} += 1", "{a}.add_({a}.detach())", "{a}[...] = 0.25", "{a}.clamp_(min=0)", "{a}.data.add_(1)",
    "torch.tanh_({a})",
]  # fmt: skip
HEAD = """\
import torch

def double(z):
    twice = z * 2
    return twice - 1

"""


@dataclass
class Program:
    """A program that grows line by line, with the shapes of its variables."""

    lines: list[str] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    leaves: list[str] = field(default_factory=list)

    def new(self, shape: Shape) -> str:
        name = f"v{len(self.shapes)}"
        self.shapes[name] = shape
        return name

    def assign(self, text: str, shape: Shape, **names: str) -> str:
        name = self.new(shape)
        self.lines.append(f"{name} = {text.format(**names)}")
        return name

    @property
    def forward(self) -> str:
        return HEAD + "\n".join(self.lines) + "\n"

    @property
    def backward(self) -> str:
        return "loss.backward()\n"


def broadcast(a: Shape, b: Shape) -> Shape | None:
    """The shape of an operation on both, None where they do not fit."""
    size = max(len(a), len(b))
    pairs = zip((1,) * (size - len(a)) + a, (1,) * (size - len(b)) + b)
    found = [max(x, y) if 1 in (x, y) or x == y else None for x, y in pairs]
    return None if None in found else tuple(each for each in found if each is not None)


@st.composite
def programs(draw: DrawFn) -> Program:
    """Programs of some ten statements that end in a loss."""
    program = Program()
    for _ in range(draw(st.integers(1, 3))):
        shape = draw(st.sampled_from([(2, 3), (3,), (3, 2), (1, 3), (4,), ()]))
        wants = draw(st.booleans()) or not program.leaves
        sizes = f"{shape}, requires_grad=True" if wants else f"{shape}"
        name = program.assign(f"torch.randn({sizes})", shape)
        program.leaves += [name] if wants else []
    for _ in range(draw(st.integers(3, 12))):
        draw(st.sampled_from(STATEMENTS))(draw, program)
    ends = draw(st.lists(st.sampled_from(list(program.shapes)), min_size=1, max_size=3, unique=True))
    terms = [f"{name}.mean()" for name in ends]
    program.lines.append(f"loss = {' + '.join([*terms, program.leaves[0] + '.sum()'])}")
    return program


def pick(draw: DrawFn, program: Program, *, least: int = 0, fresh: bool = False) -> str | None:
    """A variable of at least so many dimensions; a fresh one is no leaf."""
    fit = [
        name for name, shape in program.shapes.items()
        if len(shape) >= least and not (fresh and name in program.leaves) and math.prod(shape) <= 64
    ]  # fmt: skip
    return draw(st.sampled_from(fit)) if fit else None


def apply(draw: DrawFn, program: Program) -> None:
    a = pick(draw, program)
    if a is not None:
        program.assign(draw(st.sampled_from(UNARY + NUMBER + RANDOM)), program.shapes[a], a=a)


def combine(draw: DrawFn, program: Program) -> None:
    a = pick(draw, program)
    if a is None:
        return
    fit = [name for name, shape in program.shapes.items() if broadcast(program.shapes[a], shape) is not None]
    b = draw(st.sampled_from(fit))
    program.assign(draw(st.sampled_from(BINARY)), broadcast(program.shapes[a], program.shapes[b]) or (), a=a, b=b)


def multiply(draw: DrawFn, program: Program) -> None:
    a, b = pick(draw, program, least=2), pick(draw, program, least=2)
    if a is not None and b is not None:
        (rows, inner), (columns, other) = program.shapes[a][-2:], program.shapes[b][-2:]
        if len(program.shapes[a]) == len(program.shapes[b]) == 2 and inner == other:
            program.assign("{a} @ {b}.t()", (rows, columns), a=a, b=b)


def reduce(draw: DrawFn, program: Program) -> None:
    a = pick(draw, program, least=1)
    if a is not None:
        shape = program.shapes[a]
        text, result = draw(
            st.sampled_from([("sum()", ()), ("mean(0)", shape[1:]), ("amax(-1, keepdim=True)", (*shape[:-1], 1))])
        )
        program.assign(f"{{a}}.{text}", result, a=a)


def view(draw: DrawFn, program: Program) -> None:
    a = pick(draw, program, least=1)
    if a is None:
        return
    shape = program.shapes[a]
    choices = [("{a}[0]", shape[1:]), ("{a}[..., -1:]", (*shape[:-1], 1)), ("{a}.unsqueeze(0)", (1, *shape))]
    choices += [("{a}.flatten()", (math.prod(shape),))] if len(shape) > 1 else []
    choices += [("{a}.t()", shape[::-1]), ("{a}.diagonal()", (min(shape),))] if len(shape) == 2 else []
    choices += [("{a}.expand(2, *{a}.shape)", (2, *shape))]
    text, result = draw(st.sampled_from(choices))
    program.assign(text, result, a=a)


def split(draw: DrawFn, program: Program) -> None:
    a = pick(draw, program, least=1)
    if a is not None and program.shapes[a][-1] % 2 == 0:
        half = (*program.shapes[a][:-1], program.shapes[a][-1] // 2)
        program.lines.append(f"{program.new(half)}, {program.new(half)} = {a}.chunk(2, -1)")


def write(draw: DrawFn, program: Program) -> None:
    a = pick(draw, program, fresh=True)
    if a is not None:
        program.lines.append(draw(st.sampled_from(IN_PLACE)).format(a=a))


def branch(draw: DrawFn, program: Program) -> None:
    a = pick(draw, program)
    if a is not None:
        yes, no = (draw(st.sampled_from(UNARY + NUMBER)).format(a=a) for _ in range(2))
        name = program.new(program.shapes[a])
        program.lines.append(f"if {a}.sum() > 0:\n    {name} = {yes}\nelse:\n    {name} = {no}")


def loop(draw: DrawFn, program: Program) -> None:
    a = pick(draw, program)
    if a is not None:
        name = program.new(program.shapes[a])
        turns = draw(st.sampled_from(["for turn in range(3):\n    {v} = torch.tanh({v} + turn)",
                                      "while {v}.norm() > 1:\n    {v} = {v} / 4"]))  # fmt: skip
        program.lines.append(f"{name} = {a} * 2\n{turns.format(v=name)}")


def unseen(draw: DrawFn, program: Program) -> None:
    a = pick(draw, program)
    if a is not None:
        name = program.new(program.shapes[a])
        program.lines.append(f"with torch.no_grad():\n    {name} = {a} * 3")


STATEMENTS = [apply, apply, combine, combine, multiply, reduce, view, view, split, write, write, branch, loop, unseen]
