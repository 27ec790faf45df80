"""Explains backward through an operation: the chain rule as a formula, with its numbers, checked against autograd."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy

from render import text
from render.families import sign
from render.rules import Call, Local, Pull, UnknownError, gradient, rules
from tracer.graph import Graph, Node, Stats, Value

if TYPE_CHECKING:
    from render.rules import Array

LISTED: Final = 3  # elements that are written out; of more, the first
MOST_WAYS: Final = 32  # that a gradient comes to one tensor and that are added up
_LETTERS: Final = 3  # of a name that may stand for the loss in a formula
TURNS: Final = ("t", "T", "mT")  # that transpose a matrix
_NAME: Final = 14  # characters of a name in a formula
_RIGHT: Final = ("other", "exponent")  # where torch puts the number of `x * 2` and `x ** 2`
_LEFT: Final = ("self", "input")  # and that of `1 - x`
_CLOSE: Final = {"float64": 1e-8, "float": 1e-8, "float32": 1e-4}
_SUMMED: Final = ("sum", 2)  # how losses put their terms together, in the words of torch and of its kernels
_ROUGH: Final = 2e-2  # of types with fewer digits


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an explanation.

    Attributes:
        text: Such as `∂L/∂n = δ × (1 − o²) = 1 × 0.5 = 0.5`.
        kind: What it tells: the gradient that `arrives`, the `local` derivative, a gradient that is `sent` on to an
            operand, or of such a one the first `element`.
        agrees: Of what is sent, whether it is what autograd found; None where it was not computed.
        count: And how many numbers were compared.
    """

    text: str
    kind: Literal["arrives", "local", "sent", "element"]
    agrees: bool | None = None
    count: int = 0


def explained(graph: Graph, node: Node) -> tuple[Line, ...]:
    """The chain rule of backward through an operation, first what arrives (`δ`), then a line for each operand.

    Numbers are those that were recorded: of scalars, and of tensors of few elements (`elements` of `tracer.record`).
    Where an operand is read by several operations its gradient is a sum; such lines say `+=`, as each adds its part,
    and end with the sum. What backward began from is `L`, unless its own name is as short.

    Args:
        graph: As it is drawn.
        node: An operation of its forward pass, or one of backward, for the operation that it differentiates.

    Returns:
        Lines of plain text; none where no gradient came back or no rule is known.
    """
    if node.phase == "backward":
        forward = None if node.forward is None else graph.node_by_id.get(node.forward)
        return () if forward is None else explained(graph, forward)
    if node.phase != "forward" or len(node.outputs) != 1:
        return ()
    with numpy.errstate(all="ignore"):  # of programs that overflow
        return tuple(_Explainer(graph).lines(node))


def begun(graph: Graph, loss: Value) -> tuple[str, ...]:
    """What backward begins with, of a loss whose gradient is 1: `L = loss` and `∂L/∂L = 1`."""
    explainer = _Explainer(graph)
    name = text.elide(text.clean(loss.name or ""), _NAME)
    named = (f"{explainer.letter} = {name}",) if name not in ("", explainer.letter) else ()
    return (*named, f"{explainer.by(loss.id)} = 1")


@dataclass(frozen=True)
class _Operand:
    """What stands at one place in a call.

    Attributes:
        value: The tensor; None for a number.
        number: The number.
    """

    value: Value | None
    number: float | None = None


