"""Takes arithmetic on `Scalar`s as it runs, keeps the graph of it, and gives gradients by reverse-mode differentiation.

The local derivatives are worked out in the forward pass, while the numbers are at hand, so `backward` is one
pass over floats: no closure per operation, and no recursion, however deep the graph.

Arithmetic follows IEEE 754 as torch does, and never raises: `log(0)` is -inf, `1/0` is inf, `sqrt(-1)` is NaN.
So do the derivatives at the corners: `relu` and `abs` have slope 0 at 0, and `max` halves it between equals.
"""

from __future__ import annotations

import math
from itertools import count
from numbers import Real
from operator import attrgetter
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol, Union

from tracer.scalar import ieee

if TYPE_CHECKING:
    from collections.abc import Sequence

Operand = Union["Scalar", float]

_born: Final = attrgetter("_born")
_now: Final = count().__next__
_next_walk: Final = count(1).__next__
_new: Final = object.__new__
_one_at_a_time: Final = Lock()  # threads may share parameters


class _Blocked(float):
    """A slope of 0 that lets nothing through: not even an infinite gradient, of which 0 times would be NaN."""

    __slots__ = ()

    def __rmul__(self, flow: float) -> float:
        return 0.0


_BLOCKED: Final = _Blocked(0.0)


class Observer(Protocol):
    """What a recording must offer to be told of the engine's work; put one into `observers` to be called."""

    def operation(self, out: Scalar) -> None:
        """Called when `out` has been computed; `out.op` and `out.operands` say how."""

    def backward_started(self, root: Scalar) -> None:
        """Called before gradients flow from `root`."""

    def backward_finished(self, root: Scalar, order: Sequence[Scalar]) -> None:
        """Called when every gradient behind `root` is done; `order` runs from `root` down to the leaves."""


observers: Final[list[Observer]] = []


