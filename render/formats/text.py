"""Text: the graph as a tree of modules and operations for a terminal, a log or a screen reader."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Final

from render import text
from render.families import sign
from render.formats import register
from render.labels import Wording, repetition
from render.views.closing import is_closed_module

if TYPE_CHECKING:
    from rich.tree import Tree

    from render.drawing import Drawing
    from tracer.graph import Graph, Node, Scope, Value

_WEIGHTS: Final = ("parameter", "buffer")
_MAX_WEIGHTS: Final = 24  # a longer list hides the tree; their number is told instead


@register("text", suffixes=(".txt",), mime="text/plain", help_text="a tree for the terminal")
def write(drawing: Drawing, *, width: int = 100) -> str:
    """The graph as a tree: what comes in, then operations in the order they ran, inside their modules.

    Args:
        drawing: What to write.
        width: Columns; longer lines are cut.
    """
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    root = Tree(Text(text.clean(drawing.graph.name) or "graph"))
    writer = _Writer(drawing)
    writer.fill(root)
    out = StringIO()
    console = Console(file=out, width=max(20, width), color_system=None, force_terminal=False, legacy_windows=False)
    console.print(root, no_wrap=True, overflow="ellipsis", crop=False, highlight=False)
    for line in writer.footer():
        console.print(Text(line), highlight=False)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


class _Writer:
    """Adds the records of a drawing's view to a tree."""

    def __init__(self, drawing: Drawing) -> None:
        self.drawing = drawing
        self.graph: Graph = drawing.view
        self.items = drawing.options.items("data")
        self.words = Wording(self.graph, drawing.options.theme, "data", self.items)
        self.branches: dict[int, Tree] = {}

    def fill(self, root: Tree) -> None:
        """Values that come from outside, then the operations."""
        from rich.text import Text

        read = dict.fromkeys(value for node in self.graph.nodes for value in self._operands(node))
        values = [self.graph.value_by_id[each] for each in read or self.graph.inputs]
        outside = [value for value in values if value.id not in self.graph.producer and not self._is_number(value)]
        weights = [value for value in outside if value.kind in _WEIGHTS]
        listed = "params" in self.items and len(weights) <= _MAX_WEIGHTS
        for value in outside:
            if listed or value.kind not in _WEIGHTS:
                root.add(Text(self._value(value, lead=value.kind)))
        if weights and not listed:
            total = text.count(sum(value.numel for value in weights))
            root.add(Text(f"{len(weights)} parameters and buffers with {total} elements"))
        for node in self.graph.nodes:
            self._branch(root, node).add(Text(self._operation(node)))

    def _is_number(self, value: Value) -> bool:
        return self.words.constant(value.id) is not None

    def _operands(self, node: Node) -> list[int]:
        """What an operation reads; of a closed module without its weights, as in the picture."""
        inside = is_closed_module(node)
        return [each for each in node.inputs if not inside or self.graph.value_by_id[each].kind not in _WEIGHTS]

    def footer(self) -> list[str]:
        """Notes and the error, under the tree."""
        failed = [text.clean(self.drawing.error)] if self.drawing.error else []
        return [text.elide(line, 400) for line in (*failed, *map(text.clean, self.drawing.notes))]

    def _branch(self, root: Tree, node: Node) -> Tree:
        """The branch of the innermost open module around an operation, made where it is missing."""
        from rich.text import Text

        path = [scope for scope in self.graph.path(node.scope) if scope.kind != "function"]
        branch = root
        for scope in path[:-1] if is_closed_module(node) else path:
            if scope.id not in self.branches:
                self.branches[scope.id] = branch.add(Text(_scope_words(scope)))
            branch = self.branches[scope.id]
        return branch

    def _operation(self, node: Node) -> str:
        operands = ", ".join(self._name(value) for value in self._operands(node))
        title = sign(text.clean(node.op))
        if is_closed_module(node):
            scope = None if node.scope is None else self.graph.scope_by_id.get(node.scope)
            name = text.clean(scope.name) if scope is not None and scope.name else title
            title = f"{name} [{text.clean(str(node.attrs.get('type', '')))}]"
        made = "; ".join(self._value(self.graph.value_by_id[value]) for value in node.outputs)
        failed = f"  failed: {text.clean(node.error)}" if node.error is not None else ""
        source = self.graph.source(node) if "source" in self.items else None
        where = f"  {text.clean(source.file)}:{source.line}" if source is not None else ""
        return f"{made + ' = ' if made else ''}{text.elide(title, 60)}({text.elide(operands, 60)}){failed}{where}"

    def _name(self, value_id: int) -> str:
        number = self.words.constant(value_id)
        return text.elide(self.words.names.get(value_id, f"%{value_id}" if number is None else text.number(number)))

    def _value(self, value: Value, lead: str = "") -> str:
        gradient = self.words.gradient(value) if "norms" in self.items else ""
        words = [lead, self._name(value.id), self.words.facts(value), gradient]
        return " ".join(word for word in words if word)


def _scope_words(scope: Scope) -> str:
    name, kind = text.clean(scope.name), text.clean(scope.type)
    words = " ".join(word for word in (name, kind if kind != name else "") if word) or scope.kind
    return text.elide(" ".join(word for word in (words, repetition(scope)) if word), 60)