@dataclass(frozen=True)
class _Explainer:
    graph: Graph

    def lines(self, node: Node) -> Iterator[Line]:
        """What arrives, and what goes on to each operand that needs a gradient."""
        result, operands = self._result(node), self._operands(node)
        found = rules(node.op, len(operands))
        needing = [
            (position, operand.value, rule)
            for position, (operand, rule) in enumerate(zip(operands, found, strict=False))
            if rule is not None and operand.value is not None and operand.value.requires_grad
        ]
        if result.grad is None or not needing:
            return
        number = _shown(_elements(result.grad, result))
        told = f" = {number}" if number else f"  ({text.shape(result.shape)})"
        yield Line(f"δ = {self.by(result.id)}{told}", "arrives")
        rule = found[0]
        if len(operands) == 1 and isinstance(rule, Local) and not rule.words[-1].isdigit():
            yield Line(f"∂{_op(node)} = {rule.words.format(**self._names(node))}", "local")
        for position, value, each in needing:
            yield from self._operand(node, position, value, each)

    def _operand(self, node: Node, position: int, value: Value, rule: Local | Pull) -> Iterator[Line]:
        """What goes on to one operand: the formula, and numbers or shapes."""
        sent, ways = self._sent(node, position), self._ways(value)
        adds = "+=" if len(ways) > 1 else "="
        words = f"{self.by(value.id)} {adds} {self._formula(node, value, rule)}"
        listed = sent is not None and 0 < sent.size <= LISTED
        if sent is not None and listed:
            words += f" = {self._factors(rule, self._call(node), sent)}{_shown(sent)}"
        else:
            words += self._shapes(node, value, rule)
        total = self._total(ways)
        known = _elements(value.grad, value)
        if total is None or known is None:
            yield Line(words, "sent")
        else:
            words += f" (Σ {_shown(total)})" if len(ways) > 1 and _shown(total) else ""
            yield Line(words, "sent", _close(total, known, value.dtype), value.numel)
        if sent is not None and sent.size > LISTED and isinstance(rule, Local):
            first = numpy.asarray(sent.flat[0])
            place = ", ".join("0" for _ in sent.shape)
            yield Line(f"[{place}]: {self._factors(rule, self._call(node), sent)}{_shown(first)}", "element")

    def _total(self, ways: Sequence[tuple[Node, int]]) -> Array | None:
        """All that is sent on to a value; None where a part of it is not known."""
        parts = [self._sent(*way) for way in ways] if len(ways) <= MOST_WAYS else [None]
        known = [part for part in parts if part is not None]
        return numpy.asarray(numpy.sum(known, axis=0)) if known and len(known) == len(parts) else None

    def _formula(self, node: Node, value: Value, rule: Local | Pull) -> str:
        """The rule with the names of its operands, summed where an operand was expanded."""
        summed = node.attrs.get("reduction") in _SUMMED
        words = rule.words.removesuffix(" / {n}").removesuffix(" / {rows}") if summed else rule.words
        formula = words.format(**self._names(node))
        if isinstance(rule, Local):
            formula = f"δ × {formula if _is_simple(formula) else f'({formula})'}"
        formula = formula.replace("ᵀᵀ", "")  # of a tensor turned twice
        expanded = value.numel < self._result(node).numel and (isinstance(rule, Local) or rule.words == "δ")
        return f"Σ {formula}" if expanded else formula

    def _factors(self, rule: Local | Pull, call: Call, sent: Array) -> str:
        """`1 × 0.5 = `, of all elements or of the first; empty where the gradient is no such product."""
        if not isinstance(rule, Local):
            return ""
        local, arriving = numpy.broadcast_arrays(rule.of(call), call.d)
        if local.shape != sent.shape:
            return ""  # it was summed
        if sent.size > LISTED:
            local, arriving = numpy.asarray(local.flat[0]), numpy.asarray(arriving.flat[0])
        return f"{_shown(arriving)} × {_shown(local, inside=True)} = "

    def _shapes(self, node: Node, value: Value, rule: Local | Pull) -> str:
        """The shapes in a product of matrices, or that from which and to which a gradient goes."""
        result = self._result(node)
        if value.shape == result.shape and isinstance(rule, Local):
            return f"  ({text.shape(value.shape)})" if value.shape else ""
        if " · " not in rule.words or not isinstance(rule, Pull) or "Σ" in rule.words:
            came, goes = text.shape(result.shape) or "1", text.shape(value.shape) or "1"
            return f"  ({goes})" if came == goes else f"  ({came} → {goes})"
        shapes = []
        for factor in rule.words.split(" · "):
            turned = factor.endswith("ᵀ")
            key = factor.removesuffix("ᵀ").strip("{}")
            of = result.shape if key == "δ" else self._call(node).shapes["abc".index(key)]
            shapes.append(text.shape(of[::-1] if turned else of))
        return f"  ({' · '.join(shapes)} = {text.shape(value.shape)})"

    # Facts.

    def _ways(self, value: Value) -> list[tuple[Node, int]]:
        """The operations that read a value, with its position, through which a gradient came back."""
        return [
            (node, position)
            for node in self.graph.consumers.get(value.id, ())
            if node.phase == "forward" and any(self.graph.value_by_id[each].grad is not None for each in node.outputs)
            for position, operand in enumerate(self._operands(node))
            if operand.value is not None and operand.value.id == value.id
        ]

    def _sent(self, node: Node, position: int) -> Array | None:
        """What a call sends back to an operand; None where it cannot be computed from what is known."""
        found = rules(node.op, len(self._operands(node)))
        rule = found[position] if position < len(found) and len(node.outputs) == 1 else None
        if rule is None:
            return None
        try:
            return gradient(rule, self._call(node), position)
        except (UnknownError, ValueError, IndexError, KeyError, TypeError):
            return None

    def _call(self, node: Node) -> Call:
        operands, result = self._operands(node), self._result(node)
        numbers = [
            numpy.asarray(each.number) if each.value is None else _elements(each.value.data, each.value)
            for each in operands
        ]
        shapes = [() if each.value is None else each.value.shape for each in operands]
        return Call(numbers, shapes, _elements(result.data, result), _elements(result.grad, result), node.attrs)

    def _result(self, node: Node) -> Value:
        return self.graph.value_by_id[node.outputs[0]]

    def _operands(self, node: Node) -> list[_Operand]:
        """The operands in the order of the code, the number that the author wrote beside one among them."""
        found = [_Operand(self.graph.value_by_id[each]) for each in node.inputs]
        if len(found) == 1:
            left = next((node.attrs[key] for key in _LEFT if _is_number(node.attrs.get(key))), None)
            right = next((node.attrs[key] for key in _RIGHT if _is_number(node.attrs.get(key))), None)
            if left is not None:
                return [_Operand(None, float(left)), *found]
            if right is not None:
                return [*found, _Operand(None, float(right))]
            if ".__r" in node.target:  # `2 / x`, whose number was not kept
                return [_Operand(None), *found]
        return found

    # Words.

    @cached_property
    def letter(self) -> str:
        """What backward began from: `L`, or its own name where that is as good."""
        loss = self.graph.loss
        name = "" if loss is None or not loss.name else text.clean(loss.name)
        return name if 0 < len(name) <= _LETTERS and name != "loss" else "L"

    def by(self, value: int) -> str:
        """The gradient with respect to a value: `∂L/∂x`."""
        return f"∂{self.letter}/∂{self._name(value)}"

    def _names(self, node: Node) -> dict[str, str]:
        """What the formula of a rule calls things."""
        names = {key: self._term(each) for key, each in zip("abc", self._operands(node), strict=False)}
        result = self._name(node.outputs[0])
        exponent = self._operands(node)[-1].number
        less = f"^({names.get('b', '')} − 1)" if exponent is None else _power(exponent - 1)
        shape = self.graph.value_by_id[node.inputs[0]].shape
        rows = text.count(shape[0]) if shape else "N"
        return {**names, "y": result, "less": less, "n": text.count(self._call(node).count), "rows": rows}

    def _term(self, operand: _Operand) -> str:
        if operand.value is not None:
            return self._name(operand.value.id)
        return "c" if operand.number is None else text.number(operand.number)

    def _name(self, value: int, depth: int = 1) -> str:
        """The author's name, the number of a constant, or the operation that made it."""
        found = self.graph.value_by_id[value]
        if self.graph.loss is not None and value == self.graph.loss.id:
            return self.letter
        maker = self.graph.producer.get(value)
        if found.name and (maker is None or not self._is_renamed(found)):
            return text.elide(text.clean(found.name), _NAME)
        if found.kind == "constant" and found.data is not None and _is_number(found.data.value):
            return text.number(found.data.value)  # type: ignore[arg-type]
        return "x" if maker is None else self._made(maker, depth)

    def _is_renamed(self, value: Value) -> bool:
        """Whether the author gave its name to what was made of it, as in `h = h.tanh()`."""
        made = (each for node in self.graph.consumers.get(value.id, ()) for each in node.outputs)
        return any(self.graph.value_by_id[each].name == value.name for each in made)

    def _made(self, maker: Node, depth: int) -> str:
        """An operation on what it reads."""
        sign = _op(maker)
        depth += is_minus(self.graph, maker)
        terms = [self._name(each, depth - 1) if depth else "…" for each in maker.inputs[:2]]
        if sign in TURNS and len(terms) == 1:
            return turned(terms[0])
        if len(terms) == 2 and not sign[:1].isalnum():
            return f"({terms[0]} {sign} {terms[1]})"
        if sign == "−":
            return f"(−{terms[0]})"
        return f"{terms[0]}{sign}" if sign[:1] == "[" else f"{sign}({', '.join(terms)})"


