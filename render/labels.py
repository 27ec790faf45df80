"""Puts the facts of a graph into words: what each box and arrow says, and what its tooltip adds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePath
from typing import Any, Final

from render import text
from render.families import sign
from render.options import Style
from render.scene import Text
from render.theme import Theme
from render.views.collapse import is_closed_module
from tracer.graph import Graph, Node, Scope, Stats, Value

Lines = tuple[tuple[Text, ...], ...]

NAME_SIZE: Final[Mapping[Style, float]] = {"data": 17, "operations": 15.5}
DETAIL_SIZE: Final[Mapping[Style, float]] = {"data": 13, "operations": 12.5}
EDGE_SIZE: Final = 12.0
EDGE_GAP: Final = 6.0  # room around the words beside an arrow
MAX_LINES: Final = 3
MAX_DETAIL: Final = 32  # characters; details are set smaller than names
MESSAGE_WIDTH: Final = 200.0  # of the lines of an error message
MAX_MESSAGE: Final = 36

# Arguments worth a word in the box, in this order; all others are in the tooltip.
_TELLING: Final = ("p", "kernel_size", "dim", "dims", "negative_slope", "num_heads")
_CONSTANTS: Final = ("other", "exponent")  # where torch puts the number of `x * 2` and `x ** 2`
_LEFT_CONSTANTS: Final = ("self", "input")  # and that of `1 - x`
_CONVOLUTIONS: Final = ("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")


@dataclass(frozen=True)
class Wording:
    """Words for the records of one graph in one style.

    Attributes:
        graph: As it is drawn.
        theme: Gives the colours.
        style: Gives the sizes.
        items: What is to be shown.
    """

    graph: Graph
    theme: Theme
    style: Style
    items: frozenset[str]

    @cached_property
    def names(self) -> Mapping[int, str]:
        """Names by value id; an in-place version without a name of its own bears that of its predecessor."""
        found: dict[int, str] = {}
        for value in self.graph.values:
            before = None if value.version_of is None else found.get(value.version_of)
            name = value.name if value.name is not None else before
            if name is not None and text.clean(name).strip("_"):  # `_` is how one says that it has no name
                found[value.id] = text.clean(name)
        outputs = [each for each in dict.fromkeys(self.graph.outputs) if each not in found]
        for number, value_id in enumerate(outputs):
            found[value_id] = "output" if len(outputs) == 1 else f"output {number}"
        return found

    # Tensors.

    def tensor(self, value: Value) -> Lines:
        """The lines of a tensor's box: name; shape or number; gradient."""
        rows = [self._name(value), self._facts(value), self._gradient(value)]
        return tuple(row for row in rows if row)

    def _name(self, value: Value) -> tuple[Text, ...]:
        name = self.names.get(value.id)
        if name is None or ("names" not in self.items and value.kind != "constant"):
            return ()
        return (text.name_run(name, NAME_SIZE[self.style], self.theme.text),)

    def _facts(self, value: Value) -> tuple[Text, ...]:
        words = [self.facts(value)]
        if value.kind == "parameter" and self.style == "operations" and value.numel > 1:
            words.append(text.count(value.numel))
        shown = self._detail(" · ".join(word for word in words if word))
        return (*shown, *self._trouble(value.data, lead=bool(shown)))

    def facts(self, value: Value) -> str:
        """Shape (or number, for a scalar), type and mean of a tensor, as far as they are to be shown."""
        number = scalar(value.data) if value.shape == () and "numbers" in self.items else None
        words = []
        if number is not None:
            words.append(f"data {text.number(number)}" if self.theme.records else text.number(number))
        elif "shapes" in self.items:
            words.append(text.shape(value.shape) or "scalar")
        if "dtypes" in self.items and value.dtype:
            words.append(value.dtype)
        if "values" in self.items and number is None and value.data is not None:
            words.append(_values(value.data))
        return " · ".join(word for word in words if word)

    def _gradient(self, value: Value) -> tuple[Text, ...]:
        words = self.gradient(value) if "norms" in self.items else ""
        if not words:
            return ()
        run = text.run(words, DETAIL_SIZE[self.style], self.theme.gradient_text)
        return (run, *self._trouble(value.grad, lead=True))

    def gradient(self, value: Value) -> str:
        """`grad` and the number for a scalar, `|grad|` and the norm for other tensors; empty where there is none."""
        number = scalar(value.grad) if value.numel == 1 and value.shape == () else None
        if number is not None:
            return f"grad {text.number(number)}"
        if value.grad is None:
            return ""
        return "" if value.grad.norm is None else f"|grad| {text.number(value.grad.norm)}"

    def _trouble(self, stats: Stats | None, *, lead: bool) -> tuple[Text, ...]:
        if stats is None or not (stats.nan or stats.inf):
            return ()
        words = [f"{name} {text.count(n)}" for name, n in (("nan", stats.nan), ("inf", stats.inf)) if n]
        joined = (" · " if lead else "") + " · ".join(words)
        return (text.run(joined, DETAIL_SIZE[self.style], self.theme.error, bold=True),)

    def edge(self, value: Value) -> Text | None:
        """The words beside an arrow between two operations: name and shape of what it carries.

        A tensor without a name that is as the one it was made from is not worth a word.
        """
        name = self.names.get(value.id) if "names" in self.items else None
        producer = self.graph.producer.get(value.id)
        source = self._value(producer.inputs[0]) if producer is not None and producer.inputs else None
        if name is None and source is not None and self.facts(source) == self.facts(value):
            return None
        words = " · ".join(word for word in (text.elide(name, 16) if name else "", self.facts(value)) if word)
        if not words:
            return None
        run = text.run(words, EDGE_SIZE, self.theme.muted)
        return replace(run, width=round(1.08 * run.width + EDGE_GAP, 2))

    # Operations.

    def operation(self, node: Node) -> Lines:
        """The lines of an operation's box: what it is; arguments, parameters; its source, or why it failed."""
        title = text.run(text.elide(self._title(node)), NAME_SIZE[self.style], self.theme.text, bold=True)
        if node.error is not None:
            return self._failure(title, node.error)
        rows = [
            (title,),
            self._detail(" · ".join(self._details(node))),
            self._folded_gradient(node),
            self._source(node),
        ]
        return tuple(row for row in rows if row)[:MAX_LINES]

    def _folded_gradient(self, node: Node) -> tuple[Text, ...]:
        """The norm of the gradient of all parameters that have no boxes of their own, taken together."""
        if "norms" not in self.items or ("params" in self.items and not is_closed_module(node)):
            return ()
        found = [self._value(each).grad for each in dict.fromkeys(node.inputs) if self.is_parameter(each)]
        norms = [stats.norm for stats in found if stats is not None and stats.norm is not None]
        if not norms:
            return ()
        return (
            text.run(f"|grad| {text.number(math.hypot(*norms))}", DETAIL_SIZE[self.style], self.theme.gradient_text),
        )

    def _failure(self, title: Text, message: str) -> Lines:
        """What failed, and the beginning of why in at most two lines; the whole message is in tooltip and caption."""
        size, color = DETAIL_SIZE[self.style], self.theme.error
        why = text.run(text.clean(message), size, color)
        first, *rest = text.wrap(why, MESSAGE_WIDTH) or (why,)
        rest = [text.run(each.text + ("…" if len(rest) > 1 else ""), size, color) for each in rest[:1]]
        lines = (text.run(text.elide(each.text, MAX_MESSAGE), size, color) for each in (first, *rest))
        return ((title, text.run(" failed", title.size, color, bold=True)), *((line,) for line in lines if line.text))

    def _title(self, node: Node) -> str:
        if is_closed_module(node):
            return self._module_title(node)
        if self.style == "operations":
            scope = self._own_module(node)
            if scope is not None:
                return _short_name(scope)
        return " ".join(self._signed(node))

    def _module_title(self, node: Node) -> str:
        scope = self._scope(node)
        return _short_name(scope) if scope is not None else text.clean(node.op)

    def _details(self, node: Node) -> list[str]:
        found = []
        if is_closed_module(node):
            kind, scope = str(node.attrs.get("type", "")), self._scope(node)
            if kind and kind != self._title(node):
                found.append(text.clean(kind))
            elif scope is not None and scope.name.rpartition(".")[2] not in ("", self._title(node)):
                found.append(text.clean(scope.name))
            if node.attrs.get("parameters"):
                found.append(text.count(node.attrs["parameters"]))
            return found
        operation = " ".join(self._signed(node))
        words = [] if operation == self._title(node) else [operation]
        if "constants" in self.items:
            words += self._arguments(node)
        found += [" ".join(words)] if words else []
        if "params" not in self.items:
            folded = sum(self._value(each).numel for each in dict.fromkeys(node.inputs) if self.is_parameter(each))
            found += [text.count(folded)] if folded else []
        return found

    def _signed(self, node: Node) -> list[str]:
        """The operation's sign or name, with the number that the author wrote beside it on its side."""
        shown = sign(text.clean(node.op)) or "operation"
        if "constants" not in self.items:
            return [shown]
        left, right = self.inline_constants(node)
        return [word for word in (left, shown, right) if word]

    def inline_constants(self, node: Node) -> tuple[str, str]:
        """The numbers to write on the left and on the right of an operator; empty where there is none."""
        if sign(node.op)[:1].isalnum() or len(node.inputs) > 2:
            return "", ""
        left, right = ("" if constant is None else text.number(constant) for constant in self._inline_values(node))
        if left or right or len(node.inputs) != 1:
            return left, right
        left = next((_numeral(node.attrs[key]) for key in _LEFT_CONSTANTS if _numeral(node.attrs.get(key))), "")
        right = next((_numeral(node.attrs[key]) for key in _CONSTANTS if _numeral(node.attrs.get(key))), "")
        return left, right

    def _inline_values(self, node: Node) -> tuple[float | None, float | None]:
        """The unnamed constants among two operands, left and right; only where the other operand is a tensor."""
        if len(node.inputs) != 2:
            return None, None
        first, second = (self.constant(each) for each in node.inputs)
        return (None, None) if first is not None and second is not None else (first, second)

    def constant(self, value_id: int) -> float | None:
        """The number of a constant without a name, which is written where it is used; None for all else."""
        value = self._value(value_id)
        return scalar(value.data) if value.kind == "constant" and value.name is None else None

    def is_inline(self, node: Node, position: int) -> bool:
        """Whether the operand at this position is written in the operation's box instead of drawn."""
        return bool(self.inline_constants(node)[position]) if len(node.inputs) == 2 and position < 2 else False

    def _arguments(self, node: Node) -> list[str]:
        if node.op.startswith("["):  # an index says it all
            return []
        found = []
        if node.op in _CONVOLUTIONS and len(node.inputs) > 1:
            found.append(text.shape(self._value(node.inputs[1]).shape[2:]))
        if "dim0" in node.attrs and "dim1" in node.attrs:
            found.append(f"{_argument('', node.attrs['dim0'])}, {_argument('', node.attrs['dim1'])}")
        for key in _TELLING:
            argument = node.attrs.get(key)
            if argument is not None and argument != () and not isinstance(argument, (str, bool)):
                found.append(f"{'' if key == 'kernel_size' else key + ' '}{_argument(key, argument)}")
        return [word for word in found if word]

    def _source(self, node: Node) -> tuple[Text, ...]:
        source = self.graph.source(node) if "source" in self.items else None
        if source is None:
            return ()
        return self._detail(text.elide(f"{text.clean(PurePath(source.file).name)}:{source.line}"))

    def _detail(self, words: str) -> tuple[Text, ...]:
        if not words:
            return ()
        return (text.run(text.elide(words, MAX_DETAIL), DETAIL_SIZE[self.style], self.theme.muted),)

    # Groups.

    def group(self, scope: Scope, parameters: int) -> Lines:
        """The title of an open module: its name, its type and how many parameters it has."""
        kind = text.clean(scope.type)
        around = [f"{each.name}." for each in self.graph.path(scope.parent) if each.kind == "module"]
        prefix = next((above for above in reversed(around) if scope.name.startswith(above)), "")
        name = text.clean(scope.name[len(prefix) :]) or kind  # the groups around it say the rest
        details = [text.elide(kind)] if kind and kind != name else []
        details += [f"call {scope.call + 1}"] if scope.call else []
        details += [f"{text.count(parameters)} parameters"] if parameters else []
        title = text.run(text.elide(name, 40), 14.5, self.theme.text, bold=True)
        rest = text.run(" " + " · ".join(details), 12.5, self.theme.muted)
        return ((title, rest),) if details else ((title,),)

    # Look-ups.

    def is_parameter(self, value_id: int) -> bool:
        """Whether the value is a parameter (buffers are none)."""
        return self._value(value_id).kind == "parameter"

    def _value(self, value_id: int) -> Value:
        return self.graph.value_by_id[value_id]

    def _scope(self, node: Node) -> Scope | None:
        return None if node.scope is None else self.graph.scope_by_id.get(node.scope)

    def _own_module(self, node: Node) -> Scope | None:
        """The module that the node is all there is of, so that the module's name says more than the operation's."""
        scope = next((each for each in reversed(self.graph.path(node.scope)) if each.kind == "module"), None)
        return scope if scope is not None and scope.name and self._population.get(scope.id) == 1 else None

    @cached_property
    def _population(self) -> Mapping[int, int]:
        """How many operations lie in each module, at any depth."""
        counts: dict[int, int] = {}
        for node in self.graph.nodes:
            for scope in self.graph.path(node.scope):
                counts[scope.id] = counts.get(scope.id, 0) + 1
        return counts


