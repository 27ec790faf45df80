"""Graph + Theme -> Scene: which boxes and arrows there are, what they say, how they are painted and grouped.

Two styles. In `data` tensors are boxes and operations ovals between them, as one draws a small graph on a board; in
`operations` operations are boxes and shapes stand on the arrows, which carries further.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from render import sizing, text, tooltips
from render.describing import described
from render.dims import Dims
from render.direction import direction_of
from render.families import family, is_view
from render.groups import Groups
from render.heat import Heat
from render.labels import Wording
from render.layout.outline import STACK
from render.layout.tags import per_column
from render.options import Options, Style
from render.quantities import Quantity
from render.readings import Readings, of_forward
from render.scene import Box, Direction, Edge, Outline, Scene
from render.theme import Paint, Theme
from render.trouble import first_trouble
from render.views.backward import is_collected, is_mirrored
from render.views.closing import is_closed_module
from render.views.merging import carried, skipped_from
from render.widths import Widths
from tracer.graph import Graph, Node, Value

MAX_DATA_BOXES: Final = 40  # more tensors and operations than this do not read as one figure
MAX_WEIGHTS: Final = 6  # more weights of modules than this, each with its way in, hide what is computed from them
MAX_WRAPPED: Final = 200  # boxes of a picture that is looked at as a whole; larger ones are not broken into columns
_MARKED: Final = 3.0  # border of what failed, and of where an infinity or no number first appears


def compose(graph: Graph, options: Options, dims: Dims, lang: str = "en") -> tuple[Scene, Heat | None]:
    """The scene of a graph whose level is already chosen, and what it is coloured by; it has no coordinates yet.

    Args:
        graph: What a view left of the captured graph.
        options: Theme, items and direction matter here.
        dims: Spells shapes.
        lang: Of the words that are not the author's.
    """
    style = choose_style(graph, options)
    draft = _Draft(graph, options.theme, style, _items(options, style), dims, options.color_by, lang)
    draft.draw()
    boxes, edges = tuple(draft.boxes.values()), tuple(draft.edges)
    across: Direction | None = "LR" if draft.groups.has_steps else None
    direction = options.direction or across or options.theme.direction or direction_of(boxes, edges)
    scene = Scene(
        name=options.title or text.clean(graph.name),
        description=described(graph, options.caption),
        boxes=draft.groups.boxes(boxes),
        edges=(*edges, *draft.gradients),
        direction=direction,
        wrap=direction == "TB" and not draft.groups.has_steps and len(boxes) <= MAX_WRAPPED,
        background=options.theme.background,
        font=options.theme.font,
    )
    scene = per_column(scene)
    if options.color_by is None:
        return scene, None
    heat = Heat(of_forward(options.color_by, graph), options.theme, draft.readings.found, draft.readings.place)
    return heat.painted(scene), heat


def _items(options: Options, style: Style) -> frozenset[str]:
    """What is shown; norms of gradients in words alone give way to the quantity that boxes are coloured by."""
    items, quantity = options.items(style), options.color_by
    if quantity is None or quantity.name == "gradient" or "gradients" in items:
        return items
    return items - {"norms"}


def choose_style(graph: Graph, options: Options) -> Style:
    """What was asked for, or else `data` where it has at most 40 boxes and tensors have names to show.

    Of a program of modules most tensors are to have names, and there are to be few weights that would need boxes too.
    """
    if options.style is not None:
        return options.style
    if any(is_closed_module(node) for node in graph.nodes):
        return "operations"
    draft = _Draft(graph, options.theme, "data", options.items("data"), Dims())
    made = [value for node in graph.nodes if not is_view(node.op) for value in node.outputs]
    named = sum(draft.is_drawn(value) and value not in draft.words.kept for value in made)
    in_modules = any(scope.kind == "module" for scope in graph.scopes)
    drawn = {value for node in graph.nodes for value in (*node.inputs, *node.outputs) if draft.is_drawn(value)}
    weights = sum(graph.value_by_id[value].kind == "parameter" for value in drawn)
    if in_modules and (2 * named < len(made) or weights > MAX_WEIGHTS):
        return "operations"
    return "data" if len(graph.nodes) + len(drawn) <= MAX_DATA_BOXES else "operations"


@dataclass
class _Draft:
    """A scene under construction.

    Attributes:
        graph: What is drawn.
        theme: Paints it.
        style: Whether tensors are boxes.
        items: What is to be shown.
        dims: Names of sizes.
        quantity: What boxes are coloured by.
        lang: Of the words that are not the author's.
        boxes: By scene id, in the order of the run.
        edges: Ways of values.
        gradients: Ways of gradients, back along them.
        labelled: Tensors that an arrow already names.
        told: What stands beside arrows in columns: which of these said it first.
        tips: What is known of a tensor, in words, by value id.
    """

    graph: Graph
    theme: Theme
    style: Style
    items: frozenset[str]
    dims: Dims
    quantity: Quantity | None = None
    lang: str = "en"
    boxes: dict[str, Box] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    gradients: list[Edge] = field(default_factory=list)
    labelled: set[int] = field(default_factory=set)
    told: dict[str, int] = field(default_factory=dict)
    tips: dict[int, str] = field(default_factory=dict)

    @cached_property
    def words(self) -> Wording:
        return Wording(self.graph, self.theme, self.style, self.items, self.dims, self.lang)

    @cached_property
    def readings(self) -> Readings:
        """What boxes have of the quantity."""
        return Readings(self.quantity, self.words, self.is_drawn)

    @cached_property
    def groups(self) -> Groups:
        return Groups(self.graph, self.words)

    @cached_property
    def ends(self) -> frozenset[int]:
        loss = self.graph.loss
        return frozenset((*self.graph.outputs, *(() if loss is None else (loss.id,))))

    def draw(self) -> None:
        """Draws every operation with what comes in and what goes out; of a graph without any, its outer values."""
        for node in self.graph.nodes:
            for position, value in enumerate(node.inputs):
                if self._is_operand(node, position):
                    self._operand(node, position, self.graph.value_by_id[value])
            self._add(self._operation(node))
            for position, value in enumerate(dict.fromkeys(node.outputs)):
                if self.is_drawn(value):
                    self._result(node, position, self.graph.value_by_id[value])
        for scope in self.graph.scopes:
            for value, reader in carried(scope):
                self._back(value, reader)
                self._back_gradient(value, reader)
        for node in self.graph.nodes if self.mirrored else ():
            self._collect(node)
        if not self.graph.nodes:
            for value in dict.fromkeys((*self.graph.inputs, *self.graph.outputs)):
                self._add(self._tensor(self.graph.value_by_id[value]))

    # Which tensors are boxes.

    def is_drawn(self, value_id: int) -> bool:
        """Whether a tensor has a box of its own."""
        value = self.graph.value_by_id[value_id]
        if is_collected(self.graph, value):
            return False
        if value_id in self.ends or value_id in self.words.kept or value_id not in self.graph.producer:
            return True
        if self.style == "operations":
            return False
        return value_id in self.words.names or self._is_micrograd(value)

    def _is_micrograd(self, value: Value) -> bool:
        """Whether it is a number of the scalar engine with its gradient: each step is worth a box, as in micrograd."""
        return not value.device and value.data is not None and value.grad is not None and "gradients" in self.items

    def _is_operand(self, node: Node, position: int) -> bool:
        """Whether the arrow of this operand is drawn: not where it is folded into the box or hidden."""
        value = self.graph.value_by_id[node.inputs[position]]
        if self.words.is_inline(node, position):
            return False
        if self.mirrored and node.phase == "backward" and node.forward is not None:
            return self._is_gradient(value)
        if value.id in self.graph.producer:
            return True
        if value.kind in ("parameter", "buffer"):
            return "params" in self.items and not is_closed_module(node)
        return value.kind != "constant" or "constants" in self.items

    @cached_property
    def widths(self) -> Widths:
        """How wide arrows are."""
        return Widths.of(self.graph) if "sizes" in self.items else Widths()

    @cached_property
    def mirrored(self) -> bool:
        """Whether backward is drawn opposite forward."""
        return is_mirrored(self.graph)

    def _is_gradient(self, value: Value) -> bool:
        """Whether the value was made in backward."""
        producer = self.graph.producer.get(value.id)
        return producer is not None and producer.phase == "backward"

    # Arrows.

    def _operand(self, node: Node, position: int, value: Value) -> None:
        producer = self.graph.producer.get(value.id)
        if self.is_drawn(value.id):
            tail = f"v{value.id}"
            if tail not in self.boxes:  # or a weight with thousands of readers would be made anew for each
                self._add(self._tensor(value))
        else:
            tail = f"n{producer.id}" if producer is not None else ""
        self._connect(f"e{node.id}_{position}", tail, f"n{node.id}", value, position, self._reader_passes(node))
        if not self.is_drawn(value.id) and value.id not in self.labelled and self._is_labelled(producer):
            self.labelled.add(value.id)
            label = self.words.edge(value)
            if label is not None and not self._is_told(label.text, producer):
                self.edges[-1] = replace(self.edges[-1], label=label)

    def _is_told(self, words: str, producer: Node | None) -> bool:
        """Whether the first turn of a loop that is drawn along time has said what a later one would say again."""
        column = None if producer is None else skipped_from(producer) or self.groups.column(producer.id)
        return column is not None and self.told.setdefault(words, column) != column

    def _is_labelled(self, producer: Node | None) -> bool:
        """Whether an arrow between operations says what it carries; after a `t` the eye can tell."""
        return producer is not None and (self.style == "operations" or not is_view(producer.op))

    def _result(self, node: Node, position: int, value: Value) -> None:
        if f"v{value.id}" in self.boxes:
            return
        self._add(self._tensor(value))
        self._connect(f"e{node.id}_out{position}", f"n{node.id}", f"v{value.id}", value, 0, passes=True)

    def _connect(self, id: str, tail: str, head: str, value: Value, order: int, passes: bool) -> None:  # noqa: A002
        producer = self.graph.producer.get(value.id)
        backward = producer is not None and producer.phase == "backward"
        color = self.theme.gradient if backward else self.theme.edge
        width, tip = self.widths.width(value.nbytes), self._tooltip(value)
        edge = Edge(id, tail, head, order=order, color=color, width=width, dashed=backward, tooltip=tip)
        self.edges.append(replace(edge, against=True) if self.mirrored and backward else edge)
        drawn = {"gradients", "backward"} & self.items == {"gradients"} and not self.mirrored
        if passes and drawn and value.grad is not None:
            gradient = Edge(f"g{id[1:]}", head, tail, "gradient", order, twin=id, color=self.theme.gradient)
            self.gradients.append(replace(gradient, width=1.3, dashed=True, tooltip=self.words.gradient(value)))

    def _collect(self, node: Node) -> None:
        """The ways of gradients from a backward operation into the parameters and inputs that its forward one read."""
        forward = None if node.forward is None else self.graph.node_by_id.get(node.forward)
        for value_id in dict.fromkeys(forward.inputs) if forward is not None and node.phase == "backward" else ():
            value = self.graph.value_by_id[value_id]
            if value.grad is not None and value_id not in self.graph.producer and f"v{value_id}" in self.boxes:
                edge = Edge(f"a{node.id}_{value_id}", f"n{node.id}", f"v{value_id}", color=self.theme.gradient)
                tip = self.words.gradient(value)
                self.edges.append(replace(edge, dashed=True, against=True, tooltip=tip))

    def _back(self, value: int, reader: int) -> None:
        """The way of what one turn of a loop hands on to the next."""
        producer = self.graph.producer.get(value)
        tail = f"v{value}" if self.is_drawn(value) else "" if producer is None else f"n{producer.id}"
        node = self.graph.node_by_id.get(reader)
        if node is None or tail not in self.boxes:
            return
        width = self.widths.width(self.graph.value_by_id[value].nbytes)
        id_, order = f"e{reader}_back{value}", len(node.inputs)
        edge = Edge(id_, tail, f"n{reader}", order=order, color=self.theme.edge, width=width)
        tip = tooltips.tensor(self.graph.value_by_id[value], self.words.names.get(value, ""))
        self.edges.append(replace(edge, label=self.words.next_turn, back=True, tooltip=tip))

    def _back_gradient(self, value: int, reader: int) -> None:
        """The way of a gradient from one turn of a loop to the turn before, against what that handed on."""
        producer = self.graph.producer.get(value)
        later, before = self._derivatives.get(reader), self._derivatives.get(producer.id if producer else None)
        if later is not None and before is not None:
            tail, head = f"n{later.id}", f"n{before.id}"
            edge = Edge(f"b{reader}_back{value}", tail, head, order=len(before.inputs), color=self.theme.gradient)
            tip = self.words.gradient(self.graph.value_by_id[value])
            self.edges.append(
                replace(edge, label=self.words.turn_before, back=True, against=True, dashed=True, tooltip=tip)
            )

    @cached_property
    def _derivatives(self) -> Mapping[int | None, Node]:
        """The backward operation opposite each forward one, where backward is drawn so."""
        nodes = self.graph.nodes if self.mirrored else ()
        return {node.forward: node for node in nodes if node.phase == "backward" and node.forward is not None}

    def _reader_passes(self, node: Node) -> bool:
        """Whether a gradient came back through the operation; one that nothing came back to sent none on."""
        made = [self.graph.value_by_id[value] for value in node.outputs]
        if self._intermediate_gradients:
            return any(value.grad is not None for value in made)
        return any(value.requires_grad for value in made)

    @cached_property
    def _intermediate_gradients(self) -> bool:
        return any(value.grad is not None for value in self.graph.values if value.kind == "result")

    # Boxes.

    def _add(self, box: Box) -> None:
        if box.id not in self.boxes:
            self.boxes[box.id] = replace(box, order=len(self.boxes))

    @cached_property
    def _trouble(self) -> tuple[int | None, int | None]:
        return first_trouble(self.graph)

    def _tensor(self, value: Value) -> Box:
        paint, group = self._tensor_paint(value), self.groups.of_value(value.id)
        lines = self.words.tensor(value, self.readings.tensor(value), self.groups.module_of(group))
        across = self.theme.records and len(lines) > 1
        width, height = sizing.record_size(lines) if across else sizing.tensor_size(lines, self.style)
        double = self._is_loss(value) and not across
        height += sizing.DOUBLED if double and len(lines) > 2 else 0.0
        outline: Outline = "pill" if value.kind == "constant" else self.theme.outlines["tensor"]
        troubled = value.id == self._trouble[0]
        return Box(
            id=f"v{value.id}",
            kind="tensor",
            lines=lines,
            outline=outline,
            fill=paint.fill,
            stroke=self.theme.error if troubled else paint.stroke,
            stroke_width=_MARKED if troubled else paint.width,
            double=double,
            dashed=paint.dashed,
            across=across,
            tooltip=self._tooltip(value),
            group=group,
            width=width + (height / 2 if outline == "pill" else 0),
            height=height,
        )

    def _tooltip(self, value: Value) -> str:
        if value.id not in self.tips:
            self.tips[value.id] = tooltips.tensor(value, self.words.names.get(value.id, ""))
        return self.tips[value.id]

    def _is_loss(self, value: Value) -> bool:
        return self.graph.loss is not None and value.id == self.graph.loss.id

    def _tensor_paint(self, value: Value) -> Paint:
        if self._is_loss(value):
            return self.theme.tensors["loss"]
        ended = value.kind == "result" and value.id in self.graph.outputs
        return self.theme.tensors["output" if ended else self._kinds[value.id]]

    @cached_property
    def _kinds(self) -> Mapping[int, str]:
        """What kind of tensor each is: a buffer or parameter that was written to (running statistics) stays one."""
        found: dict[int, str] = {}
        for value in self.graph.values:
            before = "" if value.version_of is None else found.get(value.version_of, "")
            found[value.id] = before if before in ("buffer", "parameter") else value.kind
        return found

    def _operation(self, node: Node) -> Box:
        lines = self.words.operation(node, self.readings.operation(node))
        stacked = self.words.is_stacked(node)
        width, height = sizing.operation_size(lines, self.style)
        behind = STACK if stacked else 0.0
        failed, backward = node.error is not None, node.phase == "backward"
        marked = failed or (node.id == self._trouble[1] and not any(map(self.is_drawn, node.outputs)))
        stroke = self.theme.error if marked else self.theme.gradient if backward else self.theme.operation.stroke
        return Box(
            id=f"n{node.id}",
            kind="operation",
            lines=lines,
            outline=self.theme.outlines["module" if is_closed_module(node) else "operation"],
            fill=self.theme.background if failed or backward else self._fill(node),
            stroke=stroke,
            stroke_width=_MARKED if marked else self.theme.operation.width,
            dashed=self.theme.operation.dashed,
            stacked=stacked,
            tooltip=tooltips.operation(self.graph, node),
            group=self.groups.of_node(node.id),
            column=None if self.mirrored else skipped_from(node),
            width=width + behind,
            height=height + behind,
        )

    def _fill(self, node: Node) -> str:
        if not is_closed_module(node):
            return self.theme.families[family(node.op)]
        kind = family(str(node.attrs.get("type", "")))
        return self.theme.families[kind] if kind != "other" else self.theme.operation.fill
