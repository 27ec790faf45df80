"""Takes a `Scalar` or a number and gives a `Scalar`: `tanh(x)` for those who do not like `x.tanh()`."""

from __future__ import annotations

from tracer.scalar.engine import Operand, Scalar


def exp(x: Operand) -> Scalar:
    """`e ** x`."""
    return _scalar(x).exp()


def log(x: Operand) -> Scalar:
    """Natural logarithm; -inf at 0, NaN below."""
    return _scalar(x).log()


def tanh(x: Operand) -> Scalar:
    """Hyperbolic tangent."""
    return _scalar(x).tanh()


def relu(x: Operand) -> Scalar:
    """`x` where it is positive, else 0."""
    return _scalar(x).relu()


def sigmoid(x: Operand) -> Scalar:
    """`1 / (1 + e**-x)`."""
    return _scalar(x).sigmoid()


def sqrt(x: Operand) -> Scalar:
    """Square root; NaN below 0."""
    return _scalar(x).sqrt()


def _scalar(x: Operand) -> Scalar:
    """A number as a leaf without gradient.

    Raises:
        TypeError: `x` is no number.
    """
    return x if isinstance(x, Scalar) else Scalar(x, requires_grad=False)
