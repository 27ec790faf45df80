"""Draws chains that readers know by one name, such as convolution, norm and activation, as one operation by rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from render.errors import RenderError
from render.views.closing import CHAIN, close
from render.views.merging import Plan
from render.views.patterns import fits, meant
from render.views.repeats import Item, contents
from tracer.graph import Graph, Node, Scope

# The rules, in the words that users write their own in; the first that fits is taken.
RULES: Final = ("conv+norm+act", "conv+act+norm", "conv+norm", "conv+act", "linear+norm+act", "linear+act")
NONE: Final = "none"
# Words that stand for several operations, by function or by class of module. All but the last are shown as the word.
WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "conv": ("conv?d", "conv_transpose?d", "Conv?d", "ConvTranspose?d", "convolution"),
    "norm": (
        "batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "native_*_norm", "*Norm?d", "*Norm",
    ),
    "act": (
        "relu", "relu_", "relu6", "leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus",
        "tanh", "sigmoid", "hardtanh", "hardswish", "hardsigmoid", "glu",
        "ReLU", "ReLU6", "LeakyReLU", "PReLU", "ELU", "GELU", "SiLU", "Mish", "Tanh", "Sigmoid", "Hardswish",
    ),
}  # fmt: skip


def chained(graph: Graph, patterns: Sequence[str] = RULES) -> Graph:
    """The graph with one operation for each chain that a pattern fits.

    A chain is operations that follow each other, each the only one to read the result of the one before. The one in
    their place is a call named after them (`conv · norm · relu`), with their number as `operations` in its `attrs`.

    Args:
        graph: Any graph; its calls are to be closed to functions or modules already.
        patterns: Operations with `+` between: functions, classes of modules (`*` and `?` as everywhere) or `WORDS`.

    Raises:
        RenderError: A pattern has fewer than two operations.
    """
    rules = [_links(pattern) for pattern in patterns]
    plan, ends = Plan(graph, carries=False), {*graph.outputs, *(() if graph.loss is None else (graph.loss.id,))}
    for home, sequence in contents(graph).items():
        place = 0
        while place < len(sequence):
            rule = next((each for each in rules if _fits(graph, sequence[place : place + len(each)], each, ends)), None)
            if rule is not None:
                row = sequence[place : place + len(rule)]
                plan.enclose(row, _call(graph, row, home))
            place += len(rule or (None,))
    if not plan.loops:
        return graph
    planned = plan.carried_out()
    return close(planned, _closing(planned, plan.loops))


def check_patterns(graph: Graph, patterns: Iterable[str]) -> None:
    """Raises a RenderError where an operation of a pattern is none of the graph's."""
    single = (item for sequence in contents(graph).values() for item in sequence if len(item.nodes) == 1)
    names = list(dict.fromkeys(name for item in single for name in _names(item)))
    for pattern in patterns:
        for word, members in _links(pattern):
            if word not in WORDS or not any(fits(name, members) for name in names):
                meant(graph, "operation", (word,), names)


def _links(pattern: str) -> list[tuple[str, tuple[str, ...]]]:
    """The operations of a pattern: how each was written, and the names that it stands for."""
    words = [word.strip() for word in pattern.split("+")]
    if len(words) < 2 or not all(words):
        raise RenderError(f"fold:pattern must be operations with + between, such as {RULES[0]}, not {pattern!r}")
    return [(word, WORDS.get(word, (word,))) for word in words]


def _fits(graph: Graph, row: Sequence[Item], rule: Sequence[tuple[str, tuple[str, ...]]], ends: set[int]) -> bool:
    """Whether items are as a rule says, and each the only one that reads the result of the one before."""
    if len(row) != len(rule) or any(len(item.nodes) != 1 or item.nodes[0].phase != "forward" for item in row):
        return False
    if not all(_is(item, members) for item, (_, members) in zip(row, rule, strict=True)):
        return False
    return all(_is_handed_to(graph, one.nodes[0], other.nodes[0], ends) for one, other in pairwise(row))


def _is(item: Item, members: Sequence[str]) -> bool:
    return any(fits(name, members) for name in _names(item))


def _names(item: Item) -> list[str]:
    """What a single operation may be called: its own name, and the class of the module that it is all there is of."""
    node, scope = item.nodes[0], item.scope
    module = (scope.type,) if scope is not None and scope.kind == "module" else ()
    return [node.op, *module]


def _is_handed_to(graph: Graph, node: Node, reader: Node, ends: set[int]) -> bool:
    """Whether forward reads a result of one operation in the other, and in no other place."""
    found = [each.id for value in node.outputs for each in graph.consumers.get(value, ()) if each.phase == "forward"]
    return found == [reader.id] and ends.isdisjoint(node.outputs)


def _call(graph: Graph, row: Sequence[Item], home: int | None) -> Scope:
    """The call that a chain is drawn as, named after its operations: `conv · norm · relu`."""
    nodes = [item.nodes[0] for item in row]
    facts: dict[str, Any] = {"operations": len(nodes)}
    weights = (graph.value_by_id[value] for value in nodes[0].inputs)
    kernel = next((value.shape[2:] for value in weights if value.kind == "parameter" and len(value.shape) > 2), None)
    if kernel is not None:
        facts["kernel_size"] = kernel
    type_ = CHAIN + "+".join(node.op for node in nodes)
    return Scope(-1, home, "function", " · ".join(map(_word, row)), type_, attrs=facts)


def _word(item: Item) -> str:
    """The common word for an operation, else how it is called."""
    shown = (word for word, members in WORDS.items() if word != "act" and _is(item, members))
    return next(shown, item.nodes[0].op)


def _closing(graph: Graph, made: Mapping[int, Scope]) -> Mapping[int, Scope]:
    """For each scope in a chain, the scope of the chain."""
    closing: dict[int, Scope] = {}
    for scope in graph.scopes:
        above = None if scope.parent is None else closing.get(scope.parent)
        found = scope if scope.id in made else above
        if found is not None:
            closing[scope.id] = found
    return closing
