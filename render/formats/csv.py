"""CSV: a row per operation, for spreadsheets and data frames."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from io import StringIO
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, Union

from render import text
from render.formats import register
from render.statements import Statements

if TYPE_CHECKING:
    from typing import TypeAlias

    from render.drawing import Drawing
    from tracer.graph import Node, Value

Cell: TypeAlias = Union[str, int, float, None]
_FORMULA: Final = ("=", "+", "-", "@")  # what a spreadsheet takes for the beginning of a formula


@register("csv", suffixes=(".csv",), mime="text/csv", help_text="a row per operation, for spreadsheets and data frames")
def write(drawing: Drawing) -> str:
    """The operations that are drawn, in the order they ran.

    Several operands or results are separated by `; `. A cell that a spreadsheet would take for a formula begins with
    an apostrophe.
    """
    say = Statements(drawing)
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for node in drawing.view.nodes:
        writer.writerow([_safe(cell(say, node)) for cell in _COLUMNS.values()])
    return out.getvalue()


def _safe(cell: Cell) -> Cell:
    if not isinstance(cell, str):
        return cell
    words = text.clean(cell)
    return f"'{words}" if words.startswith(_FORMULA) and len(words) > 1 else words


def _joined(words: Iterable[object]) -> str:
    return "; ".join(str(each) for each in words)


def _made(say: Statements, node: Node) -> list[Value]:
    return [say.graph.value_by_id[value] for value in node.outputs]


def _read(say: Statements, node: Node) -> list[Value]:
    return [say.graph.value_by_id[value] for value in node.inputs]


def _shapes(values: Iterable[Value]) -> str:
    return _joined("×".join(map(str, value.shape)) or "scalar" for value in values)  # for machines: no separators


def _module(say: Statements, node: Node) -> str:
    modules = [scope.name or scope.type for scope in say.graph.path(node.scope) if scope.kind == "module"]
    return modules[-1] if modules else ""


def _source(say: Statements, node: Node) -> str:
    source = say.graph.source(node)
    return "" if source is None else f"{PurePath(source.file).name}:{source.line}"


def _code(say: Statements, node: Node) -> str:
    source = say.graph.source(node)
    return "" if source is None else source.code


def _norms(say: Statements, node: Node) -> str:
    return _joined("" if value.grad is None else value.grad.norm for value in _made(say, node)).strip("; ")


def _parameters(say: Statements, node: Node) -> int:
    read = dict.fromkeys(value for value in _read(say, node) if value.kind == "parameter")
    return sum(value.numel for value in read)


_COLUMNS: Final[Mapping[str, Callable[[Statements, Node], Cell]]] = {
    "id": lambda _, node: node.id,
    "phase": lambda _, node: node.phase,
    "operation": lambda _, node: node.op,
    "target": lambda _, node: node.target,
    "module": _module,
    "inputs": lambda say, node: _joined(say.whole_name(value) for value in node.inputs),
    "input_shapes": lambda say, node: _shapes(_read(say, node)),
    "outputs": lambda say, node: _joined(say.whole_name(value) for value in node.outputs),
    "output_shapes": lambda say, node: _shapes(_made(say, node)),
    "dtypes": lambda say, node: _joined(value.dtype for value in _made(say, node)),
    "bytes": lambda say, node: sum(value.nbytes for value in _made(say, node)),
    "parameters": _parameters,
    "flops": lambda _, node: node.cost.get("flops"),
    "seconds": lambda _, node: node.cost.get("seconds"),
    "gradient_norms": _norms,
    "source": _source,
    "code": _code,
    "error": lambda _, node: node.error,
}
