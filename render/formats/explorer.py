"""Model Explorer: the graph for Google's viewer of large models, and the norms of gradients as its heat map.

The forms are those that its "JSON adapter" and its node data accept (`graph_builder.py` and `node_data_builder.py` of
the package ai-edge-model-explorer): ids are texts, attributes lists of key and value, arrows lie in their heads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from render import text
from render.drawing import Drawing
from render.families import family
from render.formats import register
from render.statements import Statements

if TYPE_CHECKING:
    from tracer.graph import Graph, Node, Scope, Value

_LEFT_TO_RIGHT: Final = 1


@register(
    "model-explorer",
    suffixes=(".me.json",),
    mime="application/json",
    help_text="for Google's Model Explorer, every module open to be folded there, gradients as an overlay",
)
def write(drawing: Drawing) -> str:
    """A collection of one graph; unless a level is asked for, at that of the functions the author called."""
    export = _Export(_opened(drawing))
    graph = {
        "id": _name(drawing),
        "nodes": [*export.tensors(), *export.operations()],
        "groupNodeAttributes": export.groups(),
        "groupNodeConfigs": [{"namespaceRegex": ".*", "layoutDirection": _LEFT_TO_RIGHT}]
        if drawing.options.direction == "LR"
        else [],
        "tasksData": {"edgeOverlaysDataListLeftPane": export.overlays()},
    }
    return _json({"label": _name(drawing), "graphs": [graph]})


@register(
    "model-explorer-data",
    suffixes=(".me-data.json",),
    mime="application/json",
    help_text="norms of gradients, as a heat map to lay over the same graph in Model Explorer",
)
def write_data(drawing: Drawing) -> str:
    """Node data for the graph that `write` gives."""
    export = _Export(_opened(drawing))
    theme = drawing.options.theme
    stops = [{"stop": 0, "bgColor": theme.background}, {"stop": 1, "bgColor": theme.gradient}]
    return _json({_name(drawing): {"name": "norm of the gradient", "results": export.norms(), "gradient": stops}})


def _name(drawing: Drawing) -> str:
    """Of the one graph in the file, by which the heat map finds it."""
    return text.elide(text.clean(drawing.graph.name), 60) or "graph"


def _opened(drawing: Drawing) -> Drawing:
    """The drawing without the folding that suits a picture."""
    options = drawing.options
    if options.level != "auto" or any(each.view.level for each in options.view):
        return drawing
    return Drawing(drawing.graph, replace(options, level="function"))


def _json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"


@dataclass(frozen=True)
class _Export:
    """Spells the records of a drawing's view as nodes of Model Explorer.

    Attributes:
        drawing: What is exported.
    """

    drawing: Drawing

    @cached_property
    def say(self) -> Statements:
        return Statements(self.drawing)

    @cached_property
    def graph(self) -> Graph:
        return self.drawing.view

    # Nodes.

    def tensors(self) -> Iterator[dict[str, Any]]:
        """What comes from outside."""
        for value in self.say.outside():
            paint, home = self.drawing.options.theme.tensors[value.kind], self._home(value)
            name = self.say.name(value.id)
            yield {
                "id": f"v{value.id}",
                "label": name if home is None else name.rpartition(".")[2],
                "namespace": self._namespace(home),
                "attrs": _attributes(kind=value.kind, device=value.device, gradient=_norm(value)),
                "outputsMetadata": [self._output(value, 0)],
                "style": {"backgroundColor": paint.fill, "borderColor": paint.stroke},
            }

    def operations(self) -> Iterator[dict[str, Any]]:
        """What ran."""
        for node in self.graph.nodes:
            made = [self.graph.value_by_id[value] for value in node.outputs]
            yield {
                "id": f"n{node.id}",
                "label": text.clean(node.op),
                "namespace": self._namespace(node.scope),
                "attrs": self._facts(node),
                "incomingEdges": list(self._incoming(node)),
                "outputsMetadata": [self._output(value, number) for number, value in enumerate(made)],
                "style": {"backgroundColor": self.drawing.options.theme.families[family(node.op)]},
            }

    def _facts(self, node: Node) -> list[dict[str, str]]:
        source = self.graph.source(node)
        where = {} if source is None else {"line": f"{PurePath(source.file).name}:{source.line}", "code": source.code}
        found = {"target": node.target, "phase": node.phase, **where, "error": node.error or ""}
        return _attributes(**found, **{f"argument {name}": str(value) for name, value in node.attrs.items()})

    def _output(self, value: Value, number: int) -> dict[str, Any]:
        sizes = ",".join(str(size) for size in value.shape)
        facts = _attributes(
            tensor_shape=f"{value.dtype}[{sizes}]", tensor_name=self.say.name(value.id), gradient=_norm(value)
        )
        return {"id": str(number), "attrs": facts}

    def _incoming(self, node: Node) -> Iterator[dict[str, str]]:
        for position, value in enumerate(self.say.operands(node)):
            source, output = self._source(value)
            if source:
                yield {"sourceNodeId": source, "sourceNodeOutputId": output, "targetNodeInputId": str(position)}

    def _source(self, value: int) -> tuple[str, str]:
        """The node that a value comes from and the number of its output; no node for a number the author wrote."""
        producer = self.graph.producer.get(value)
        if producer is not None:
            return f"n{producer.id}", str(producer.outputs.index(value))
        return (f"v{value}" if value in self._outside else "", "0")

    @cached_property
    def _outside(self) -> frozenset[int]:
        return frozenset(value.id for value in self.say.outside())

    # Modules.

    def _home(self, value: Value) -> int | None:
        """The scope of the one operation that reads a weight; others stand at the top."""
        readers = self.graph.consumers.get(value.id, ())
        return readers[0].scope if len(readers) == 1 and value.kind in ("parameter", "buffer") else None

    def _namespace(self, scope: int | None) -> str:
        modules = [each for each in self.graph.path(scope) if each.kind == "module"]
        return "/".join(self._layers[each.id] for each in modules)

    @cached_property
    def _layers(self) -> dict[int, str]:
        """What each module is called among those in the same module."""
        found: dict[int, str] = {}
        taken: dict[tuple[int | None, str], int] = {}
        for scope in self.graph.scopes:
            if scope.kind == "module":
                name = _layer(scope)
                place = (self._module_around(scope), name)
                taken[place] = taken.get(place, 0) + 1
                found[scope.id] = name if taken[place] == 1 else f"{name} ({taken[place]})"
        return found

    def _module_around(self, scope: Scope) -> int | None:
        around = [each.id for each in self.graph.path(scope.parent) if each.kind == "module"]
        return around[-1] if around else None

    def groups(self) -> dict[str, dict[str, str]]:
        """What is told of a module when it is selected."""
        used = {each.id for node in self.graph.nodes for each in self.graph.path(node.scope)}
        return {
            self._namespace(scope.id): {"type": text.clean(scope.type), "name": text.clean(scope.name)}
            for scope in self.graph.scopes
            if scope.kind == "module" and scope.id in used
        }

    # Gradients.

    def overlays(self) -> list[dict[str, Any]]:
        """Arrows of gradients, back from each operation to what it read."""
        edges = []
        for node in filter(self._passes_gradients, self.graph.nodes):
            for value in dict.fromkeys(self.say.operands(node)):
                label, (target, _) = _norm(self.graph.value_by_id[value]), self._source(value)
                if label and target:
                    edges.append({"sourceNodeId": f"n{node.id}", "targetNodeId": target, "label": label})
        if not edges:
            return []
        color = self.drawing.options.theme.gradient
        overlay = {"name": "gradient", "edgeColor": color, "edgeWidth": 2, "edgeLabelFontSize": 7.5, "edges": edges}
        return [{"type": "edge_overlays", "name": "gradients", "overlays": [overlay]}]

    def _passes_gradients(self, node: Node) -> bool:
        made = [self.graph.value_by_id[value] for value in node.outputs]
        return node.phase == "forward" and any(value.requires_grad for value in made)

    def norms(self) -> dict[str, dict[str, float]]:
        """The norm of the gradient of what each node gives (the largest, where it gives several)."""
        found = {f"v{value.id}": [value] for value in self.say.outside()}
        found |= {f"n{node.id}": [self.graph.value_by_id[value] for value in node.outputs] for node in self.graph.nodes}
        norms = {
            name: [value.grad.norm for value in values if value.grad is not None and value.grad.norm is not None]
            for name, values in found.items()
        }
        return {name: {"value": max(each)} for name, each in norms.items() if each}


def _layer(scope: Scope) -> str:
    """A module as one part of a path."""
    name = text.clean(scope.name.rpartition(".")[2] or scope.type) or "module"
    return name.replace("/", "∕")


def _norm(value: Value) -> str:
    return "" if value.grad is None or value.grad.norm is None else f"|grad| {text.number(value.grad.norm)}"


def _attributes(**facts: str) -> list[dict[str, str]]:
    """Facts as Model Explorer lists them, without the empty ones."""
    cleaned = {text.clean(key): text.elide(text.clean(fact), 1_000) for key, fact in facts.items()}
    return [{"key": key, "value": fact} for key, fact in cleaned.items() if fact]
