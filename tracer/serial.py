"""Graphs as JSON: written without defaults, read with every field checked, since a file may come from anywhere."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from types import MappingProxyType
from typing import Any, Final

from tracer.graph import Graph, GraphError, Nested, Node, Scope, Source, Stats, Value

SCHEMA: Final = "graphtrace/1"
MAX_TEXT: Final = 1_000_000  # characters in one string of a saved graph; a longer one is refused


def write(graph: Graph, indent: int | None = None) -> str:
    """A graph as JSON text; see `Graph.to_json`."""
    sources: dict[Source, int] = {}
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

    def rows(items: Iterable[Any]) -> str:
        return f"[{','.join([encode(_record(item, sources)) for item in items])}]"  # all dicts at once take gigabytes

    document = {
        "schema": encode(SCHEMA),
        "name": encode(graph.name),
        "meta": encode(_plain(graph.meta)),
        "inputs": encode(list(graph.inputs)),
        "outputs": encode(list(graph.outputs)),
        "scopes": rows(graph.scopes),
        "values": rows(graph.values),
        "nodes": rows(graph.nodes),
    }
    document["sources"] = rows(sources)
    text = f"{{{','.join(f'{encode(key)}:{part}' for key, part in document.items())}}}"
    if indent is not None:
        text = json.dumps(json.loads(text), indent=indent, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")  # half surrogates, which UTF-8 lacks, as \\ud800


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


# Reading. A file may come from anywhere, so every field is checked against the type its record declares.

_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "phase": ("forward", "backward", "update"),
    "Value.kind": ("input", "parameter", "buffer", "constant", "result"),
    "Scope.kind": ("module", "function", "loop"),
}


def read(text: str) -> Graph:
    """The graph that `write` wrote; see `Graph.from_json`."""
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise GraphError(f"not a graphtrace graph: {error}") from error
    if not isinstance(document, dict) or "schema" not in document:
        raise GraphError(f'not a graphtrace graph: no "schema" (expected {SCHEMA!r})')
    if document["schema"] != SCHEMA:
        raise GraphError(f"schema {_short(document['schema'])} is not one this version reads (expected {SCHEMA!r})")
    sources = [_parse(Source, item, []) for item in _list(document, "sources")]
    graph = Graph(
        name=_text(document.get("name", "graph"), "name"),
        scopes=tuple(_parse(Scope, item, sources) for item in _list(document, "scopes")),
        values=tuple(_parse(Value, item, sources) for item in _list(document, "values")),
        nodes=tuple(_parse(Node, item, sources) for item in _list(document, "nodes")),
        inputs=_ints(document.get("inputs", []), "inputs"),
        outputs=_ints(document.get("outputs", []), "outputs"),
        meta=_mapping(document.get("meta", {}), "meta"),
    )
    _check_references(graph)
    return graph


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _short(data: Any) -> str:
    text = repr(data)
    return text if len(text) <= 60 else text[:57] + "..."


def _list(document: Mapping[str, Any], name: str) -> list[Any]:
    found = document.get(name, [])
    if not isinstance(found, list):
        raise GraphError(f"{name} must be a list, not {_short(found)}")
    return found


def _text(data: Any, where: str) -> str:
    if not isinstance(data, str):
        raise GraphError(f"{where} must be text, not {_short(data)}")
    if len(data) > MAX_TEXT:
        raise GraphError(f"{where} has {len(data):,} characters (at most {MAX_TEXT:,})")
    return sys.intern(data)  # names of operators and their arguments repeat


def _int(data: Any, where: str) -> int:
    if isinstance(data, bool) or not isinstance(data, int):
        raise GraphError(f"{where} must be a whole number, not {_short(data)}")
    return data


def _ints(data: Any, where: str) -> tuple[int, ...]:
    if not isinstance(data, list):
        raise GraphError(f"{where} must be a list of whole numbers, not {_short(data)}")
    return tuple(_int(item, where) for item in data)


def _mapping(data: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise GraphError(f"{where} must be an object, not {_short(data)}")
    return MappingProxyType({key: _frozen(item, where) for key, item in data.items()})


def _frozen(data: Any, where: str) -> Any:
    if isinstance(data, str):
        return _text(data, where)
    if isinstance(data, list):
        return tuple(_frozen(item, where) for item in data)
    if isinstance(data, dict):
        return _mapping(data, where)
    return data


def _number(data: Any, where: str) -> float:
    if isinstance(data, bool) or not isinstance(data, (int, float)):
        raise GraphError(f"{where} must be a number, not {_short(data)}")
    return float(data)


def _nested(data: Any, where: str) -> Nested:
    if isinstance(data, list):
        return tuple(_nested(item, where) for item in data)
    if isinstance(data, str) and data in ("nan", "inf", "-inf"):
        return float(data)
    if not isinstance(data, (bool, int, float)):
        raise GraphError(f"{where} must be a number, not {_short(data)}")
    return data


def _parse(cls: Any, item: Any, sources: list[Source]) -> Any:
    """One record of class `cls` from a dict, each field checked."""
    if not isinstance(item, dict):
        raise GraphError(f"a {cls.__name__.lower()} must be an object, not {_short(item)}")
    given: dict[str, Any] = {}
    for each in fields(cls):
        where = f"{cls.__name__.lower()}.{each.name}"
        if each.name in item:
            given[each.name] = _field(cls, each.name, str(each.type), item[each.name], where, sources)
        elif each.default is MISSING and each.default_factory is MISSING:
            raise GraphError(f"{where} is missing")
    return cls(**given)


def _field(cls: Any, name: str, declared: str, data: Any, where: str, sources: list[Source]) -> Any:
    """One field's data, checked against the type written in its dataclass."""
    if data is None and "None" in declared:
        return None
    declared = declared.replace(" | None", "")
    choices = _CHOICES.get(name) or _CHOICES.get(f"{cls.__name__}.{name}")
    if choices is not None:
        if data not in choices:
            raise GraphError(f"{where} is {_short(data)} (must be one of {', '.join(choices)})")
        return data
    if declared == "Source":
        number = _int(data, where)
        if not 0 <= number < len(sources):
            raise GraphError(f"{where} refers to source {number} of {len(sources)}")
        return sources[number]
    if declared == "bool":
        if not isinstance(data, bool):
            raise GraphError(f"{where} must be true or false, not {_short(data)}")
        return data
    readers: dict[str, Any] = {
        "str": _text,
        "int": _int,
        "float": _number,
        "Nested": _nested,
        "tuple[int, ...]": _ints,
        "Mapping[str, Any]": _mapping,
        "Mapping[str, float]": _mapping,
    }
    if declared == "Stats":
        return _parse(Stats, data, sources)
    return readers[declared](data, where)


