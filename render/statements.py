"""The operations of a graph as lines of text, `h 64×32 = relu(%1)`: for terminals, tables and screen readers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from render import text
from render.dims import Dims
from render.families import sign
from render.labels import Wording
from render.views.closing import is_closed_module

if TYPE_CHECKING:
    from render.drawing import Drawing
    from tracer.graph import Graph, Node, Value

WEIGHTS: Final = ("parameter", "buffer")


@dataclass(frozen=True)
class Statements:
    """Puts what is drawn of a graph into lines.

    Attributes:
        drawing: Its view and its items matter here.
    """

    drawing: Drawing

    @cached_property
    def graph(self) -> Graph:
        """What is drawn."""
        return self.drawing.view

    @cached_property
    def items(self) -> frozenset[str]:
        """What is to be told."""
        return self.drawing.options.items("data")

    @cached_property
    def dims(self) -> Dims:
        """Names of sizes, which keep by themselves which of them these lines use."""
        return Dims(self.drawing.dims.dims)

    @cached_property
    def _words(self) -> Wording:
        return Wording(self.graph, self.drawing.options.theme, "data", self.items, self.dims, self.drawing.lang)

    def outside(self) -> Iterator[Value]:
        """What comes from outside and is read, but for numbers without a name, which stand where they are used."""
        read = dict.fromkeys(value for node in self.graph.nodes for value in self.operands(node))
        for value_id in read or self.graph.inputs:
            if value_id not in self.graph.producer and self._words.constant(value_id) is None:
                yield self.graph.value_by_id[value_id]

    def operands(self, node: Node) -> list[int]:
        """What an operation reads; of a closed module without its weights, as in the picture."""
        inside = is_closed_module(node)
        return [each for each in node.inputs if not inside or self.graph.value_by_id[each].kind not in WEIGHTS]

    def operation(self, node: Node) -> str:
        """What an operation made, its name and what it read."""
        left, right = self._words.inline_constants(node) if len(node.inputs) == 1 else ("", "")
        named = map(self.name, self.operands(node))
        operands = ", ".join(word for word in (left, *named, right) if word)  # of `1 - x` the number, too
        made = "; ".join(self.value(self.graph.value_by_id[value]) for value in node.outputs)
        failed = f"  failed: {text.clean(node.error)}" if node.error is not None else ""
        source = self.graph.source(node) if "source" in self.items else None
        where = f"  {text.clean(source.file)}:{source.line}" if source is not None else ""
        title = text.elide(self._title(node), 60)
        told = self._told(f"n{node.id}")
        return f"{made + ' = ' if made else ''}{title}({text.elide(operands, 60)}){told}{failed}{where}"

    def _told(self, box: str) -> str:
        """What a box says of the quantity that the picture is coloured by, after two spaces; empty without any."""
        heat = self.drawing.heat
        reading = None if heat is None else heat.readings.get(box)
        return "" if reading is None else f"  {reading.words}"

    def _title(self, node: Node) -> str:
        title = sign(text.clean(node.op))
        if not is_closed_module(node):
            return title
        scope = None if node.scope is None else self.graph.scope_by_id.get(node.scope)
        name = text.clean(scope.name) if scope is not None and scope.name else title
        return f"{name} [{text.clean(str(node.attrs.get('type', '')))}]"

    def name(self, value_id: int) -> str:
        """The author's name for a tensor, its number where it is a constant, else `%` and its id; shortened."""
        return text.elide(self.whole_name(value_id))

    def whole_name(self, value_id: int) -> str:
        """The same, however long it is."""
        number = self._words.constant(value_id)
        return self._words.names.get(value_id, f"%{value_id}" if number is None else text.number(number))

    def value(self, value: Value, lead: str = "") -> str:
        """Name, shape or number, and gradient of a tensor, after `lead`."""
        gradient = self._words.gradient(value) if "norms" in self.items else ""
        words = [lead, self.name(value.id), self._words.facts(value), gradient]
        told = self._told(f"v{value.id}")
        return " ".join(word for word in words if word) + ("" if gradient and told.startswith("  |grad|") else told)
