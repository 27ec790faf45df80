"""What each kernel of a `Builder` costs -> `Node.cost`, from the shapes that were recorded, after the run.

The formulas are torch's own (`torch.utils.flop_counter`), so that counts agree with those of its `FlopCounterMode`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

import torch
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from tracer.builder import Builder, NodeDraft, ValueDraft
from tracer.costs import UNSAID_VIEWS, memory

_ALLOCATE: Final = ("aten.empty", "aten.new_empty")  # give memory, and write nothing to it
_COMPOSITE: Final = "CompositeImplicitAutograd"


def add_costs(builder: Builder, seconds: Mapping[int, float]) -> None:
    """Notes in the `cost` of the nodes of a builder their `flops` and `bytes`, and `seconds` where these are known.

    `flops` are there where torch has a formula: matrix products, convolutions, attention. `bytes` are what a kernel
    reads and writes: all elements of its operands and results, an operand that is used twice once; a kernel that only
    gives a view moves nothing.

    Args:
        builder: What was recorded.
        seconds: What kernels took, by their ids.
    """
    costs = _Costs(builder)
    for node in builder.nodes.values():
        if node.target.startswith("aten."):
            cost = costs.of(node)
            took = seconds.get(node.id)
            node.cost = cost if took is None else {**cost, "seconds": took}


class _Costs:
    """What the nodes of a run cost; calls that are alike, as those of many layers are, are looked at once."""

    def __init__(self, builder: Builder) -> None:
        self._values = builder.values
        self._first = memory(builder.values.values(), builder.nodes.values())
        self._flops: dict[tuple[Any, ...], int] = {}
        self._amounts: dict[tuple[int, int], Mapping[str, float]] = {}  # one mapping for all that cost the same

    def of(self, node: NodeDraft) -> Mapping[str, float]:
        counts, moves = _kind(node.target)
        if node.error is not None or not (counts or moves):
            return node.cost
        values = self._values
        results = [values[value] for value in node.outputs]
        written = [value for value in results if value.view_of is None or value.version_of is not None]
        moves = moves and (not results or bool(written))
        if not (counts or moves):
            return node.cost
        operands = [values[value] for value in node.inputs]
        flops = self._counted(node, operands, results) if counts else 0
        moved = _bytes(operands, written, self._first) if moves else 0
        found = self._amounts.get((flops, moved))
        if found is None:
            amounts = {"flops": flops, "bytes": moved}
            found = self._amounts[flops, moved] = {name: amount for name, amount in amounts.items() if amount}
        return found

    def _counted(self, node: NodeDraft, operands: Sequence[ValueDraft], results: Sequence[ValueDraft]) -> int:
        key = (node.target, node.call, *[(value.shape, value.dtype) for value in (*operands, *results)])
        found = self._flops.get(key)
        if found is None:
            found = self._flops[key] = _flops(node, operands, results)
        return found


@cache
def _kind(target: str) -> tuple[bool, bool]:
    """Whether the operator of a node's target has a formula, and whether it may move anything."""
    views = target.split(".")[1] in UNSAID_VIEWS
    return _formula(target)[0] is not None, not views and not target.startswith(_ALLOCATE)


def _bytes(operands: Sequence[ValueDraft], written: Sequence[ValueDraft], first: Mapping[int, ValueDraft]) -> int:
    if [value for value in written if value.version_of is not None]:  # in place: other views of that memory follow
        operands = list({first[value.id].id: value for value in reversed(operands)}.values())
        written = list({first[value.id].id: value for value in reversed(written)}.values())
    read = {value.id: value.nbytes for value in operands}
    return sum(read.values()) + sum([value.nbytes for value in written])


def _flops(node: NodeDraft, operands: Sequence[ValueDraft], results: Sequence[ValueDraft]) -> int:
    func, formula = _formula(node.target)
    if any(-1 in value.shape for value in (*operands, *results)):
        return 0
    try:
        args, kwargs = _arguments(func, node.attrs, map(_stand_in, operands))
        if formula is None:
            return _of_parts(func, args, kwargs)
        return int(formula(*args, **kwargs, out_val=_returned(func, node.attrs, map(_stand_in, results))))
    except Exception:  # a formula that wants more than shapes (the lengths of packed sequences)
        return 0


def _returned(func: Any, attrs: Mapping[str, Any], made: Iterator[torch.Tensor]) -> Any:
    """What a kernel returned, with None in the places of gradients that were not asked for."""
    if len(func._schema.returns) == 1:
        return next(made)
    mask = attrs.get("output_mask", ())
    return tuple(next(made, None) if wanted else None for wanted in mask) if mask else tuple(made)


def _of_parts(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> int:
    """The operations of what a kernel is made of: in inference mode, `linear` runs without being taken apart."""
    with FlopCounterMode(display=False) as counter:
        func(*args, **kwargs)
    return int(counter.get_total_flops())


@cache
def _formula(target: str) -> tuple[Any, Any]:
    """The operator of a node's target (`aten.mm.default`), and its formula.

    Returns:
        None for the formula of an operator that is made of others; twice None for one that counts nothing.
    """
    namespace, _, rest = target.partition(".")
    name, _, overload = rest.partition(".")
    func = getattr(getattr(torch.ops.aten, name, None), overload, None) if namespace == "aten" else None
    if func is None:
        return None, None
    formula = flop_registry.get(func.overloadpacket)
    composite = torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), _COMPOSITE)
    return (func, formula) if formula is not None or composite else (None, None)


def _stand_in(value: ValueDraft) -> torch.Tensor:
    """A tensor of the shape and type of a value, without elements."""
    dtype = getattr(torch, value.dtype, torch.float32)
    return torch.empty(value.shape, dtype=dtype, device="meta")


def _arguments(
    func: Any, attrs: Mapping[str, Any], tensors: Iterator[torch.Tensor]
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a kernel by its schema, from its tensors in order and its other arguments by name."""
    given = list(tensors)
    needed = sum(str(argument.type) == "Tensor" for argument in func._schema.arguments)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for argument in func._schema.arguments:
        kind = str(argument.type)
        found = attrs.get(argument.name, argument.default_value)
        if kind == "Tensor":
            needed -= 1
            found = given.pop(0) if given else found
        elif kind == "Optional[Tensor]":
            found = given.pop(0) if len(given) > needed else None
        elif kind.startswith("List[") and "Tensor" in kind:
            found = [given.pop(0) for _ in range(len(given) - needed)]
        if argument.kwarg_only:
            kwargs[argument.name] = found
        else:
            args.append(found)
    return args, kwargs
