"""The view `auto`: the most detail that still reads, opening modules from the outside in until a budget is used."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from render import text
from render.errors import check_count
from render.views import register
from render.views.bundle import is_run, unbundled
from render.views.closing import close
from render.views.collapse import collapse
from render.views.fold import alike_once
from render.views.fold import told as fold_told
from render.views.merging import alike, copies, turns
from render.views.prune import prune, prune_but_factories
from render.views.roll import roll
from render.views.roll import told as roll_told
from render.views.subgraph import note
from tracer.graph import Graph, Scope

MAX_BOXES: Final = 40  # more do not read in one figure
MAX_SHOWN: Final = 120  # of which each has a colour to compare with the others
_FAR_SMALLER: Final = 8  # so many times; such a module stays closed where a larger one beside it does


@register("auto", help_text="the most detail that still reads: modules are opened until the budget is used", level=True)
def auto(graph: Graph, *, boxes: int = MAX_BOXES, every: bool = False) -> Graph:
    """The graph at the level of functions where that is few enough boxes; otherwise what repeats is drawn once.

    Loops are rolled and modules that are alike folded. Then modules are opened from the outermost inwards: those of one
    class at one depth together, or the first of them alone where there is no room for all. What was closed is added to
    `meta["notes"]`.

    Args:
        graph: Any graph.
        boxes: How many boxes there may be, about; a graph without modules is drawn whole.
        every: Draws every turn of what repeats.

    Raises:
        RenderError: `boxes` is below 1.
    """
    check_count("auto:boxes", boxes, 1)
    whole = prune(collapse(graph))
    before = count_boxes(whole)
    if before <= boxes:
        return whole
    made = opened(graph, every=every)
    return next(closings(made, (boxes,), before), None) or _told(prune(made))


def opened(graph: Graph, *, every: bool = False) -> Graph:
    """The graph with all modules open, what repeats drawn once unless every turn is wanted, factories still in it."""
    made = prune_but_factories(collapse(graph))
    return made if every else replace(alike_once(roll(made)), meta=graph.meta)  # what is said of it depends on the rest


def _told(graph: Graph) -> Graph:
    """The graph with a note on what is drawn once of what is still to be seen."""
    once = [scope for scope in graph.scopes if turns(scope) > 1]
    copies = [scope for scope in once if alike(scope)]
    found = graph if len(copies) == len(once) else note(graph, roll_told(len(once) - len(copies)))
    return note(found, fold_told(graph, copies)) if copies else found


def closings(graph: Graph, budgets: Iterable[int], before: int) -> Iterator[Graph]:
    """The graph with so many modules closed that it comes within each budget of boxes; what comes twice is left out.

    Args:
        graph: As `opened` gives it, without notes on what repeats.
        budgets: How many boxes there may be, about; from the most to the fewest.
        before: Boxes before anything was closed or drawn once.
    """
    tree, outside, least = _Tree.of(graph), _outside(graph), count_boxes(prune(graph))
    seen: set[frozenset[int]] = set()
    for boxes in budgets:
        chosen = frozenset(_opened(tree, boxes - outside))
        if chosen in seen:
            continue
        seen.add(chosen)
        shown = unbundled(graph, chosen)
        closing = _closing_scopes(shown, chosen)
        closed = prune(close(shown, closing))
        if closing and count_boxes(closed) < least:
            least = count_boxes(closed)
            drawn = f"to draw {text.count(least)} boxes instead of {text.count(before)}"
            more = f"--level function opens all, --view auto:boxes={2 * boxes} more"
            yield note(_told(closed), f"closed {_number(closing.values())} {drawn}; {more}")


def _number(closed: Iterable[Scope]) -> str:
    """How many modules are closed, and how many runs of operations are one box."""
    found = list({scope.id: is_run(scope) for scope in closed}.values())
    counts = ((found.count(False), "module"), (found.count(True), "run"))
    words = [f"{text.count(count)} {word}{'' if count == 1 else 's'}" for count, word in counts if count]
    return " and ".join(words) + (" of operations" if any(found) else "")


def count_boxes(graph: Graph) -> int:
    """About how many boxes a drawing of the graph has: its operations and what comes into it."""
    return len(graph.nodes) + _outside(graph)


def _outside(graph: Graph) -> int:
    """How many inputs and constants the operations read."""
    read = dict.fromkeys(value for node in graph.nodes for value in node.inputs)
    return sum(graph.value_by_id[value].kind in ("input", "constant") for value in read)


@dataclass(slots=True)
class _Tree:
    """What lies directly in each module: the units that are drawn when it is opened and those inside it closed.

    Attributes:
        units: By module id (None: outside of all), how many operations and modules lie in it.
        modules: The modules among them.
        bundles: And the runs of operations that can be drawn as one (`render/views/bundle.py`).
        weights: By scope id, how many operations ran in it, at any depth.
    """

    units: dict[int | None, int] = field(default_factory=dict)
    modules: dict[int | None, list[Scope]] = field(default_factory=dict)
    bundles: dict[int | None, list[Scope]] = field(default_factory=dict)
    weights: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: Graph) -> _Tree:
        """The tree of a graph; modules in which nothing ran are not in it."""
        tree, seen = cls(), set[int]()
        around, ran = _innermost_modules(graph), copies(graph, weights=False)
        for node in graph.nodes:
            if node.scope is not None:
                tree.weights[node.scope] = tree.weights.get(node.scope, 0) + ran[node.scope]
            module = around[node.scope]
            home = None if module is None else module.id
            tree.units[home] = tree.units.get(home, 0) + 1
            while module is not None and module.id not in seen:
                seen.add(module.id)
                above = around[module.parent]
                home = None if above is None else above.id
                tree.units[home] = tree.units.get(home, 0) + 1
                inside = tree.bundles if is_run(module) else tree.modules
                inside.setdefault(home, []).append(module)
                module = above
        for scope in reversed(graph.scopes):
            if scope.parent is not None:
                tree.weights[scope.parent] = tree.weights.get(scope.parent, 0) + tree.weights.get(scope.id, 0)
        return tree


def _innermost_modules(graph: Graph) -> Mapping[int | None, Scope | None]:
    """For each scope, the module it is or lies in."""
    found: dict[int | None, Scope | None] = {None: None}
    for scope in graph.scopes:
        found[scope.id] = scope if scope.kind == "module" else found[scope.parent]
    return found


def _opened(tree: _Tree, budget: int) -> set[int]:
    """Ids of the modules that can be opened within the budget: outer ones first, of those inside one the largest.

    What is far smaller than another that stays closed stays closed, too, lest a side issue take the page. Runs of
    operations are drawn one by one where there is room for them in the end.
    """
    opened: set[int] = set()
    left, refused = budget - tree.units.get(None, 0), 0
    queue = deque(_classes(tree, tree.modules.get(None, [])))
    while queue:
        group = queue.popleft()
        for chosen in (group, group[:1]):
            cost = sum(tree.units[module.id] - 1 for module in chosen)
            if cost <= left and (cost == 0 or _FAR_SMALLER * tree.weights[group[0].id] >= refused):
                left -= cost
                opened.update(module.id for module in chosen)
                queue.extend(_classes(tree, (child for module in chosen for child in tree.modules.get(module.id, []))))
                break
        else:
            refused = max(refused, tree.weights[group[0].id])
    for bundle in [each for home, inside in tree.bundles.items() if home in opened for each in inside]:
        if tree.units[bundle.id] - 1 <= left:
            left -= tree.units[bundle.id] - 1
            opened.add(bundle.id)
    return _without_wrappers(tree, opened)


def _classes(tree: _Tree, modules: Iterable[Scope]) -> list[list[Scope]]:
    """Modules by class, the class first of which one is largest."""
    classes: dict[str, list[Scope]] = {}
    for module in modules:
        classes.setdefault(module.type, []).append(module)
    return sorted(classes.values(), key=lambda group: -tree.weights[group[0].id])


def _without_wrappers(tree: _Tree, opened: set[int]) -> set[int]:
    """Without the modules that hold nothing but one that stays closed: the name the author calls it by says more.

    That several are alike inside says more still.
    """
    for module in sorted(opened, reverse=True):  # inner ones have higher ids than the ones around them
        inside = tree.modules.get(module, [])
        if tree.units.get(module) == len(inside) == 1 and inside[0].id not in opened and turns(inside[0]) == 1:
            opened.remove(module)
    return opened


def _closing_scopes(graph: Graph, opened: frozenset[int]) -> Mapping[int, Scope]:
    """For each scope in a module that is not opened: the outermost such module around it."""
    closing: dict[int, Scope] = {}
    for scope in graph.scopes:
        above = None if scope.parent is None else closing.get(scope.parent)
        if above is not None:
            closing[scope.id] = above
        elif scope.kind == "module" and scope.id not in opened:
            closing[scope.id] = scope
    return closing
