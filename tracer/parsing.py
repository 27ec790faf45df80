"""JSON -> a graph, every field checked against the type its record declares, since a file may come from anywhere.

Graphs are large and repeat themselves: equal texts, numbers and mappings are kept once, and the parts of the document
are let go of as they are read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from tracer.graph import Graph, GraphError, Nested, Node, Scope, Source, Stats, Value
from tracer.records import collector_paused, maker
from tracer.serial import SCHEMA

MAX_TEXT: Final = 1_000_000  # characters in one string of a saved graph; a longer one is refused
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "Node.phase": ("forward", "backward", "update"),
    "Value.kind": ("input", "parameter", "buffer", "constant", "result"),
    "Scope.kind": ("module", "function", "loop"),
}


def read(text: str) -> Graph:
    """The graph that `serial.write` wrote; see `Graph.from_json`."""
    with collector_paused():
        document = _document(text)
        reader = _Reader()
        reader.sources.extend(reader.records(Source, document, "sources"))
        graph = Graph(
            name=_text(document.get("name", "graph"), "name"),
            scopes=reader.records(Scope, document, "scopes"),
            values=reader.records(Value, document, "values"),
            nodes=reader.records(Node, document, "nodes"),
            inputs=reader.ints(document.get("inputs", []), "inputs"),
            outputs=reader.ints(document.get("outputs", []), "outputs"),
            meta=reader.mapping(document.get("meta", {}), "meta"),
        )
    _check_references(graph)
    return graph


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise GraphError(f"not a graphtrace graph: {error}") from error
    if not isinstance(document, dict) or "schema" not in document:
        raise GraphError(f'not a graphtrace graph: no "schema" (expected {SCHEMA!r})')
    if document["schema"] != SCHEMA:
        raise GraphError(f"schema {_short(document['schema'])} is not one this version reads (expected {SCHEMA!r})")
    return document


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _short(data: Any) -> str:
    text = repr(data)
    return text if len(text) <= 60 else text[:57] + "..."


class _Field(NamedTuple):
    """A field of a record, and how its data are read."""

    name: str
    where: str
    read: Callable[[Any, str], Any]
    or_none: bool
    needed: bool


class _Reader:
    """Reads the records of one document.

    Attributes:
        sources: Which the records refer to by number.
    """

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self._ints: dict[int, int] = {}
        self._tuples: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._mappings: dict[str, Mapping[str, Any]] = {}
        self._plans = {kind: self._plan(kind) for kind in (Source, Stats, Value, Scope, Node)}

    def _plan(self, kind: type[Any]) -> tuple[_Field, ...]:
        return tuple(
            _Field(
                name=each.name,
                where=f"{kind.__name__.lower()}.{each.name}",
                read=self._by_type(f"{kind.__name__}.{each.name}", str(each.type).replace(" | None", "")),
                or_none="None" in str(each.type),
                needed=each.default is MISSING and each.default_factory is MISSING,
            )
            for each in fields(kind)
        )

    def _by_type(self, field: str, declared: str) -> Callable[[Any, str], Any]:
        if field in _CHOICES:
            return partial(_choice, _CHOICES[field])
        readers: dict[str, Callable[[Any, str], Any]] = {
            "str": _text, "int": self.whole, "float": _number, "bool": _truth, "Nested": _nested,
            "tuple[int, ...]": self.ints, "Mapping[str, Any]": self.mapping, "Mapping[str, float]": self.mapping,
            "Source": self._source, "Stats": lambda data, _: self._record(Stats, data),
        }  # fmt: skip
        return readers[declared]

    def records(self, kind: type[Any], document: dict[str, Any], name: str) -> tuple[Any, ...]:
        """The records of a kind that the document lists under a name, and lists no more."""
        items = document.pop(name, [])
        if not isinstance(items, list):
            raise GraphError(f"{name} must be a list, not {_short(items)}")
        items.reverse()
        made = []
        while items:
            made.append(self._record(kind, items.pop()))
        return tuple(made)

    def _record(self, kind: type[Any], item: Any) -> Any:
        """One record from a dict, each field checked."""
        if not isinstance(item, dict):
            raise GraphError(f"a {kind.__name__.lower()} must be an object, not {_short(item)}")
        given: dict[str, Any] = {}
        for name, where, read_, or_none, needed in self._plans[kind]:
            if name in item:
                data = item[name]
                given[name] = None if data is None and or_none else read_(data, where)
            elif needed:
                raise GraphError(f"{where} is missing")
        return maker(kind)(**given)

    def whole(self, data: Any, where: str) -> int:
        """A whole number."""
        if type(data) is not int:
            raise GraphError(f"{where} must be a whole number, not {_short(data)}")
        return self._ints.setdefault(data, data)

    def ints(self, data: Any, where: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        if not isinstance(data, list):
            raise GraphError(f"{where} must be a list of whole numbers, not {_short(data)}")
        found = tuple([self.whole(item, where) for item in data])
        return self._tuples.setdefault(found, found)

    def mapping(self, data: Any, where: str) -> Mapping[str, Any]:
        """An object of any content; those that are spelled alike are one."""
        if not isinstance(data, dict):
            raise GraphError(f"{where} must be an object, not {_short(data)}")
        spelled = repr(data)
        found = self._mappings.get(spelled)
        if found is None:
            found = self._mappings[spelled] = _mapping(data, where)
        return found

    def _source(self, data: Any, where: str) -> Source:
        number = self.whole(data, where)
        if not 0 <= number < len(self.sources):
            raise GraphError(f"{where} refers to source {number} of {len(self.sources)}")
        return self.sources[number]


def _choice(choices: tuple[str, ...], data: Any, where: str) -> Any:
    if data not in choices:
        raise GraphError(f"{where} is {_short(data)} (must be one of {', '.join(choices)})")
    return sys.intern(data)


def _truth(data: Any, where: str) -> bool:
    if not isinstance(data, bool):
        raise GraphError(f"{where} must be true or false, not {_short(data)}")
    return data


def _text(data: Any, where: str) -> str:
    if not isinstance(data, str):
        raise GraphError(f"{where} must be text, not {_short(data)}")
    if len(data) > MAX_TEXT:
        raise GraphError(f"{where} has {len(data):,} characters (at most {MAX_TEXT:,})")
    return sys.intern(data)  # names of operators and their arguments repeat


def _mapping(data: dict[str, Any], where: str) -> Mapping[str, Any]:
    return MappingProxyType({key: _frozen(item, where) for key, item in data.items()})


def _frozen(data: Any, where: str) -> Any:
    if isinstance(data, str):
        return _text(data, where)
    if isinstance(data, list):
        return tuple([_frozen(item, where) for item in data])
    if isinstance(data, dict):
        return _mapping(data, where)
    return data


def _number(data: Any, where: str) -> float:
    if isinstance(data, bool) or not isinstance(data, (int, float)):
        raise GraphError(f"{where} must be a number, not {_short(data)}")
    return float(data)


def _nested(data: Any, where: str) -> Nested:
    if isinstance(data, list):
        return tuple([_nested(item, where) for item in data])
    if isinstance(data, str) and data in ("nan", "inf", "-inf"):
        return float(data)
    if not isinstance(data, (bool, int, float)):
        raise GraphError(f"{where} must be a number, not {_short(data)}")
    return data


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
    _check_memory(graph)


def _check_memory(graph: Graph) -> None:
    """No value lies, by way of others, in its own memory."""
    fine: set[int] = set()
    for value in graph.values:
        way: dict[int, None] = {}
        step: Value | None = value
        while step is not None and step.id not in fine:
            if step.id in way:
                raise GraphError(f"value {step.id} is a view or a version of itself")
            way[step.id] = None
            base = step.version_of if step.version_of is not None else step.view_of
            step = graph.value_by_id[base] if base is not None else None
        fine.update(way)


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
