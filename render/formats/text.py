"""Text: the graph as a tree of modules and operations for a terminal, a log or a screen reader."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Final

from render import text
from render.formats import register
from render.labels import repetition
from render.statements import WEIGHTS, Statements
from render.views.closing import is_closed_module

if TYPE_CHECKING:
    from rich.tree import Tree

    from render.drawing import Drawing
    from tracer.graph import Node, Scope

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

    root = Tree(Text(drawing.options.title or text.clean(drawing.graph.name) or "graph"))
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
        self.say = Statements(drawing)
        self.branches: dict[int, Tree] = {}

    def fill(self, root: Tree) -> None:
        """Values that come from outside, then the operations."""
        from rich.text import Text

        outside = list(self.say.outside())
        weights = [value for value in outside if value.kind in WEIGHTS]
        listed = "params" in self.say.items and len(weights) <= _MAX_WEIGHTS
        for value in outside:
            if listed or value.kind not in WEIGHTS:
                root.add(Text(self.say.value(value, lead=value.kind)))
        if weights and not listed:
            total = text.count(sum(value.numel for value in weights))
            root.add(Text(f"{text.count(len(weights))} parameters and buffers with {total} elements"))
        for node in self.say.graph.nodes:
            self._branch(root, node).add(Text(self.say.operation(node)))

    def footer(self) -> list[str]:
        """Caption, names of sizes, the scale of colours, the error and notes, under the tree."""
        drawing, dims = self.drawing, " · ".join(self.say.dims.legend())
        heat = "" if drawing.heat is None else drawing.heat.told
        lines = (drawing.options.caption, dims, heat, drawing.error or "", *drawing.notes)
        return [text.elide(text.clean(line), 400) for line in lines if line]

    def _branch(self, root: Tree, node: Node) -> Tree:
        """The branch of the innermost open module around an operation, made where it is missing."""
        from rich.text import Text

        path = [scope for scope in self.say.graph.path(node.scope) if scope.kind != "function"]
        branch = root
        for scope in path[:-1] if is_closed_module(node) else path:
            if scope.id not in self.branches:
                self.branches[scope.id] = branch.add(Text(_scope_words(scope)))
            branch = self.branches[scope.id]
        return branch


def _scope_words(scope: Scope) -> str:
    name, kind = text.clean(scope.name), text.clean(scope.type)
    words = " ".join(word for word in (name, kind if kind != name else "") if word) or scope.kind
    return text.elide(" ".join(word for word in (words, repetition(scope)) if word), 60)
