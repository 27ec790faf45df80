"""What the boxes of one scene have of the quantity that they are coloured by: asked for while they are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from render import text
from render.families import sign
from render.labels import Wording
from render.quantities import Quantity, Reading
from render.views.closing import is_closed_module
from render.views.merging import copies
from tracer.graph import Graph, Node, Value


@dataclass(frozen=True)
class Readings:
    """Reads one quantity of a graph, and keeps what it read.

    Attributes:
        quantity: None for none.
        words: Spells the boxes; has the graph and the style.
        is_drawn: Whether a tensor has a box of its own, by its id.
        found: What each box has, by its id, in the order of the run.
    """

    quantity: Quantity | None
    words: Wording
    is_drawn: Callable[[int], bool]
    found: dict[str, Reading] = field(default_factory=dict)

    def tensor(self, value: Value) -> str:
        """What the box of a tensor says of the quantity; empty where it has none of it."""
        return self._told(f"v{value.id}", None if self.quantity is None else self.quantity.of_values([value]))

    def operation(self, node: Node) -> str:
        """What the box of an operation says; empty where its results have boxes, which say it."""
        quantity, words = self.quantity, self.words
        if quantity is None or node.error is not None:
            return ""
        if words.style == "data" and quantity.of_node is None and any(map(self.is_drawn, node.outputs)):
            return ""
        results = [words.graph.value_by_id[value] for value in node.outputs]
        weights = words.folded(node) if quantity.name == "gradient" else []
        return self._told(f"n{node.id}", quantity.of_operation(node, weights or results, self._times[node.scope]))

    @cached_property
    def _times(self) -> Mapping[int | None, int]:
        """How often what is drawn once ran, by scope."""
        return copies(self.words.graph, weights=False)

    def _told(self, box: str, reading: Reading | None) -> str:
        if reading is None:
            return ""
        self.found[box] = reading
        return reading.words

    def place(self, box: str) -> str:
        """Where a box stands, in words: the name of a tensor, or an operation and its module."""
        if box[0] == "v":
            return self.words.names.get(int(box[1:]), "a tensor")
        graph = self.words.graph
        node = graph.node_by_id[int(box[1:])]
        modules = [text.clean(scope.name) for scope in graph.path(node.scope) if scope.kind == "module"]
        operation = "" if is_closed_module(node) else sign(text.clean(node.op))
        words = [text.elide(word, 40) for word in (operation, *modules[-1:]) if word]
        return " in ".join(words) or "an operation"


def of_forward(quantity: Quantity, graph: Graph) -> Quantity:
    """The quantity marked as partial, where operations have it and only those of forward are drawn."""
    ran_back = any(value.grad is not None for value in graph.values)
    if quantity.of_node is None or quantity.new or not ran_back or any(node.phase != "forward" for node in graph.nodes):
        return quantity
    return replace(quantity, partial=True)
