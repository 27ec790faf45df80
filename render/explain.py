"""Explains backward through an operation: the chain rule as a formula, with its numbers, checked against autograd."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy

from render import text
from render.families import sign
from render.rules import Call, Local, Pull, UnknownError, gradient, rules
from tracer.graph import Graph, Node, Stats, Value

if TYPE_CHECKING:
    from render.rules import Array

LISTED: Final = 3  # elements that are written out; of more, the first
MOST_WAYS: Final = 32  # that a gradient comes to one tensor and that are added up
_NAME: Final = 14  # characters of a name in a formula
_RIGHT: Final = ("other", "exponent")  # where torch puts the number of `x * 2` and `x ** 2`
_LEFT: Final = ("self", "input")  # and that of `1 - x`
_CLOSE: Final = {"float64": 1e-8, "float": 1e-8, "float32": 1e-4}
_ROUGH: Final = 2e-2  # of types with fewer digits


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an explanation.

    Attributes:
        text: Such as `∂L/∂n = δ × (1 − o²) = 1 × 0.5 = 0.5`.
        agrees: Whether the gradient that it comes to is the one that autograd found; None where it was not computed.
    """

    text: str
    agrees: bool | None = None


def explained(graph: Graph, node: Node) -> tuple[Line, ...]:
    """The chain rule of backward through an operation, first what arrives (`δ`), then a line for each operand.

    Numbers are those that were recorded: of scalars and of tensors small enough to draw. Where an operand is read by
    several operations its gradient is a sum; such lines say `+=`, as each adds its part, and end with the sum.

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
        name = self._name(result.id)
        arriving = _elements(result.grad, result)
        number = _shown(arriving)
        yield Line(f"δ = ∂L/∂{name} = {number}" if number else f"δ = ∂L/∂{name}  ({text.shape(result.shape)})")
        rule = found[0]
        if len(operands) == 1 and isinstance(rule, Local) and not rule.words[-1].isdigit():
            yield Line(f"∂{_op(node)} = {rule.words.format(**self._names(node))}")
        for position, value, each in needing:
            yield self._line(node, position, value, each)

    def _line(self, node: Node, position: int, value: Value, rule: Local | Pull) -> Line:
        """What goes on to one operand: the formula, and numbers or shapes."""
        sent, ways = self._sent(node, position), self._ways(value)
        adds = "+=" if len(ways) > 1 else "="
        words = f"∂L/∂{self._name(value.id)} {adds} {self._formula(node, value, rule)}"
        if sent is None:
            return Line(f"{words}{self._shapes(node, value, rule)}")
        words += self._numbers(rule, self._call(node), sent) if sent.size else ""
        parts = [self._sent(*way) for way in ways] if len(ways) <= MOST_WAYS else [None]
        known = _elements(value.grad, value)
        if known is None or any(part is None for part in parts):
            return Line(words)
        total = numpy.sum([part for part in parts if part is not None], axis=0)
        words += f" (Σ {_shown(total)})" if len(ways) > 1 and _shown(total) else ""
        return Line(words, _close(total, known, value.dtype))

    def _formula(self, node: Node, value: Value, rule: Local | Pull) -> str:
        """The rule with the names of its operands, summed where an operand was expanded."""
        formula = rule.words.format(**self._names(node))
        if isinstance(rule, Local):
            formula = f"δ × {formula if _is_simple(formula) else f'({formula})'}"
        formula = re.sub(r"\bt\(([^()]*)\)ᵀ", r"\1", formula)  # of a tensor turned twice
        expanded = value.numel < self._result(node).numel and (isinstance(rule, Local) or rule.words == "δ")
        return f"Σ {formula}" if expanded else formula

    def _numbers(self, rule: Local | Pull, call: Call, sent: Array) -> str:
        """` = 1 × 0.5 = 0.5`, of all elements or of the first."""
        factors = ""
        if isinstance(rule, Local):
            local, arriving = numpy.broadcast_arrays(rule.of(call), call.d)
            if local.shape == sent.shape:  # nothing was summed
                if sent.size > LISTED:
                    local, arriving = numpy.asarray(local.flat[0]), numpy.asarray(arriving.flat[0])
                factors = f"{_shown(arriving)} × {_shown(local, inside=True)} = "
        if sent.size <= LISTED:
            return f" = {factors}{_shown(sent)}"
        first = ", ".join("0" for _ in sent.shape)
        return f"; [{first}]: {factors}{_shown(numpy.asarray(sent.flat[0]))}"

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

    def _names(self, node: Node) -> dict[str, str]:
        """What the formula of a rule calls things."""
        names = {key: self._term(each) for key, each in zip("abc", self._operands(node), strict=False)}
        result = self._name(node.outputs[0])
        if result in names.values():  # the author gave the result the name of what it was made from
            result = f"{_op(node)}({', '.join(names.values())})"
        exponent = self._operands(node)[-1].number
        less = f"^({names.get('b', '')} − 1)" if exponent is None else _power(exponent - 1)
        return {**names, "y": result, "less": less, "n": text.count(self._call(node).count)}

    def _term(self, operand: _Operand) -> str:
        if operand.value is not None:
            return self._name(operand.value.id)
        return "c" if operand.number is None else text.number(operand.number)

    def _name(self, value: int, depth: int = 1) -> str:
        """The author's name, the number of a constant, or the operation that made it."""
        found = self.graph.value_by_id[value]
        if found.name:
            return text.elide(text.clean(found.name), _NAME)
        if found.kind == "constant" and found.data is not None and _is_number(found.data.value):
            return text.number(found.data.value)  # type: ignore[arg-type]
        maker = self.graph.producer.get(value)
        if maker is None:
            return "x"
        terms = [self._name(each, depth - 1) if depth else "…" for each in maker.inputs[:2]]
        if len(terms) == 2 and not _op(maker)[:1].isalnum():
            return f"({terms[0]} {_op(maker)} {terms[1]})"
        return f"{_op(maker)}({', '.join(terms)})"


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
