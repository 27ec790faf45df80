"""Netron: the graph as the DOT that Netron reads, types and attributes in record labels (`source/dot.js` of Netron)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from render import text
from render.formats import register
from render.statements import WEIGHTS, Statements

if TYPE_CHECKING:
    from render.drawing import Drawing
    from tracer.graph import Node, Value

# What means something in such a label, and what stands for it; Netron knows no way to escape.
_LOOKALIKES: Final = str.maketrans({"|": "¦", "\\": "∖", '"': "”", "=": "＝", ":": "∶", "{": "(", "}": ")"})
_MEANT: Final = ("call_module", "call_function", "get_parameter")  # what Netron takes for more than a name


@register("netron", suffixes=(".netron.dot",), mime="text/vnd.graphviz", help_text="operations and weights for Netron")
def write(drawing: Drawing) -> str:
    """What is drawn, as a digraph of operations; Netron shows a weight that one operation reads inside it."""
    say = Statements(drawing)
    rows = [f'    v{value.id} [label="{_outside(say, value)}"];' for value in say.outside()]
    rows += [f'    n{node.id} [label="{_operation(say, node)}"];' for node in say.graph.nodes]
    return "\n".join(("digraph graphtrace {", *rows, *_arrows(say), "}", ""))


def _arrows(say: Statements) -> Iterator[str]:
    outside = frozenset(value.id for value in say.outside())
    for node in say.graph.nodes:
        for value in say.operands(node):
            producer = say.graph.producer.get(value)
            if producer is not None or value in outside:
                yield f"    {f'v{value}' if producer is None else f'n{producer.id}'} -> n{node.id};"


def _outside(say: Statements, value: Value) -> str:
    if value.kind in WEIGHTS:
        sizes = ",".join(str(size) for size in value.shape)
        return f"{{v{value.id}|op_code=get_parameter {_word(value.dtype)}[{sizes}]\\l}}"
    return _record(f"v{value.id}", say.name(value.id), _facts(value))


def _operation(say: Statements, node: Node) -> str:
    facts: dict[str, str] = {}
    for value in node.outputs[:1]:
        facts |= {"result": say.name(value), **_facts(say.graph.value_by_id[value])}
    source = say.graph.source(node)
    if source is not None:
        facts |= {"line": f"{PurePath(source.file).name} {source.line}", "code": source.code}
    modules = [scope.name or scope.type for scope in say.graph.path(node.scope) if scope.kind == "module"]
    return _record(f"n{node.id}", node.op, {**facts, "module": modules[-1] if modules else ""})


def _facts(value: Value) -> Mapping[str, str]:
    norm = None if value.grad is None else value.grad.norm
    shape = f"({', '.join(str(size) for size in value.shape)})" if value.shape else "scalar"
    return {"shape": shape, "dtype": value.dtype, "gradient norm": "" if norm is None else text.number(norm)}


def _record(name: str, kind: str, facts: Mapping[str, str]) -> str:
    """The label of a node: its id, what it is, and a line for each fact."""
    title = _word(kind) or "operation"
    title = f"{title} " if title.startswith(_MEANT) else title
    rows = "".join(f"{key}: {_word(fact)}\\l" for key, fact in facts.items() if fact)
    return f"{{{name}|op_code={title}\\l|{rows}}}"


def _word(words: str) -> str:
    """Any text without what means something in a label; in brackets only a shape may stand, which Netron computes."""
    found = text.elide(text.clean(words), 200).translate(_LOOKALIKES)
    is_shape = found.strip("()").replace(", ", "").isdecimal() and found.startswith("(")
    return found if is_shape or not (found.startswith("(") and found.endswith(")")) else f"{found} "
