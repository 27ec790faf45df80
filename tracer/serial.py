"""Graphs as JSON, written without defaults."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from itertools import chain, islice
from typing import Any, Final

from tracer.graph import Graph, Node, Scope, Source, Stats, Value

SCHEMA: Final = "graphtrace/1"
_PIECE: Final = 1_000  # records that are written at a time


def write(graph: Graph, indent: int | None = None) -> str:
    """A graph as JSON text; see `Graph.to_json`."""
    text = "".join(pieces(graph))
    return text if indent is None else json.dumps(json.loads(text), indent=indent, ensure_ascii=False)


def pieces(graph: Graph) -> Iterator[str]:
    """The JSON text piece by piece, so that nobody has to hold all of it; see `Graph.json_pieces`."""
    sources: dict[Source, int] = {}
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

    def rows(name: str, items: Iterable[Any]) -> Iterator[str]:
        rest, opening = iter(items), f',"{name}":['
        while some := list(islice(rest, _PIECE)):  # all dicts at once take gigabytes
            yield opening + ",".join([encode(_record(item, sources)) for item in some])
            opening = ","
        yield "]" if opening == "," else f"{opening}]"

    head = {"schema": SCHEMA, "name": graph.name, "meta": _plain(graph.meta)}
    head.update(inputs=list(graph.inputs), outputs=list(graph.outputs))
    parts = (rows("scopes", graph.scopes), rows("values", graph.values), rows("nodes", graph.nodes))
    for piece in chain([encode(head)[:-1]], *parts, rows("sources", sources), ["}"]):
        yield piece.encode("utf-8", "backslashreplace").decode("utf-8")  # half a pair of surrogates as \\ud800


def _plain(data: Any) -> Any:
    """`data` with tuples as lists, mappings as dicts and non-finite floats as strings."""
    if isinstance(data, float) and not math.isfinite(data):
        return "nan" if math.isnan(data) else "inf" if data > 0 else "-inf"
    if data is None or isinstance(data, (bool, int, float, str)):
        return data
    if isinstance(data, Mapping):
        return {str(key): _plain(item) for key, item in data.items()}
    if isinstance(data, (list, tuple)):
        return [_plain(item) for item in data]
    return str(data)


def _record(item: Any, sources: dict[Source, int]) -> dict[str, Any]:
    """One frozen record as a dict without its defaults; a Source becomes its number in `sources`."""
    out: dict[str, Any] = {}
    always = _ALWAYS.get(type(item), ())
    for name, default in _DEFAULTS[type(item)]:
        data = getattr(item, name)
        if default is not MISSING and name not in always and (data is default or data == default):
            continue
        if type(data) is int or type(data) is str or type(data) is bool:
            out[name] = data
        elif isinstance(data, Source):
            out[name] = sources.setdefault(data, len(sources))
        elif isinstance(data, Stats):
            out[name] = _record(data, sources)
        else:
            out[name] = _plain(data)
    return out


def _default(each: Any) -> Any:
    return each.default if each.default_factory is MISSING else each.default_factory()


_DEFAULTS: Final = {
    cls: tuple((each.name, _default(each)) for each in fields(cls)) for cls in (Source, Stats, Value, Scope, Node)
}


# What every reader asks for is written even where it has its default.
_ALWAYS: Final[Mapping[type, tuple[str, ...]]] = {
    Value: ("name", "kind", "shape"),
    Scope: ("kind", "name"),
    Node: ("phase", "inputs", "outputs"),
}