def is_minus(graph: Graph, node: Node) -> bool:
    """Whether it is a sign before something else, which is so short that it takes no level of a formula."""
    below = graph.producer.get(node.inputs[0]) if len(node.inputs) == 1 else None
    return below is not None and _op(node) == "−" and not (_op(below) == "−" and len(below.inputs) == 1)


def turned(name: str) -> str:
    """What a matrix is called once it is transposed; twice is as good as not at all."""
    return name.removesuffix("ᵀ") if name.endswith("ᵀ") else f"{name}ᵀ"


def _op(node: Node) -> str:
    return sign(text.clean(node.op)) or "y"


def _power(exponent: float) -> str:
    """An exponent as it is written."""
    return {0.0: "⁰", 1.0: "", 2.0: "²", 3.0: "³"}.get(exponent, f"^{text.number(exponent)}")


def _elements(stats: Stats | None, value: Value) -> Array | None:
    """The elements of a tensor, where all were kept."""
    if stats is None or stats.value is None:
        return None
    try:
        found = numpy.asarray(stats.value, dtype=float)
        return found.reshape(value.shape)
    except (ValueError, TypeError):  # complex, or ragged
        return None


def _close(one: Array, other: Array, dtype: str) -> bool | None:
    """Whether two gradients are equal but for rounding; None where there is nothing to compare, as with nan."""
    if not numpy.isfinite(other).all():
        return None
    tolerance = _CLOSE.get(dtype, _ROUGH)
    largest = float(numpy.abs(other).max()) if other.size else 0.0
    return one.shape == other.shape and bool(
        numpy.allclose(one, other, rtol=tolerance, atol=tolerance * largest + 1e-12)
    )


def _shown(found: Array | None, *, inside: bool = False) -> str:
    """A number, or a few in brackets; empty for more; negative ones in parentheses where they stand in a product."""
    if found is None or found.size > LISTED:
        return ""
    numbers = [text.number(float(each)) for each in found.flat]
    if found.ndim:
        return f"[{', '.join(numbers)}]"
    return f"({numbers[0]})" if inside and numbers[0].startswith("−") else numbers[0]


def _is_simple(formula: str) -> bool:
    return formula.startswith("[") or (" " not in formula and not formula.startswith("−"))


def _is_number(given: Any) -> bool:
    return isinstance(given, (int, float)) and not isinstance(given, bool)
