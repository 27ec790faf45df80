"""torchviz's call: a tensor -> a `graphviz.Digraph` of the autograd graph behind it, with torchviz's boxes and colours.

The meaning is that of torchviz 0.0.3 (https://github.com/szagoruyko/pytorchviz, MIT licence); the code is our own.
Beyond it: nested outputs, graphs of any depth, graphs that backward has been through, names that are not DOT.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeGuard

import graphviz  # type: ignore[import-untyped]
from graphviz.quoting import attr_list  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch

_LEAF: Final = "lightblue"
_SAVED: Final = "orange"
_OUTPUT: Final = "darkolivegreen1"
_BASE: Final = "darkolivegreen3"
_NODE: Final = {
    "style": "filled",
    "shape": "box",
    "align": "left",
    "fontsize": "10",
    "ranksep": "0.1",
    "height": "0.2",
    "fontname": "monospace",
}
_MAX_NAME: Final = 200  # characters
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def make_dot(
    var: Any,
    params: Any = None,
    show_attrs: bool = False,
    show_saved: bool = False,
    max_attr_chars: int = 50,
) -> graphviz.Digraph:
    """The autograd graph behind a tensor, drawn as torchviz draws it.

    Grey boxes are autograd functions; arrows follow the values, from the leaves to `var`. Coloured boxes are tensors:
    blue the leaves that get a gradient, green what was passed in (dark green what it is a view of), orange what is
    kept for backward. What `backward()` has freed is left out.

    Args:
        var: A tensor, or tensors in nested dicts, lists, tuples, NamedTuples and dataclasses.
        params: Names for tensors: a dict from name to tensor as torchviz takes it, a module, or pairs of both.
        show_attrs: Whether to list in the boxes what functions keep beside tensors, such as `dim`.
        show_saved: Whether to draw the tensors kept for backward by torch's own functions; those kept by custom
            functions always are.
        max_attr_chars: Longest value that `show_attrs` lists in full; 3 at least.

    Returns:
        A `graphviz.Digraph`: `.source` is its text, `.render("name", format="svg")` draws it where Graphviz is
        installed. The same program gives the same text.

    Raises:
        TypeError: There is no tensor in `var`, or `params` is none of what is listed.
    """
    from tracer.pytorch.nests import named_tensors, names_of
    from tracer.records import collector_paused

    outputs = named_tensors(var)
    drawing = _Drawing(names_of(params), max(max_attr_chars, 3) if show_attrs else None, show_saved)
    with collector_paused():
        for name, tensor in outputs:
            drawing.output(tensor, _OUTPUT, name)
    _resize(drawing.dot)
    return drawing.dot


class _Drawing:
    """A picture under way: which tensors and functions stand in it, and under which id."""

    def __init__(self, names: dict[int, str], attr_chars: int | None, show_saved: bool) -> None:
        self.dot = graphviz.Digraph(node_attr=dict(_NODE), graph_attr={"size": "12,12"})
        self._names = names
        self._attr_chars = attr_chars
        self._show_saved = show_saved
        self._ids: dict[int, str] = {}  # by identity
        self._alive: list[Any] = []  # so that it stays one
        self._heights: dict[Any, int] = {}
        self._shown: set[int] = set()

    def output(self, tensor: torch.Tensor, color: str, name: str | None = None) -> None:
        """Draws a tensor, what it was computed from, and what it is a view of; nothing for one that is there."""
        if id(tensor) in self._shown:
            return
        self._tensor(tensor, color, self._names.get(id(tensor)) or name)
        if tensor.grad_fn is not None:
            self._functions(tensor.grad_fn)
            self._edge(tensor.grad_fn, tensor)
        if tensor._is_view() and tensor._base is not None:
            self.output(tensor._base, _BASE)  # a base is never a view itself
            self._edge(tensor._base, tensor, " [style=dotted]")

    def _functions(self, root: Any) -> None:
        """Draws the functions behind a tensor, in torchviz's order: of a tensor drawn twice, the last look counts."""
        from tracer.pytorch import saved as saved_by
        from tracer.pytorch.backward_graph import walk

        for step, function, operand in walk(root, self._heights):
            if step == "edge":
                self._edge(operand, function)
            elif step == "enter":
                kept = saved_by.attributes(function) if self._show_saved or self._attr_chars is not None else []
                if self._show_saved:
                    self._kept(function, kept)
                leaf = saved_by.leaf(function)
                if leaf is not None:
                    self._tensor(leaf, _LEAF)
                    self._edge(leaf, function)
                self._node(function, self._title(function, kept))
            else:
                custom = saved_by.tensors(function)
                if not isinstance(custom, saved_by.Missing):
                    self._saved(function, ((tensor, None) for tensor in custom))

    def _kept(self, function: Any, kept: Iterable[tuple[str, Any]]) -> None:
        """Draws what one of torch's own functions keeps, under the name it has there."""
        for name, item in kept:
            if isinstance(item, tuple):
                self._saved(function, ((each, f"{name}[{at}]") for at, each in enumerate(item)), toward=False)
            else:
                self._saved(function, ((item, name),), toward=False)

    def _saved(self, function: Any, tensors: Iterable[tuple[Any, str | None]], *, toward: bool = True) -> None:
        for tensor, name in tensors:
            if not _is_tensor(tensor):
                continue
            tail, head = (tensor, function) if toward else (function, tensor)
            self._edge(tail, head, " [dir=none]")
            self._tensor(tensor, _SAVED, name)

    def _tensor(self, tensor: torch.Tensor, color: str, name: str | None = None) -> None:
        self._shown.add(id(tensor))
        name = _plain(name or self._names.get(id(tensor), ""))
        self._node(tensor, f"{name}\n {_size(tensor)}", color)

    def _title(self, function: Any, kept: list[tuple[str, Any]]) -> str:
        """The name of a function; below it, where wanted, a table of what it keeps."""
        name = _plain(type(function).__name__)
        if self._attr_chars is None or not kept:
            return name
        rows = [(_plain(key), _plain(_word(item))) for key, item in kept]
        left = max(len(key) for key, _ in rows)
        right = min(max(len(word) for _, word in rows), self._attr_chars)
        lines = [f"{key:<{left}}: {_cut(word, right):>{right}}" for key, word in rows]
        return "\n".join([name, "-" * max(left + right + 2, len(name)), *lines])

    # Statements are written by ourselves: graphviz's own methods take twice the time of everything else here.

    def _node(self, item: Any, text: str, color: str | None = None) -> None:
        self.dot.body.append(f"\t{self._id(item)}{_attributes(text, color)}\n")

    def _edge(self, tail: Any, head: Any, attributes: str = "") -> None:
        self.dot.body.append(f"\t{self._id(tail)} -> {self._id(head)}{attributes}\n")

    def _id(self, item: Any) -> str:
        """A name for a tensor or function, by when it was first met: addresses differ from run to run."""
        found = self._ids.get(id(item))
        if found is None:
            found = self._ids[id(item)] = f"n{len(self._ids)}"
            self._alive.append(item)
        return found