class Scalar:
    """A number that remembers how it was computed; `Value` is another name for it.

    Code written for micrograd's `Value` runs with its import changed. Gradients accumulate as torch's do: every
    `backward()` adds to `grad`, in the leaves and in between, until `zero_grad()`.

    Attributes:
        data: The number. May be assigned, as a training loop does; what was computed from it stays as it was.
        grad: Derivative of what `backward()` was called on; 0.0 until then. May be assigned.
        requires_grad: Whether gradients flow here. False for numbers written in a formula, as the 2 of `2 * x`.
        name: What to call it in a picture; None to let the tracer find the author's variable.
        op: What computed it: `+ - * / **` or `neg exp log tanh relu sigmoid sqrt abs max`; empty for a leaf.

    Args:
        data: A number.
        requires_grad: Whether gradients should flow here.
        name: What to call it in a picture.

    Raises:
        TypeError: `data` is no real number.
    """

    __slots__ = (
        *("data", "grad", "requires_grad", "name", "op"),
        *("_left", "_right", "_by_left", "_by_right", "_born", "_walk", "_flow", "__weakref__"),
    )

    data: float
    grad: float
    requires_grad: bool
    name: str | None
    op: str
    # Operands and the derivatives by them stand here by themselves: two tuples an operation would keep Python's
    # garbage collector busy for longer than the arithmetic takes.
    _left: Scalar | None
    _right: Scalar | None
    _by_left: float
    _by_right: float
    _born: int  # operands are older than results, so this orders any graph topologically
    _walk: int  # the last walk that came by
    _flow: float  # what the backward pass under way has brought here; unset outside of one

    def __init__(self, data: float, requires_grad: bool = True, name: str | None = None) -> None:
        if not isinstance(data, (int, float, Real)):  # the first two are quicker to ask for
            raise TypeError(f"a Scalar holds one real number, not {type(data).__name__}: pass an int or a float")
        self.data = float(data)
        self.grad = 0.0
        self.requires_grad = requires_grad
        self.name = name
        self.op = ""
        self._left = self._right = None
        self._born = _now()
        self._walk = 0

    @property
    def operands(self) -> tuple[Scalar, ...]:
        """What it was computed from, in the order of the code, repeats kept: `x * x` has two."""
        return tuple([each for each in (self._left, self._right) if each is not None])

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name is not None else ""
        return f"Scalar(data={self.data}, grad={self.grad}{name})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles are leaves: a graph belongs to the run it came from."""
        return _leaf, (self.data, self.grad, self.requires_grad, self.name)

    # Arithmetic. Each operator is written out, without a helper between: these lines run once per operation.

    def __add__(self, other: Operand) -> Scalar:
        right = other if isinstance(other, Scalar) else _constant(other)
        if right is None:
            return NotImplemented
        return _result("+", self.data + right.data, self, 1.0, right, 1.0)

    def __sub__(self, other: Operand) -> Scalar:
        right = other if isinstance(other, Scalar) else _constant(other)
        if right is None:
            return NotImplemented
        return _result("-", self.data - right.data, self, 1.0, right, -1.0)

    def __mul__(self, other: Operand) -> Scalar:
        right = other if isinstance(other, Scalar) else _constant(other)
        if right is None:
            return NotImplemented
        x, y = self.data, right.data
        return _result("*", x * y, self, y, right, x)

    def __truediv__(self, other: Operand) -> Scalar:
        right = other if isinstance(other, Scalar) else _constant(other)
        if right is None:
            return NotImplemented
        y = right.data
        ratio = ieee.divide(self.data, y)
        return _result("/", ratio, self, ieee.divide(1.0, y), right, -ieee.divide(ratio, y))

    def __pow__(self, other: Operand) -> Scalar:
        right = other if isinstance(other, Scalar) else _constant(other)
        if right is None:
            return NotImplemented
        x, y = self.data, right.data
        data = ieee.power(x, y)
        by_base = y * ieee.power(x, y - 1.0) if y else _BLOCKED
        by_exponent = _BLOCKED if x == 0 and y >= 0 else data * ieee.log(x)
        return _result("**", data, self, by_base, right, by_exponent)

    def __radd__(self, other: float) -> Scalar:
        left = _constant(other)
        return NotImplemented if left is None else left + self

    def __rsub__(self, other: float) -> Scalar:
        left = _constant(other)
        return NotImplemented if left is None else left - self

    def __rmul__(self, other: float) -> Scalar:
        left = _constant(other)
        return NotImplemented if left is None else left * self

    def __rtruediv__(self, other: float) -> Scalar:
        left = _constant(other)
        return NotImplemented if left is None else left / self

    def __rpow__(self, other: float) -> Scalar:
        left = _constant(other)
        return NotImplemented if left is None else left**self

    def __neg__(self) -> Scalar:
        return _result("neg", -self.data, self, -1.0)

    def __abs__(self) -> Scalar:
        return self.abs()

    # Functions.

    def exp(self) -> Scalar:
        """`e ** self`."""
        data = ieee.exp(self.data)
        return _result("exp", data, self, data)

    def log(self) -> Scalar:
        """Natural logarithm."""
        return _result("log", ieee.log(self.data), self, ieee.divide(1.0, self.data))

    def tanh(self) -> Scalar:
        """Hyperbolic tangent."""
        data = math.tanh(self.data)
        return _result("tanh", data, self, 1.0 - data * data)

    def relu(self) -> Scalar:
        """`self` where it is positive, else 0."""
        x = self.data
        if x <= 0:
            return _result("relu", 0.0, self, _BLOCKED)
        return _result("relu", x, self, 1.0)  # NaN comes through, as in torch

    def sigmoid(self) -> Scalar:
        """`1 / (1 + e**-self)`."""
        data = ieee.sigmoid(self.data)
        return _result("sigmoid", data, self, data * (1.0 - data))

    def sqrt(self) -> Scalar:
        """Square root."""
        data = ieee.sqrt(self.data)
        return _result("sqrt", data, self, ieee.divide(0.5, data))

    def abs(self) -> Scalar:
        """Absolute value."""
        x = self.data
        return _result("abs", math.fabs(x), self, float(x > 0) - float(x < 0))

    def max(self, other: Operand) -> Scalar:
        """The larger of the two, as an operation of the graph (`max(a, b)` just picks one of them); NaN wins.

        Raises:
            TypeError: `other` is no number.
        """
        right = other if isinstance(other, Scalar) else Constant(other, requires_grad=False)
        x, y = self.data, right.data
        by_left, by_right = (0.5, 0.5) if x == y else (_BLOCKED if x < y else 1.0, _BLOCKED if y < x else 1.0)
        return _result("max", x if x > y or math.isnan(x) else y, self, by_left, right, by_right)

    # Order is that of the numbers; `==` and `hash` stay those of the object, so that graphs can be kept in sets.

    def __lt__(self, other: Operand) -> bool:
        return self.data < (other.data if isinstance(other, Scalar) else other)

    def __le__(self, other: Operand) -> bool:
        return self.data <= (other.data if isinstance(other, Scalar) else other)

    def __gt__(self, other: Operand) -> bool:
        return self.data > (other.data if isinstance(other, Scalar) else other)

    def __ge__(self, other: Operand) -> bool:
        return self.data >= (other.data if isinstance(other, Scalar) else other)

    # Gradients.

    def backward(self) -> None:
        """Adds to `grad` of everything behind this number, itself included, its derivative with respect to that.

        Raises:
            RuntimeError: It does not require a gradient.
        """
        if not self.requires_grad:
            raise RuntimeError(
                f"{self!r} does not require a gradient: make at least one of the numbers it comes from with "
                "Scalar(x), or Scalar(x, requires_grad=True), before calling backward()"
            )
        for observer in tuple(observers):
            observer.backward_started(self)
        order = _differentiated(self)
        with _one_at_a_time:
            _propagate(order)
        for observer in tuple(observers):
            observer.backward_finished(self, order)

    def zero_grad(self) -> None:
        """Clears the gradient here and in everything behind: the contrary of `backward()`."""
        for scalar in _differentiated(self):
            scalar.grad = 0.0

    def parameters(self) -> list[Scalar]:
        """The leaves behind this number that require a gradient, oldest first."""
        return [scalar for scalar in reversed(_differentiated(self)) if not scalar.op and scalar.requires_grad]


