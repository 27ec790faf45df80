"""What sizes are called when nobody says: a captured `Graph` -> names by the part that an axis plays in it.

A rule names an axis for what an operation does with it: classes are what `cross_entropy` chooses among. Where rules
contradict each other the size stays without a name; and a product is called one only where the program itself splits
or joins it so: `B·T` where a reshape joins the two, `4H` where a chunk cuts it in four.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from render.dims import Dim, Wanted, by_size, product
from tracer.graph import Graph, Value

_MEANINGS: Final = {
    "B": "batch", "T": "steps", "V": "vocabulary", "E": "embedding", "C": "channels", "F": "features",
    "K": "classes", "H": "hidden",
}  # fmt: skip
_LOSSES: Final = ("cross_entropy", "nll_loss", "nll_loss_forward", "cross_entropy_loss", "nll_loss_nd")
_CONVOLUTIONS: Final = ("conv2d", "convolution", "conv1d")
_GATES: Final = {"lstm": 4, "lstm_cell": 4, "gru": 3, "gru_cell": 3, "multi_head_attention_forward": 3}
_CUTS: Final = ("chunk", "split", "unsafe_chunk", "unsafe_split", "tensor_split", "unbind")
_RESHAPES: Final = ("view", "reshape", "_unsafe_view", "flatten", "unflatten", "_reshape_alias")

_MOST: Final = 16  # times a name; a larger number says less than the size itself


class Call(NamedTuple):
    """An operation at any level: its name, what it read and what it made."""

    op: str
    read: tuple[Value, ...]
    made: tuple[Value, ...]


def named(graph: Graph, asked: Wanted) -> tuple[Dim, ...]:
    """All names for sizes: those given, those inferred where that was asked for, and products the program makes.

    Args:
        graph: As it was captured.
        asked: What the user asked for.
    """
    if not asked:
        return ()
    found = list(asked.dims)
    calls = list(_calls(graph))
    if asked.infer:
        taken_names, taken = {dim.name for dim in found}, {dim.size for dim in found}
        for name, size in _inferred(graph, calls).items():
            if name not in taken_names and size not in taken:
                found.append(Dim(name, size, _MEANINGS[name], given=False))
    return (*found, *_products(calls, found))


def _calls(graph: Graph) -> Iterator[Call]:
    """Kernels and the functions around them."""
    values = graph.value_by_id
    functions = ((scope.name, scope.inputs, scope.outputs) for scope in graph.scopes if scope.kind == "function")
    for op, inputs, outputs in (*functions, *((node.op, node.inputs, node.outputs) for node in graph.nodes)):
        read, made = ([values[value] for value in ids if value in values] for ids in (inputs, outputs))
        yield Call(op, tuple(read), tuple(made))


# Names.


def _inferred(graph: Graph, calls: Sequence[Call]) -> dict[str, int]:
    """One size by name, each name and each size once: what is in doubt is left out."""
    votes = [*_votes(graph, calls)]
    named: dict[str, int] = {}
    for name in _MEANINGS:
        sizes = dict.fromkeys(size for voted, size in votes if voted == name and size > 1)
        if len(sizes) == 1:
            named[name] = next(iter(sizes))
    hidden = _hidden(graph, set(named.values()))
    if hidden is not None:
        named["H"] = hidden
    counts = [*named.values()]
    return {name: size for name, size in named.items() if counts.count(size) == 1}


def _votes(graph: Graph, calls: Iterable[Call]) -> Iterator[tuple[str, int]]:
    """What the operations say of the axes they read."""
    for value in (graph.value_by_id[each] for each in graph.inputs):
        if value.shape and (len(value.shape) > 1 or not value.dtype.startswith("float")):
            yield "B", value.shape[0]
        if len(value.shape) == 2 and value.dtype.startswith("float"):
            yield "F", value.shape[1]
        elif len(value.shape) == 3:
            yield from (("T", value.shape[1]), ("F", value.shape[2]))
    for call in calls:
        first = call.read[0].shape if call.read else ()
        if call.op in _LOSSES and len(first) > 1:
            yield "K", first[1]
        elif call.op == "embedding" and len(call.read) > 1:
            weight, indices = sorted(call.read[:2], key=lambda value: value.dtype.startswith("int"))
            if len(weight.shape) == 2:
                yield from (("V", weight.shape[0]), ("E", weight.shape[1]))
            if len(indices.shape) == 2:
                yield "T", indices.shape[1]
        elif call.op in _CONVOLUTIONS and len(first) > 2 and call.read[0].kind == "input":
            yield "C", first[1]


def _hidden(graph: Graph, taken: set[int]) -> int | None:
    """The size without a name that most results end in, of those that parameters have too; None where two tie."""
    weights = {size for value in graph.values if value.kind == "parameter" for size in value.shape}
    sizes: dict[int, int] = {}
    for value in graph.values:
        size = value.shape[-1] if value.kind == "result" and value.shape else 0
        if size > 1 and size in weights and size not in taken:
            sizes[size] = sizes.get(size, 0) + 1
    ranked = sorted(sizes.items(), key=lambda item: -item[1])
    alone = len(ranked) == 1 or (len(ranked) > 1 and ranked[0][1] > ranked[1][1])
    return ranked[0][0] if alone and ranked[0][1] > 1 else None


# Products.


def _products(calls: Iterable[Call], dims: Sequence[Dim]) -> Iterator[Dim]:
    """The products of names that the program joins or splits; of two for one size, none, be it one of mere numbers."""
    names = {size: found[0].name for size, found in by_size(dims).items() if len(found) == 1 and size > 1}
    known = {dim.size for dim in dims}
    found: dict[int, dict[str, bool]] = {}
    for call in calls:
        for terms, size in _joined(call, names):
            if size not in known:
                found.setdefault(size, {})[product(terms)] = _reads_well(terms)
    for size, spelled in found.items():
        if len(spelled) == 1 and all(spelled.values()):
            yield Dim(next(iter(spelled)), size, given=False)


def _reads_well(terms: Sequence[str | int]) -> bool:
    """Whether a product says more than its number: one of names, with a small number at most."""
    number = math.prod(term for term in terms if isinstance(term, int))
    return any(isinstance(term, str) for term in terms) and number <= _MOST


def _joined(call: Call, names: Mapping[int, str]) -> Iterator[tuple[list[str | int], int]]:
    """Sizes that a call makes of others or cuts into others, with what they are the product of."""
    if not call.read or not call.made:
        return
    first, last = call.read[0].shape, call.made[0].shape
    if call.op in _CUTS and len(first) == len(last):
        for whole, part in zip(first, last):
            if part > 0 and whole > part and whole % part == 0 and part in names:
                yield [whole // part, names[part]], whole
    elif call.op in _RESHAPES:
        for one, many in (*_merged(first, last), *_merged(last, first)):
            yield [names.get(size, size) for size in many], one
    elif call.op in _GATES:
        gates = _GATES[call.op]
        for size in {value.shape[0]: None for value in call.read if value.kind == "parameter" and value.shape}:
            if size % gates == 0 and size // gates in names:
                yield [gates, names[size // gates]], size


def _merged(fine: Sequence[int], coarse: Sequence[int]) -> Iterator[tuple[int, Sequence[int]]]:
    """Axes of `coarse` that are several neighbouring axes of `fine` (none of size 1) in one."""
    at = 0
    for size in coarse:
        start, reached = at, 1
        while at < len(fine) and reached < size:
            reached *= fine[at]
            at += 1
        if reached != size or size <= 0:
            return
        group = [each for each in fine[start:at] if each != 1]
        if len(group) > 1:
            yield size, group
        while size != 1 and at < len(fine) and fine[at] == 1:
            at += 1