def scalar(stats: Stats | None) -> float | None:
    """The number itself, where the statistics are those of a single element and kept it."""
    if stats is None or isinstance(stats.value, bool) or not isinstance(stats.value, (int, float)):
        return None
    return stats.value


def _short_name(scope: Scope) -> str:
    """The last part of a module's name; its type where that part is a mere number (`layers.0`)."""
    last = text.clean(scope.name.rpartition(".")[2])
    return text.clean(scope.type) if scope.type and (not last or last.isdigit()) else last


def _values(stats: Stats) -> str:
    if stats.value is not None:
        flat = list(_flat(stats.value))
        if len(flat) <= 4:
            return "[" + ", ".join(text.number(each) for each in flat) + "]"
    return "" if stats.mean is None else f"mean {text.number(stats.mean)}"


def _flat(value: Any) -> Iterable[float]:
    return (each for item in value for each in _flat(item)) if isinstance(value, tuple) else (value,)


def _numeral(argument: object) -> str:
    if isinstance(argument, bool) or not isinstance(argument, (int, float)):
        return ""
    return text.number(argument)


def _argument(key: str, argument: object) -> str:
    if isinstance(argument, (tuple, list)):
        return ("×" if key == "kernel_size" else ", ").join(_argument(key, each) for each in argument)
    return _numeral(argument) or text.clean(str(argument))
