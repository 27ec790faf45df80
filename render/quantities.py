"""What boxes can be coloured by: of each quantity, what a tensor or an operation has, in a number and in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from render import text
from render.words import Words
from tracer.graph import Node, Stats, Value

_LARGEST: Final = 10**300  # a whole number may be larger than any float
State = Literal["number", "category", "none", "zero", "bad"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one box has of a quantity.

    Attributes:
        state: A `number` above 0, a `category`, or what stands out by itself: `none` where a gradient could be
            expected, `zero`, `bad` with elements that are NaN or infinite.
        words: What the box says.
        number: The amount, in the unit of the quantity.
    """

    state: State
    words: str
    number: float = 0.0


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that boxes can be coloured by.

    Attributes:
        name: As the user writes it.
        of_values: What tensors have together; None for what they do not have.
        of_node: What an operation has itself, how often it ran given; None where it is what its results have.
        spell: An amount in words.
        missing: Why a graph may have none of it, and what to do.
        linear: Whether amounts add up, so that colours show shares; otherwise their scale is logarithmic.
        new: Whether an operation has it of new memory alone, not of views and of what it wrote in place.
        partial: Whether only what ran forward has it in the picture, although backward ran too.
    """

    name: str
    of_values: Callable[[Sequence[Value]], Reading | None]
    of_node: Callable[[Node, int], Reading | None] | None
    spell: Callable[[float], str]
    missing: str
    linear: bool = False
    new: bool = False
    partial: bool = False

    def title(self, say: Words) -> str:
        """What the legend calls it, in a language."""
        return say(f"by {self.name}") + (f", {say('forward pass')}" if self.partial else "")

    def of_operation(self, node: Node, results: Sequence[Value], times: int) -> Reading | None:
        """What an operation has: of its own, or else what its results have together.

        Args:
            node: The operation.
            results: What it made; of a gradient, the parameters that are told in its box, if there are any.
            times: How often it ran, where it stands for several.
        """
        own = None if self.of_node is None else self.of_node(node, times)
        made = [value for value in results if not self.new or (value.view_of is None and value.version_of is None)]
        return own if own is not None else self.of_values(made)


def _gradient(values: Sequence[Value]) -> Reading | None:
    """The Euclidean norm of the gradients together: the root of the sum of their squares."""
    found = [value.grad for value in values if value.grad is not None]
    if not found:
        wanted = any(value.requires_grad or value.no_grad_reason for value in values)
        return Reading("none", "no gradient") if wanted else None
    return _statistics("|grad|", found, _norm(found))


def _activation(values: Sequence[Value]) -> Reading | None:
    """The root mean square of the elements together, which does not grow with the size of a tensor as a norm does."""
    found = [(value.data, value.numel) for value in values if value.data is not None and _is_real(value)]
    finite = sum(count - stats.nan - stats.inf for stats, count in found)
    data = [stats for stats, _ in found]
    norm = _norm(data)
    return (
        _statistics("rms", data, None if norm is None or finite <= 0 else norm / math.sqrt(min(finite, _LARGEST)))
        if found
        else None
    )


def _is_real(value: Value) -> bool:
    """Whether its elements are numbers to calculate with: neither indices nor yes and no."""
    return not value.dtype.startswith(("int", "uint", "bool", "long", "short"))


def _norm(found: Iterable[Stats]) -> float | None:
    norms = [norm for norm in map(_size, found) if norm is not None]
    return math.hypot(*norms) if norms else None


def _size(stats: Stats) -> float | None:
    """The norm, which for a single number is its size."""
    if stats.norm is None and isinstance(stats.value, (int, float)) and math.isfinite(stats.value):
        return abs(stats.value)
    return stats.norm


def _statistics(lead: str, found: Iterable[Stats], amount: float | None) -> Reading | None:
    stats = list(found)
    counts = (("nan", sum(each.nan for each in stats)), ("inf", sum(each.inf for each in stats)))
    bad = " · ".join(f"{name} {text.count(count)}" for name, count in counts if count)
    if bad or (amount is not None and not math.isfinite(amount)):
        return Reading("bad", f"{lead} {bad or text.number(amount or 0.0)}")
    if amount is None:
        return None
    return Reading("number" if amount else "zero", f"{lead} {text.number(amount)}", amount)


def _bytes(values: Sequence[Value]) -> Reading | None:
    return _amount(sum(value.nbytes for value in values), text.size)


def _made(node: Node, times: int) -> Reading | None:
    made = node.cost.get("made")
    return None if made is None else _amount(times * made, text.size)


def _amount(amount: float, spell: Callable[[float], str]) -> Reading | None:
    return Reading("number", spell(amount), float(min(amount, _LARGEST))) if amount > 0 else None


def _cost(name: str, spell: Callable[[float], str]) -> Callable[[Node, int], Reading | None]:
    return lambda node, times: _amount(times * node.cost.get(name, 0), spell)


def _category(read: Callable[[Value], str]) -> Callable[[Sequence[Value]], Reading | None]:
    def of_values(values: Sequence[Value]) -> Reading | None:
        words = " ".join(dict.fromkeys(text.clean(read(value)) for value in values if read(value)))
        return Reading("category", text.elide(words)) if words else None

    return of_values


def _nothing(_: Sequence[Value]) -> Reading | None:
    return None


def _flops(amount: float) -> str:
    return text.si(amount, "FLOP")


def _seconds(amount: float) -> str:
    return text.si(amount, "s")


_ALL: Final = (
    Quantity("gradient", _gradient, None, text.number,
             "no gradient was recorded: does the program call backward()?"),
    Quantity("activation", _activation, None, text.number,
             "no numbers were recorded, as on fake tensors"),
    Quantity("time", _nothing, _cost("seconds", _seconds), _seconds,
             "no times were recorded: run the program with --color-by time, or record it with timed=True "
             "(PyTorch alone is timed)", linear=True),
    Quantity("flops", _nothing, _cost("flops", _flops), _flops,
             "no operation in it has a count of floating-point operations (matrix products, convolutions and "
             "attention of PyTorch have)", linear=True),
    Quantity("memory", _bytes, _made, text.size,
             "the graph does not say how large its elements are: record it with PyTorch", linear=True, new=True),
    Quantity("dtype", _category(lambda value: value.dtype), None, text.number,
             "the graph does not say the types of its elements"),
    Quantity("device", _category(lambda value: value.device), None, text.number,
             "the graph does not say on which device its tensors are: record it with PyTorch"),
)  # fmt: skip
QUANTITIES: Final[dict[str, Quantity]] = {each.name: each for each in _ALL}
