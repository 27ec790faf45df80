"""The chain rule, operation by operation: what each sends back to its operands, as a formula and as numbers.

`δ` is the gradient that arrives at the result. Formulas name operands `{a}`, `{b}`, `{c}` in the order of the code, the
result `{y}`, `{n}` the number of elements that a mean is over, `{rows}` the size of a batch, and `{less}` the exponent
less one. A rule is one entry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Union

import numpy

if TYPE_CHECKING:
    from typing import TypeAlias

    Array: TypeAlias = numpy.ndarray[Any, Any]


@dataclass(frozen=True)
class Call:
    """One call of an operation, with the numbers that are known.

    Attributes:
        operands: In the order of the code; None where the numbers are not known.
        shapes: Of the operands.
        result: What came out.
        arriving: The gradient that arrives at it.
        attrs: Arguments that are no tensors.
    """

    operands: Sequence[Array | None]
    shapes: Sequence[tuple[int, ...]]
    result: Array | None
    arriving: Array | None
    attrs: Mapping[str, Any]

    def __getitem__(self, position: int) -> Array:
        return _known(self.operands[position])

    @property
    def y(self) -> Array:
        """The result."""
        return _known(self.result)

    @property
    def d(self) -> Array:
        """The gradient that arrives."""
        return _known(self.arriving)

    @property
    def axes(self) -> tuple[int, ...] | None:
        """The dimensions that it goes over; None for all."""
        dims = self.attrs.get("dim", self.attrs.get("dims"))
        return None if dims is None or dims == () else (dims,) if isinstance(dims, int) else tuple(dims)

    @property
    def axis(self) -> int:
        """The only dimension that it goes over."""
        return (self.axes or (-1,))[0]

    def spread(self, gradient: Array) -> Array:
        """A gradient of a sum with the dimensions back that the sum took away."""
        if self.axes is not None and not self.attrs.get("keepdim"):
            gradient = numpy.expand_dims(gradient, tuple(axis % len(self.shapes[0]) for axis in self.axes))
        return numpy.broadcast_to(gradient, self.shapes[0])

    @property
    def count(self) -> int:
        """How many elements a mean is over."""
        shape = self.shapes[0] if self.shapes else ()
        axes = [axis for axis in self.axes or () if -len(shape) <= axis < len(shape)]
        return math.prod([shape[axis] for axis in axes] if self.axes is not None else shape)


class UnknownError(Exception):
    """Numbers that a rule needs are not known, or it does not hold for this call."""


def _known(found: Array | None) -> Array:
    if found is None:
        raise UnknownError
    return found


@dataclass(frozen=True, slots=True)
class Local:
    """A derivative element by element: the gradient is `δ` times it.

    Attributes:
        words: The derivative as a formula.
        of: The derivative as numbers.
    """

    words: str
    of: Callable[[Call], Array]


@dataclass(frozen=True, slots=True)
class Pull:
    """How a gradient goes back through an operation as a whole.

    Attributes:
        words: The gradient as a formula.
        of: The gradient as numbers.
    """

    words: str
    of: Callable[[Call], Array]


Rule = Union[Local, Pull, None]


def _t(array: Array) -> Array:
    return numpy.swapaxes(array, -1, -2) if array.ndim > 1 else array


def _one(call: Call) -> Array:
    return numpy.ones(())


def _rows(call: Call) -> tuple[Array, float]:
    """What a loss over classes has as its targets, one hot, and what it divides by."""
    scores, targets = call.shapes[0], call[1]
    reduction = call.attrs.get("reduction", "mean")
    plain = call.attrs.get("weight") is None and not call.attrs.get("label_smoothing") and len(call.operands) == 2
    if len(scores) != 2 or targets.shape != scores[:1] or reduction not in (1, 2, "mean", "sum") or not plain:
        raise UnknownError
    hot = numpy.zeros(scores)
    hot[numpy.arange(scores[0]), targets.astype(int)] = 1.0
    if (targets == call.attrs.get("ignore_index", -100)).any():
        raise UnknownError
    return hot, float(scores[0]) if reduction in (1, "mean") else 1.0


def _softmax(scores: Array, axis: int | tuple[int, ...] | None) -> Array:
    powers = numpy.exp(scores - scores.max(axis, keepdims=True))
    return numpy.asarray(powers / powers.sum(axis, keepdims=True))


def _nll(call: Call) -> Array:
    hot, count = _rows(call)
    return numpy.asarray(-call.d * hot / count)


def _cross_entropy(call: Call) -> Array:
    hot, count = _rows(call)
    return numpy.asarray(call.d * (_softmax(call[0], 1) - hot) / count)


def _squared(call: Call) -> Array:
    reduction = call.attrs.get("reduction", "mean")
    if reduction not in ("mean", "sum", 1, 2) or call.shapes[0] != call.shapes[1]:
        raise UnknownError
    return numpy.asarray(call.d * 2 * (call[0] - call[1]) / (call[0].size if reduction in ("mean", 1) else 1))


def _permuted(call: Call) -> Array:
    return numpy.transpose(call.d, numpy.argsort([axis % call.d.ndim for axis in call.attrs["dims"]]))


def _placed(call: Call) -> Array:
    """The gradient where its elements were taken from, and zeros elsewhere."""
    found, key = numpy.zeros(call.shapes[0]), {"dim": 0, **call.attrs}
    place = key["index"] if "index" in key else slice(key.get("start"), key.get("end"), key.get("step"))
    taken = (*[slice(None)] * key["dim"], place)
    if found[taken].shape != call.d.shape or not {"index", "end"} & {*key}:  # by several indices, or by a tensor
        raise UnknownError
    found[taken] = call.d
    return found


def _flat(position: int) -> Callable[[Call], Array]:
    """The gradient with the shape of an operand."""
    return lambda call: call.d.reshape(call.shapes[position])


def _through(position: int) -> Callable[[Call], Array]:
    return lambda call: call.d


_SCALE = ("alpha", "beta")


def _matrix(left: Callable[[Call], Array]) -> Callable[[Call], Array]:
    """Matrix products that are not scaled."""

    def of(call: Call) -> Array:
        if any(call.attrs.get(name, 1) != 1 for name in _SCALE):
            raise UnknownError
        return left(call)

    return of


def _outer(left: Array, right: Array) -> Array:
    """`leftᵀ · right` over all rows."""
    return numpy.asarray(left.reshape(-1, left.shape[-1]).T @ right.reshape(-1, right.shape[-1]))


def _product(call: Call) -> None:
    if len(call.shapes[0]) != 2 or len(call.shapes[1]) != 2:
        raise UnknownError  # of batches and of vectors it reads otherwise


def _left(call: Call) -> Array:
    _product(call)
    return numpy.asarray(call.d @ _t(call[1]))


def _right(call: Call) -> Array:
    _product(call)
    return numpy.asarray(_t(call[0]) @ call.d)


MATMUL: Final[tuple[Rule, ...]] = (Pull("δ · {b}ᵀ", _left), Pull("{a}ᵀ · δ", _right))
VIEW: Final[tuple[Rule, ...]] = (Pull("δ", _flat(0)),)

RULES: Final[Mapping[str, tuple[Rule, ...]]] = {
    # Element by element.
    "add": (Local("1", _one), Local("1", _one)),
    "sub": (Local("1", _one), Local("−1", lambda call: -_one(call))),
    "mul": (Local("{b}", lambda call: call[1]), Local("{a}", lambda call: call[0])),
    "div": (
        Local("1 / {b}", lambda call: 1 / call[1]),
        Local("−{a} / {b}²", lambda call: -call[0] / call[1] ** 2),
    ),
    "pow": (
        Local("{b} · {a}{less}", lambda call: call[1] * call[0] ** (call[1] - 1)),
        Local("{y} · log {a}", lambda call: call.y * numpy.log(call[0])),
    ),
    "neg": (Local("−1", lambda call: -_one(call)),),
    "tanh": (Local("1 − {y}²", lambda call: 1 - call.y**2),),
    "sigmoid": (Local("{y} · (1 − {y})", lambda call: call.y * (1 - call.y)),),
    "relu": (Local("[{a} > 0]", lambda call: (call[0] > 0) * 1.0),),
    "exp": (Local("{y}", lambda call: call.y),),
    "log": (Local("1 / {a}", lambda call: 1 / call[0]),),
    "log2": (Local("1 / ({a} · log 2)", lambda call: 1 / (call[0] * math.log(2))),),
    "sin": (Local("cos {a}", lambda call: numpy.cos(call[0])),),
    "cos": (Local("−sin {a}", lambda call: -numpy.sin(call[0])),),
    "xlogy": (
        Local("log {b}", lambda call: numpy.log(call[1])),
        Local("{a} / {b}", lambda call: call[0] / call[1]),
    ),
    "sqrt": (Local("1 / (2 · {y})", lambda call: 1 / (2 * call.y)),),
    "abs": (Local("sign {a}", lambda call: numpy.sign(call[0])),),
    # Sums and means.
    "sum": (Pull("δ × 1", lambda call: call.spread(call.d)),),
    "mean": (Pull("δ / {n}", lambda call: call.spread(call.d) / call.count),),
    # Products of matrices.
    "matmul": MATMUL,
    "mm": MATMUL,
    "addmm": (
        Pull("δ", _matrix(_through(0))),
        Pull("δ · {c}ᵀ", _matrix(lambda call: call.d @ _t(call[2]))),
        Pull("{b}ᵀ · δ", _matrix(lambda call: _t(call[1]) @ call.d)),
    ),
    "linear": (
        Pull("δ · {b}", lambda call: call.d @ call[1]),
        Pull("δᵀ · {a}", lambda call: _outer(call.d, call[0])),
        Pull("δ", _through(2)),
    ),
    "dot": (Local("{b}", lambda call: call[1]), Local("{a}", lambda call: call[0])),
    # Probabilities and losses.
    "softmax": (
        Pull(
            "{y} × (δ − Σ δ · {y})",
            lambda call: call.y * (call.d - (call.d * call.y).sum(call.axis, keepdims=True)),
        ),
    ),
    "logsumexp": (Pull("δ × softmax({a})", lambda call: call.spread(call.d) * _softmax(call[0], call.axes)),),
    "log_softmax": (
        Pull(
            "δ − exp({y}) × Σ δ",
            lambda call: call.d - numpy.exp(call.y) * call.d.sum(call.axis, keepdims=True),
        ),
    ),
    "nll_loss": (Pull("−δ × onehot({b}) / {rows}", _nll), None),
    "cross_entropy": (Pull("δ × (softmax({a}) − onehot({b})) / {rows}", _cross_entropy), None),
    "mse_loss": (
        Pull("δ × 2 ({a} − {b}) / {n}", _squared),
        Pull("δ × 2 ({b} − {a}) / {n}", lambda call: -_squared(call)),
    ),
    # Other forms of the same tensor.
    "t": (Pull("δᵀ", lambda call: _t(call.d)),),
    "transpose": (
        Pull("δᵀ", lambda call: numpy.swapaxes(call.d, call.attrs["dim0"], call.attrs["dim1"])),
    ),
    "permute": (Pull("δᵀ", _permuted),),
    "T": (Pull("δᵀ", lambda call: call.d.T),),
    "view": VIEW,
    "reshape": VIEW,
    "flatten": VIEW,
    "squeeze": VIEW,
    "unsqueeze": VIEW,
    "clone": VIEW,
    "getitem": (Pull("[0 … δ … 0]", _placed),),
    "expand": (Pull("Σ δ", _through(0)),),
}  # fmt: skip
ALIASES: Final[Mapping[str, str]] = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "**": "pow", "@": "matmul", "_softmax": "softmax",
    "_log_softmax": "log_softmax", "nll_loss_forward": "nll_loss", "multiply": "mul", "subtract": "sub",
    "divide": "div", "true_divide": "div", "negative": "neg", "expand_as": "expand", "view_as": "view",
}  # fmt: skip


def rules(op: str, operands: int) -> tuple[Rule, ...]:
    """The rules of an operation, one for each operand; empty where there are none.

    Args:
        op: Its name or sign; `-` of one operand is `neg`.
        operands: How many it has.
    """
    name = "neg" if op == "-" and operands == 1 else "getitem" if op.startswith("[") else ALIASES.get(op, op)
    return RULES.get(name, ())


def gradient(rule: Local | Pull, call: Call, position: int) -> Array:
    """What an operation sends back to an operand, in the operand's shape.

    Raises:
        UnknownError: Numbers that it needs are not known, or the rule does not hold for this call.
    """
    found = call.d * rule.of(call) if isinstance(rule, Local) else rule.of(call)
    return unbroadcast(numpy.asarray(found), call.shapes[position])


def unbroadcast(found: Array, shape: tuple[int, ...]) -> Array:
    """The sum of a gradient over the dimensions that an operand was expanded along."""
    if found.ndim < len(shape):
        found = numpy.broadcast_to(found, shape)
    found = found.sum(tuple(range(found.ndim - len(shape))))
    along = tuple(axis for axis, size in enumerate(shape) if size == 1 and found.shape[axis] != 1)
    found = found.sum(along, keepdims=True) if along else found
    return numpy.broadcast_to(found, shape)
