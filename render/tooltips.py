"""Tooltips: all that is known of a tensor or an operation, one fact a line, for formats that can show it on demand."""

from __future__ import annotations

import math
from pathlib import PurePath

from render import text
from tracer.graph import Graph, Node, Stats, Value


def tensor(value: Value, name: str) -> str:
    """All that is known of a tensor."""
    rows = [name, _joined(value.kind, text.shape(value.shape) or "scalar", value.dtype, value.device)]
    if value.nbytes:
        rows.append(f"{text.count(value.nbytes)} bytes")
    rows += [_statistics("data", value.data), _statistics("gradient", value.grad)]
    rows.append(f"no gradient: {value.no_grad_reason}" if value.no_grad_reason else "")
    return "\n".join(text.clean(row) for row in rows if row)


def operation(graph: Graph, node: Node) -> str:
    """All that is known of an operation."""
    source = graph.source(node)
    where = f"{PurePath(source.file).name}:{source.line}" if source is not None else ""
    rows = [node.op if node.op == node.target else _joined(node.op, node.target)]
    rows += [f"failed: {node.error}"] if node.error is not None else []
    rows += [f"{key} = {value}" for key, value in node.attrs.items()]
    rows += [_costs(node), where, source.code if source is not None else ""]
    return "\n".join(text.clean(row) for row in rows if row)


def _costs(node: Node) -> str:
    """What it costs, as far as it was recorded."""
    spelled = {"flops": "FLOP", "bytes": "B moved", "seconds": "s"}
    return _joined(*(text.si(node.cost[name], unit) for name, unit in spelled.items() if node.cost.get(name)))


def _joined(*words: str) -> str:
    return " · ".join(word for word in words if word)


def _statistics(what: str, stats: Stats | None) -> str:
    if stats is None:
        return ""
    found = [(name, getattr(stats, name)) for name in ("mean", "std", "min", "max", "norm")]
    words = [f"{name} {text.number(number)}" for name, number in found if number is not None and math.isfinite(number)]
    words += [f"{name} {text.count(n)}" for name, n in (("nan", stats.nan), ("inf", stats.inf)) if n]
    return f"{what}: {', '.join(words)}" if words else ""