def _is_tensor(item: Any) -> TypeGuard[torch.Tensor]:
    import torch

    return isinstance(item, torch.Tensor)


def _size(tensor: torch.Tensor) -> str:
    """`(20, 10)`; for nested tensors, where rows differ, their number."""
    try:
        return "(" + ", ".join(map(str, tensor.size())) + ")"
    except RuntimeError:
        return f"({tensor.size(0)}, ...)"


def _word(item: Any) -> str:
    """What a function keeps, in a word."""
    from tracer.pytorch.saved import FREED

    if item is FREED:
        return "[freed]"
    if _is_tensor(item):
        return "[saved tensor]"
    if isinstance(item, tuple) and any(map(_is_tensor, item)):
        return "[saved tensors]"
    return str(item)


def _cut(word: str, width: int) -> str:
    return word[: width - 3] + "..." if len(word) > width else word


def _plain(name: str) -> str:
    """A name on one line that any Graphviz output can hold: the author may have called a tensor anything."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", _cut(name, _MAX_NAME))


@lru_cache
def _attributes(text: str, color: str | None) -> str:
    """The attributes of a box that shows just this text: nothing in it is markup, an entity or an escape."""
    label = graphviz.escape(text.replace("&", "&amp;"))
    attributes: str = attr_list(label, kwargs={"fillcolor": color})
    return attributes


def _resize(dot: graphviz.Digraph) -> None:
    """Lets the picture grow with its content, by torchviz's measure: 0.15 inches a statement, 12 at least."""
    size = max(12, len(dot.body) * 0.15)
    dot.graph_attr.update(size=f"{size},{size}")