Value = Scalar


class Constant(Scalar):
    """A number that was written in a formula, as the 2 of `2 * x`: no variable holds it."""

    __slots__ = ()


def _leaf(data: float, grad: float, requires_grad: bool, name: str | None) -> Scalar:
    """A leaf with a gradient, for copies."""
    leaf = Scalar(data, requires_grad, name)
    leaf.grad = grad
    return leaf


def _constant(number: object) -> Scalar | None:
    """A number written in a formula as a leaf without gradient; None for what is no number."""
    return Constant(float(number), requires_grad=False) if isinstance(number, (int, float, Real)) else None


def _result(
    op: str, data: float, left: Scalar, by_left: float, right: Scalar | None = None, by_right: float = 0.0
) -> Scalar:
    """The outcome of an operation with its operands and the derivatives by them, made known to the observers."""
    out = _new(Scalar)
    out.data = data
    out.grad = 0.0
    out.requires_grad = left.requires_grad or (right is not None and right.requires_grad)
    out.name = None
    out.op = op
    out._left = left
    out._right = right
    out._by_left = by_left
    out._by_right = by_right
    out._born = _now()
    out._walk = 0
    if observers:
        for observer in tuple(observers):
            observer.operation(out)
    return out


def _propagate(order: Sequence[Scalar]) -> None:
    """Sends 1 from the first of `order` down to the last, and adds what reaches each to its `grad`.

    The flow of one call is kept apart from `grad`: what an earlier call left there must not flow again.
    """
    for scalar in order:
        scalar._flow = 0.0
    order[0]._flow = 1.0
    for scalar in order:
        flow = scalar._flow
        scalar.grad += flow
        left = scalar._left
        if left is not None and left.requires_grad:
            left._flow += flow * scalar._by_left
        right = scalar._right
        if right is not None and right.requires_grad:
            right._flow += flow * scalar._by_right


def _differentiated(root: Scalar) -> list[Scalar]:
    """`root` and all it was computed from that requires a gradient, each before its operands."""
    found = [root]
    with _one_at_a_time:  # walks mark what they have seen
        root._walk = walk = _next_walk()
        for scalar in found:  # grows as it goes
            left, right = scalar._left, scalar._right  # spelt out: a loop over the two takes longer
            if left is not None and left._walk != walk and left.requires_grad:
                left._walk = walk
                found.append(left)
            if right is not None and right._walk != walk and right.requires_grad:
                right._walk = walk
                found.append(right)
    found.sort(key=_born, reverse=True)
    return found