def _check_references(graph: Graph) -> None:
    """Every id that is referred to exists, once, and scopes form a tree."""
    for what, items in (("node", graph.nodes), ("value", graph.values), ("scope", graph.scopes)):
        if len({item.id for item in items}) != len(items):
            raise GraphError(f"two {what}s have the same id")
    values, nodes, seen = set(graph.value_by_id), set(graph.node_by_id), set[int]()
    for scope in graph.scopes:
        if scope.parent is not None and scope.parent not in seen:
            raise GraphError(f"scope {scope.id} lies in scope {scope.parent}, which does not stand before it")
        seen.add(scope.id)
    for where, ids in _value_references(graph):
        for ref in ids:
            if ref not in values:
                raise GraphError(f"{where} refers to value {ref}, which is not there")
    for node in graph.nodes:
        if node.scope is not None and node.scope not in seen:
            raise GraphError(f"node {node.id} lies in scope {node.scope}, which is not there")
        if node.forward is not None and node.forward not in nodes:
            raise GraphError(f"node {node.id} differentiates node {node.forward}, which is not there")


def _value_references(graph: Graph) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "the graph", graph.inputs + graph.outputs
    for node in graph.nodes:
        yield f"node {node.id}", node.inputs + node.outputs
    for scope in graph.scopes:
        yield f"scope {scope.id}", scope.inputs + scope.outputs
    for value in graph.values:
        yield (
            f"value {value.id}",
            tuple(ref for ref in (value.view_of, value.version_of, value.gradient) if ref is not None),
        )
