"""The view `backward`: forward and backward side by side, each gradient operation opposite what it differentiates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from render.errors import RenderError
from render.families import derivative
from render.views import register
from render.views.closing import is_closed_module
from render.views.merging import turns
from render.views.passing import passed_on
from render.views.subgraph import note, with_nodes
from tracer.graph import Graph, Node, Value


@register(
    "backward", help_text="forward and backward side by side, each gradient operation opposite its own", phases=True
)
def backward(graph: Graph) -> Graph:
    """The graph with one backward operation for each forward operation that a gradient came back through.

    What backward ran for one operation is one operation here, and so is the derivative of a sum, which hands a gradient
    on without running anything. Where gradients meet they are summed without a box, and what a gradient is collected in
    is the parameter itself. The picture draws the two opposite each other.

    Args:
        graph: Any graph with the operations of backward.
    """
    forward = [node for node in graph.nodes if node.phase == "forward"]
    place = {node.id: number for number, node in enumerate(forward)}
    parts: dict[int, list[Node]] = {}
    for node in graph.nodes:
        if node.phase == "backward" and node.forward in place:
            parts.setdefault(node.forward, []).append(node)
    if not parts:
        return note(graph, "there is no backward to draw") if graph.nodes else graph
    seed = _seed(graph)
    instead = _bypassed(graph, {node.id for part in parts.values() for node in part}, seed)
    order = sorted(parts, key=lambda each: place[each], reverse=True)
    merged = [_merged(graph, graph.node_by_id[each], parts[each], instead) for each in order]
    whole, opposite = passed_on(graph, _in_order(merged), seed)
    moved = _moved(whole, opposite)
    shown = with_nodes(moved, (*forward, *((seed,) if seed else ()), *opposite))
    return replace(shown, meta={**shown.meta, "mirrored": True})


def is_mirrored(graph: Graph) -> bool:
    """Whether backward is to be drawn opposite forward."""
    return graph.meta.get("mirrored") is True


def is_opposite(graph: Graph, node: Node) -> bool:
    """Whether an operation is drawn opposite the one that it differentiates."""
    return is_mirrored(graph) and node.phase == "backward" and node.forward is not None


def is_collected(graph: Graph, value: Value) -> bool:
    """Whether a value is the gradient that is collected in a parameter which is drawn itself."""
    maker = graph.producer.get(value.id)
    if value.name is None or maker is None or maker.forward is None or not is_opposite(graph, maker):
        return False
    leaves = (graph.value_by_id[leaf].name for leaf in graph.node_by_id[maker.forward].inputs)
    return any(value.name == f"{leaf}.grad" for leaf in leaves)


def check_opposite(graph: Graph) -> None:
    """Checks that views after `backward` have left no gradient operation twice opposite what is drawn once.

    Raises:
        RenderError: One stands there twice, for the last turn of backward differs from the others.
    """
    once = {scope.id for scope in graph.scopes if turns(scope) > 1} if is_mirrored(graph) else ()
    opposite = [
        (node.op, node.forward)
        for node in (graph.nodes if once else ())
        if node.phase == "backward" and node.forward is not None
        if any(scope.id in once for scope in graph.path(graph.node_by_id[node.forward].scope))
    ]
    if len(set(opposite)) < len(opposite):
        raise RenderError(
            "backward cannot stand opposite what is drawn once afterwards: ask for the view 'backward' last, as in "
            "--view roll --view backward"
        )


def _seed(graph: Graph) -> Node | None:
    """The operation that makes the gradient of the loss out of it, where one ran."""
    loss = graph.loss
    readers = graph.consumers.get(loss.id, ()) if loss is not None else ()
    return next((node for node in readers if node.phase == "backward" and node.forward is None), None)


def _bypassed(graph: Graph, paired: set[int], seed: Node | None) -> Mapping[int, tuple[int, ...]]:
    """For each result of a backward operation without a forward one: what that read, which may be such again."""
    return {
        value: node.inputs
        for node in graph.nodes
        if node.phase == "backward" and node.id not in paired and node is not seed
        for value in node.outputs
    }


def _expanded(values: Iterable[int], instead: Mapping[int, tuple[int, ...]]) -> Iterator[int]:
    """What to read in place of values; on demand, for the sum of gradients of a weight grows with each use of it."""
    seen: set[int] = set()
    waiting = list(values)[::-1]
    while waiting:
        value = waiting.pop()
        if value not in seen:
            seen.add(value)
            if value in instead:
                waiting.extend(reversed(instead[value]))
            else:
                yield value


def _merged(graph: Graph, forward: Node, part: list[Node], instead: Mapping[int, tuple[int, ...]]) -> Node:
    """The one operation that stands for all that backward ran for one forward operation.

    It reads gradients of what the forward one made: sums of the gradients of shared weights, which backward carries
    along from one use to the next, are no part of the way back.
    """
    outputs = dict.fromkeys(value for node in part for value in node.outputs)
    read = dict.fromkeys(value for node in part for value in _expanded(node.inputs, instead) if value not in outputs)
    shapes = [graph.value_by_id[value].shape for value in forward.outputs if _is_handed_on(graph, value)]
    gradients = [value for value in read if value in graph.producer and graph.producer[value].phase == "backward"]
    fitting = [value for value in gradients if graph.value_by_id[value].shape in shapes] or gradients
    makers: dict[int, int] = {}  # of all that stands for one operation's backward, the first; the rest say the same
    fitting = [
        value
        for value in fitting
        if makers.setdefault(_differentiated(graph, value), graph.producer[value].id) == graph.producer[value].id
    ]
    inputs = tuple(value for value in read if value in fitting or value not in gradients)
    return replace(part[0], op=derivative(forward.op), inputs=inputs, outputs=tuple(outputs))


def _differentiated(graph: Graph, gradient: int) -> int:
    """The forward operation that what made a gradient differentiates; itself, where it differentiates none."""
    maker = graph.producer[gradient]
    return maker.id if maker.forward is None else maker.forward


def _is_handed_on(graph: Graph, value: int) -> bool:
    """Whether forward goes on with a value, which is not only kept for backward."""
    return value in graph.outputs or any(node.phase == "forward" for node in graph.consumers.get(value, ()))


def _in_order(nodes: list[Node]) -> list[Node]:
    """The operations without operands that only a later one of them makes: each runs once, so that it cannot wait."""
    waiting = {value for node in nodes for value in node.outputs}
    found = []
    for node in nodes:
        found.append(replace(node, inputs=tuple(value for value in node.inputs if value not in waiting)))
        waiting.difference_update(node.outputs)
    return found


def _moved(graph: Graph, opposite: list[Node]) -> Graph:
    """The graph with each backward operation in the module of the forward one."""
    parents: dict[int, int | None] = {}
    for node in opposite:
        forward = None if node.forward is None else graph.node_by_id[node.forward]
        home = None if forward is None or forward.scope is None else graph.scope_by_id[forward.scope]
        if node.scope is not None and home is not None and graph.scope_by_id[node.scope].kind == "function":
            inside = home.kind != "function" and forward is not None and not is_closed_module(forward)
            parents[node.scope] = home.id if inside else home.parent
    listed = {scope.id: number for number, scope in enumerate(graph.scopes)}
    scopes = (
        replace(scope, parent=parents[scope.id]) if _may_lie(listed, scope.id, parents.get(scope.id)) else scope
        for scope in graph.scopes
    )
    return replace(graph, scopes=tuple(scopes))


def _may_lie(listed: Mapping[int, int], scope: int, parent: int | None) -> bool:
    """Whether a new parent stands before the scope, as it must."""
    return parent is not None and listed[parent] < listed[scope]
