"""Takes floats and gives what IEEE 754 (and so torch) gives, where Python's own operators and `math` raise instead."""

from __future__ import annotations

import math


def divide(x: float, y: float) -> float:
    """`x / y`; a signed infinity, or NaN for 0/0, where Python raises ZeroDivisionError."""
    try:
        return x / y
    except ZeroDivisionError:
        return math.nan if x == 0 or math.isnan(x) else math.copysign(math.inf, x) * math.copysign(1.0, y)


def power(x: float, y: float) -> float:
    """`x ** y` of real numbers: infinite on overflow and at a pole, NaN for a fractional power of a negative number."""
    try:
        return math.pow(x, y)
    except (OverflowError, ValueError):  # x is finite here, and y too
        if x < 0 and y != math.floor(y):
            return math.nan
        # An odd power keeps the sign of its base, that of -0.0 too.
        return math.copysign(math.inf, x) if abs(math.fmod(y, 2.0)) == 1.0 else math.inf


def exp(x: float) -> float:
    """`e ** x`; infinite on overflow."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def log(x: float) -> float:
    """Natural logarithm; minus infinity at 0, NaN below."""
    try:
        return math.log(x)
    except ValueError:
        return -math.inf if x == 0 else math.nan


def sqrt(x: float) -> float:
    """Square root; NaN below 0."""
    try:
        return math.sqrt(x)
    except ValueError:
        return math.nan


def sigmoid(x: float) -> float:
    """`1 / (1 + e**-x)`; 0 where `e**-x` overflows."""
    return 1.0 / (1.0 + exp(-x))
