"""The view `fold`: modules that are alike drawn once, and chains that have a name of their own as one operation."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

from render.errors import RenderError, check_count
from render.views import register
from render.views.chains import NONE, RULES, chained, check_patterns
from render.views.counts import whole
from render.views.merging import alike, drawn_once, first_and_last, merged, turns
from render.views.repeats import Item, Likeness
from render.views.runs import Run
from render.views.subgraph import note
from tracer.graph import Graph, Node, Scope


@register(
    "fold",
    help_text="what is alike drawn once (12 alike, or ×12 for the same weights), and conv · norm · relu as one box",
)
def fold(graph: Graph, *, least: int = 2, pattern: tuple[str, ...] = ()) -> Graph:
    """The graph with chains that a rule names drawn as one operation, and modules that are alike drawn once.

    Modules are alike that have the same class, the same operations inside and the same sizes, and follow each other.

    Args:
        graph: Any graph.
        least: Leave fewer alike as they are.
        pattern: Draw operations that follow each other as one box, such as conv2d+batch_norm+relu, in place of the
            rules there are (conv+norm+act, linear+act, ...); none for no rule.

    Raises:
        RenderError: A pattern is no chain of operations, or has one that is not in the graph; `least` is below 2.
    """
    check_count("fold:least", least, 2)
    if NONE in pattern and len(pattern) > 1:
        raise RenderError(f"fold:pattern={NONE} leaves all rules out: give it alone, or leave it out")
    if NONE in pattern:
        return alike_once(graph, least)
    check_patterns(graph, pattern)
    once = alike_once(graph, least)
    shown = chained(once, pattern or RULES)
    if pattern and shown is once and graph.nodes:
        raise RenderError(
            f"no operations follow each other as in {', '.join(pattern)}: each must be the only one that reads the "
            "result of the one before"
        )
    return shown


def alike_once(graph: Graph, least: int = 2) -> Graph:
    """The graph with modules that are alike and follow each other drawn once."""

    def is_alike(run: Run, row: Sequence[Item]) -> bool:
        return len(run.turns) >= max(2, least) and any(_is_module(item) for item in row)

    folded = merged(whole(graph), Likeness(_node, _scope, _where), is_alike, carries=False)
    once = drawn_once(graph, folded)
    return note(folded, told(folded, once)) if once else graph


def told(graph: Graph, once: Sequence[Scope]) -> str:
    """What is said of modules that are drawn once: the names of the largest few."""
    names = dict.fromkeys(map(_told, _largest(graph, once)))
    more = f" and {len(once) - len(names)} more" if len(once) > len(names) else ""
    return f"what is alike is drawn once, with the numbers of the last: {', '.join(names)}{more}"


MAX_NAMES: Final = 3  # in a note
MAX_NAME: Final = 36  # characters of one


def _largest(graph: Graph, once: Sequence[Scope]) -> list[Scope]:
    """Those that stand for most operations, in the order of the run."""
    size = {scope.id: 0 for scope in once}
    for node in graph.nodes:
        for scope in graph.path(node.scope):
            if scope.id in size:
                size[scope.id] += turns(scope)
    kept = sorted(size, key=lambda each: -size[each])[:MAX_NAMES]
    return [scope for scope in once if scope.id in kept]


def _told(scope: Scope) -> str:
    """`layers.0 to 11`: of the last name what the first does not say."""
    if not alike(scope):
        return f"{_short(scope.name)} ×{turns(scope)}"
    return " to ".join(map(_short, first_and_last(scope)))


def _short(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"…{name[len(name) - MAX_NAME + 1 :]}"


def _is_module(item: Item) -> bool:
    return item.scope is not None and item.scope.kind == "module"


def _node(graph: Graph, node: Node) -> Hashable:
    shapes = tuple(graph.value_by_id[value].shape for value in (*node.inputs, *node.outputs))
    # The first of copies may read what needs no gradient, so that operations in it have no autograd node.
    facts = tuple(sorted((key, repr(value)) for key, value in node.attrs.items() if key != "grad_fn"))
    module = node.target.startswith("module.")
    return ("" if module else node.op, node.target, node.phase, node.error is None, shapes, facts)


def _scope(scope: Scope) -> Hashable:
    name = "" if scope.kind == "module" else scope.name
    return (scope.kind, name, scope.type, scope.attrs.get("turns"))


def _where(item: Item) -> Hashable:
    """The line of a call that is no module: only the same line again counts as a repeat."""
    source = None if item.scope is None or _is_module(item) else item.scope.source
    return None if source is None else (source.file, source.line, source.column)
