"""What the boxes of operations and of closed modules say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Final

from render import text
from render.families import derivative, is_autograd, sign
from render.labels.modules import module_name, short_name
from render.labels.words import DETAIL_SIZE, MAX_DETAIL, NAME_SIZE, Lines, Words, scalar
from render.scene import Text
from render.views.autograd import ACCUMULATE
from render.views.backward import is_opposite
from render.views.closing import is_closed_module
from render.views.counts import gradient
from render.views.merging import alike, skipped_from, turns
from tracer.graph import Node, Scope, Value

MAX_LINES: Final = 3
MESSAGE_WIDTH: Final = 200.0  # of the lines of an error message
MAX_MESSAGE: Final = 36

# Arguments worth a word in the box, in this order; all others are in the tooltip.
_TELLING: Final = ("p", "kernel_size", "dim", "dims", "negative_slope", "num_heads")
_CONSTANTS: Final = ("other", "exponent")  # where torch puts the number of `x * 2` and `x ** 2`
_LEFT_CONSTANTS: Final = ("self", "input")  # and that of `1 - x`
_CONVOLUTIONS: Final = ("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")


class OperationWords(Words):
    """The words for operations."""

    def operation(self, node: Node, told: str = "") -> Lines:
        """The lines of an operation's box: what it is; arguments, parameters; what its colour tells; its source.

        Of one that failed, why it did.
        """
        title = text.run(text.elide(self._title(node)), NAME_SIZE[self.style], self.theme.text, bold=True)
        if node.error is not None:
            return self._failure(title, node.error)
        if is_opposite(self.graph, node):  # the box beside it says the rest
            return ((title, *self._times(node)), *filter(None, (self.colour([(title,)], told),)))
        kept = self._kept_inside(node)
        rows = [
            (title, *self._times(node)),
            self._detail(_joined(self._details(node))),
            self._inside(node),
            kept,
            self._folded_gradient(node),
        ]
        coloured = self.colour(rows, told)
        rows += [coloured, self._source(node)]
        return tuple(row for row in rows if row)[: MAX_LINES + is_closed_module(node) + bool(kept) + bool(coloured)]

    def _times(self, node: Node) -> tuple[Text, ...]:
        """How often an operation ran that is all there is of what it stands for: ` ×200`, ` 12 alike`."""
        words = " ".join(self.repetition(scope) for scope in self._alone(node) if turns(scope) > 1)
        return (text.run(f" {words}", NAME_SIZE[self.style], self.theme.text, bold=True),) if words else ()

    def is_stacked(self, node: Node) -> bool:
        """Whether an operation is all there is of what stands for several that are alike."""
        return any(alike(scope) for scope in self._alone(node))

    def _alone(self, node: Node) -> list[Scope]:
        """The scopes, innermost first, that the operation is all there is of."""
        return [scope for scope in reversed(self.graph.path(node.scope)) if self._population.get(scope.id) == 1]

    def _inside(self, node: Node) -> tuple[Text, ...]:
        """How much ran in a closed module and the shape of what came out."""
        if not self.states_shape(node):
            return ()
        shape = self._value(node.outputs[0]).shape if len(node.outputs) == 1 and "shapes" in self.items else ()
        counted = self.say.counted("operations", node.attrs["operations"]) if "counts" in self.items else ""
        words = [counted, self.dims.shape(shape)]
        return self._detail(" · ".join(word for word in words if word))

    def _kept_inside(self, node: Node) -> tuple[Text, ...]:
        """The bytes that are kept for backward in a closed call or module, where the view `saved` was asked for."""
        size = int(node.cost.get("kept", 0)) if self.kept else 0
        return self._detail(self.say("kept", bytes=text.size(size))) if size else ()

    def _folded_gradient(self, node: Node) -> tuple[Text, ...]:
        """The norm of the gradient of all parameters that have no boxes of their own, taken together."""
        found = [value.grad for value in self.folded(node)] if "norms" in self.items else []
        norms = [stats.norm for stats in found if stats is not None and stats.norm is not None]
        scope = self._scope(node) if norms and is_closed_module(node) else None
        whole = None if scope is None else gradient(scope)  # of what is drawn once, not all parameters are read
        norms = norms if whole is None else [whole]
        if not norms:
            return ()
        words = f"|grad| {text.number(math.hypot(*norms))}"
        return (replace(text.run(words, DETAIL_SIZE[self.style], self.theme.gradient_text), gradient=True),)

    def folded(self, node: Node) -> list[Value]:
        """The parameters that an operation reads and that have no boxes of their own."""
        if "params" in self.items and not is_closed_module(node):
            return []
        return [self._value(each) for each in dict.fromkeys(node.inputs) if self.is_parameter(each)]

    def _failure(self, title: Text, message: str) -> Lines:
        """What failed, and the beginning of why in at most two lines; the whole message is in tooltip and caption."""
        size, color = DETAIL_SIZE[self.style], self.theme.error
        why = text.run(text.clean(message), size, color)
        first, *rest = text.wrap(why, MESSAGE_WIDTH) or (why,)
        rest = [text.run(each.text + ("…" if len(rest) > 1 else ""), size, color) for each in rest[:1]]
        lines = (text.run(text.elide(each.text, MAX_MESSAGE), size, color) for each in (first, *rest))
        return (
            (title, text.run(f" {self.say('failed')}", title.size, color, bold=True)),
            *((line,) for line in lines if line.text),
        )

    def _title(self, node: Node) -> str:
        if is_closed_module(node):
            return self._module_title(node)
        if skipped_from(node) is not None and isinstance(node.attrs.get("turns"), int):
            return self.say.counted("more", node.attrs["turns"])
        around = self._scope(node)
        if around is not None and around.kind == node.op == "loop":  # all turns as one box
            return self.say("loop")
        if self.style == "operations":
            scope = self._own_module(node)
            if scope is not None:
                return derivative(short_name(scope)) if is_opposite(self.graph, node) else short_name(scope)
        return " ".join(self._signed(node))

    def _module_title(self, node: Node) -> str:
        scope = self._scope(node)
        name = short_name(scope) if scope is not None else text.clean(node.op)
        return derivative(name) if node.phase == "backward" else name

    def _details(self, node: Node) -> list[str]:
        found = []
        if is_closed_module(node):
            kind, scope = str(node.attrs.get("type", "")), self._scope(node)
            if kind and kind != self._title(node):
                found.append(text.clean(kind))
            elif scope is not None and (alike(scope) or scope.name.rpartition(".")[2] not in ("", self._title(node))):
                found.append(module_name(self.graph, scope))
            if node.attrs.get("parameters") and "counts" in self.items:
                found.append(self.parameters(node.attrs["parameters"], each=scope is not None and bool(alike(scope))))
            return found
        if node.op == ACCUMULATE and "params" not in self.items and node.inputs:
            return [self._leaf(node.inputs[0])]
        operation = " ".join(self._signed(node))
        words = [] if operation == self._title(node) else [operation]
        if "constants" in self.items:
            words += self._arguments(node)
        found += [" ".join(words)] if words else []
        return found + self._parameters_read(node)

    def _parameters_read(self, node: Node) -> list[str]:
        """Of the parameters without boxes that an operation reads: which, or how many; `W_x @` says it."""
        if "params" in self.items or "counts" not in self.items or any(self._named_operands(node)):
            return []
        read = self.folded(node)
        if len(read) == 1 and self._own_module(node) is None and self.names.get(read[0].id):
            shape = self.dims.shape(read[0].shape) if "shapes" in self.items else ""
            return [" · ".join(word for word in (self._named(read[0].id, node), shape) if word)]
        return [self.parameters(sum(each.numel for each in read))] if read else []

    def _named(self, value_id: int, node: Node) -> str:
        """The name of a parameter, without the path of the module that the operation lies in."""
        modules = (each.name for each in reversed(self.graph.path(node.scope)) if each.kind == "module")
        return self.names.get(value_id, "").removeprefix(f"{next(modules, '')}.")

    def _leaf(self, value_id: int) -> str:
        """Name and shape of the parameter that a gradient is collected in, where it has no box of its own."""
        name = self.names.get(value_id, "") if "names" in self.items else ""
        shape = self.dims.shape(self._value(value_id).shape) if "shapes" in self.items else ""
        return " · ".join(word for word in (name, shape) if word)

    def _signed(self, node: Node) -> list[str]:
        """The operation's sign or name, with the number or the parameter that the author wrote beside it."""
        name = text.clean(node.op)
        if node.phase == "backward" and is_autograd(name):
            name = derivative(name)
        shown = sign(name) or "operation"
        left, right = self.inline_constants(node) if "constants" in self.items else ("", "")
        if not (left or right):
            left, right = self._named_operands(node)
        return [word for word in (left, shown, right) if word]

    def _named_operands(self, node: Node) -> tuple[str, str]:
        """The parameter without a box of its own to write on the left or on the right of an operator: `W_x @`."""
        if sign(node.op)[:1].isalnum() or len(node.inputs) != 2 or "params" in self.items or "names" not in self.items:
            return "", ""
        left, right = (self._named(each, node) if self.is_parameter(each) else "" for each in node.inputs)
        return ("", "") if left and right else (left, right)

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

    def _own_module(self, node: Node) -> Scope | None:
        """The module that the node is all there is of, so that the module's name says more than the operation's."""
        scope = next((each for each in reversed(self.graph.path(node.scope)) if each.kind == "module"), None)
        return scope if scope is not None and scope.name and self._population.get(scope.id) == 1 else None


def _joined(words: Sequence[str]) -> str:
    """Words side by side; where that is too long the first gives way."""
    rest = "".join(f" · {word}" for word in words[1:])
    return "".join(text.elide(word, max(8, MAX_DETAIL - len(rest))) for word in words[:1]) + rest


def _numeral(argument: object) -> str:
    if isinstance(argument, bool) or not isinstance(argument, (int, float)):
        return ""
    return text.number(argument)


def _argument(key: str, argument: object) -> str:
    if isinstance(argument, (tuple, list)):
        return ("×" if key == "kernel_size" else ", ").join(_argument(key, each) for each in argument)
    return _numeral(argument) or text.clean(str(argument))
