"""The model: a `Graph` holds the facts of one pass of a program and reads and writes them as JSON.

Every record is frozen and holds plain data only: no tensor, module or frame object is kept, so a graph
outlives the program it came from and can be saved, sent and drawn again where torch is not installed.
Nodes refer to values and values to nothing but values, all by integer ids that are unique within a graph
but need not be consecutive: a graph cut out of a longer run keeps the ids it had there.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, Union, cast

from tracer.records import quick

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TypeAlias

    from tracer.costs import Totals

Phase: TypeAlias = Literal["forward", "backward", "update"]
ValueKind: TypeAlias = Literal["input", "parameter", "buffer", "constant", "result"]
ScopeKind: TypeAlias = Literal["module", "function", "loop"]
Number: TypeAlias = Union[bool, int, float]
Nested: TypeAlias = Union[Number, tuple["Nested", ...]]
DRAWABLE: Final = 16  # elements; the numbers of a tensor this small fit in a picture, so they are kept
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def _nothing() -> Mapping[str, Any]:
    """The one empty mapping, as a default."""
    return _NOTHING


class GraphError(ValueError):
    """A saved graph that cannot be read: truncated, of another schema, or inconsistent."""


@quick
@dataclass(frozen=True, slots=True)
class Source:
    """Where in the author's code something happened.

    Attributes:
        file: Path as Python knows it, or a name such as `<stdin>`.
        line: First line of the expression, counted from 1.
        end_line: Last line of the expression.
        column: Column of the expression, counted from 0; -1 where unknown.
        function: Name of the function the line stands in (`<module>` at top level).
        code: The text of the line, without indentation; empty where the file cannot be read.
    """

    file: str
    line: int
    end_line: int = 0
    column: int = -1
    function: str = "<module>"
    code: str = ""


@quick
@dataclass(frozen=True, slots=True)
class Stats:
    """What is kept of a tensor's numbers.

    The statistics are over the finite elements, so they are finite themselves (None where there is no such element).

    Attributes:
        mean: Arithmetic mean.
        std: Standard deviation of the population (no Bessel correction).
        min: Smallest element.
        max: Largest element.
        norm: Euclidean (Frobenius) norm, `sqrt(sum(x**2))`; of the absolute values where elements are complex.
        zeros: Number of elements equal to zero.
        nan: Number of elements that are not a number.
        inf: Number of infinite elements.
        value: The number itself for a tensor of one element, or the elements (nested tuples) of a tensor small
            enough to draw, or as small as was asked for (`tracer.record`); may hold NaN and infinities; else None.
    """

    mean: float | None = None
    std: float | None = None
    min: float | None = None
    max: float | None = None
    norm: float | None = None
    zeros: int = 0
    nan: int = 0
    inf: int = 0
    value: Nested | None = None


@quick
@dataclass(frozen=True, slots=True)
class Value:
    """One tensor (or scalar), or one version of a tensor that is written in place.

    Attributes:
        id: Unique within the graph.
        name: The author's variable, or the qualified name of a parameter; None where none is known.
        kind: `input`, `parameter`, `buffer` and `constant` come from outside the graph; a `result` was computed in it.
        shape: Sizes; `()` for a scalar; -1 for a ragged or unknown one.
        dtype: Without the `torch.` prefix, as `float32`; `float` for the scalar engine.
        device: As torch spells it, `cpu` or `cuda:0`; empty for the scalar engine.
        nbytes: Size of the elements in bytes.
        requires_grad: Whether a gradient may flow to it.
        data: Statistics of its elements; None where they were not recorded.
        grad: Statistics of its gradient, None until backward has reached it.
        gradient: The value that arrived as its gradient in this pass, where it is one of the graph's.
        no_grad_reason: Why there is no gradient, in words, where a user could expect one.
        view_of: The value whose memory it shares, for views.
        version_of: The previous version of the same tensor, when an in-place operation made this one.
        saved_for_backward: Whether autograd kept it for the backward pass.
    """

    id: int
    name: str | None = None
    kind: ValueKind = "result"
    shape: tuple[int, ...] = ()
    dtype: str = ""
    device: str = ""
    nbytes: int = 0
    requires_grad: bool = False
    data: Stats | None = None
    grad: Stats | None = None
    gradient: int | None = None
    no_grad_reason: str | None = None
    view_of: int | None = None
    version_of: int | None = None
    saved_for_backward: bool = False

    @property
    def numel(self) -> int:
        """Number of elements (1 for a scalar)."""
        return math.prod(self.shape)


@quick
@dataclass(frozen=True, slots=True)
class Scope:
    """A place that ran: a call of a module, of a function the author wrote, or one turn of a loop.

    Attributes:
        id: Unique within the graph.
        parent: The scope it ran in; None at the top.
        kind: `module`, `function` or `loop`.
        name: Qualified name of a module (`layers.0`), or the function as the author called it (`mm`, `+`).
        type: Class of a module (`Linear`); dotted name of a function (`torch.mm`), or of the autograd node in backward.
        call: 0 for the first call of the same module or the same line, 1 for the second, and so on.
        source: Where the author called it; None where it was not called from the author's code.
        inputs: Value ids passed in, in the order of the code, repeats kept.
        outputs: Value ids handed back, in order.
        attrs: Its arguments that are no tensors, by name.
    """

    id: int
    parent: int | None = None
    kind: ScopeKind = "function"
    name: str = ""
    type: str = ""
    call: int = 0
    source: Source | None = None
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    attrs: Mapping[str, Any] = field(default_factory=_nothing)


@quick
@dataclass(frozen=True, slots=True)
class Node:
    """One operation that ran (a kernel for torch).

    Attributes:
        id: Unique within the graph; nodes are listed in the order they ran.
        op: Short name (`mm`).
        target: Full name (`aten.mm.default`, `scalar.mul`).
        phase: `forward`, `backward` or `update` (the optimizer's).
        inputs: Value ids it read, in order, repeats kept.
        outputs: Value ids it made, in order.
        scope: The innermost scope it ran in.
        forward: For a backward node, the id of the node it differentiates.
        attrs: Its arguments that are no tensors, by name, long ones cut: for reading.
        call: All its arguments as Python text, for running it again: `t0`, `t1`, ... are the tensors, counted as in
            `inputs`; `...` stands for what is no plain data. Empty for the scalar engine.
        cost: Any of `flops`, `bytes`, `seconds`.
        error: The message, where the operation failed.
    """

    id: int
    op: str
    target: str = ""
    phase: Phase = "forward"
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    scope: int | None = None
    forward: int | None = None
    attrs: Mapping[str, Any] = field(default_factory=_nothing)
    call: str = ""
    cost: Mapping[str, float] = field(default_factory=_nothing)
    error: str | None = None


@dataclass(frozen=True)
class Graph:
    """The facts of one pass: what ran, on what, and what came of it.

    Attributes:
        name: What to call it in a title.
        nodes: Operations in the order they ran.
        values: Tensors in the order they were first seen.
        scopes: Places that ran; a parent stands before its children.
        inputs: Ids of the values that came from outside and are data (not parameters, buffers, constants).
        outputs: Ids of the values the pass ends in; the loss where there is one.
        meta: Plain data about the run: `torch` (version), `script`, `pass` (number from 1), `loss` (value id),
            `error` (message) and `notes` (sentences a reader should know).
    """

    name: str = "graph"
    nodes: tuple[Node, ...] = ()
    values: tuple[Value, ...] = ()
    scopes: tuple[Scope, ...] = ()
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=_nothing)

    # Look-ups. Each is computed at first use; the graph never changes, so it never goes stale.

    @cached_property
    def node_by_id(self) -> Mapping[int, Node]:
        """Nodes by id."""
        return {node.id: node for node in self.nodes}

    @cached_property
    def value_by_id(self) -> Mapping[int, Value]:
        """Values by id."""
        return {value.id: value for value in self.values}

    @cached_property
    def scope_by_id(self) -> Mapping[int, Scope]:
        """Scopes by id."""
        return {scope.id: scope for scope in self.scopes}

    @cached_property
    def producer(self) -> Mapping[int, Node]:
        """The node that made a value, by value id; the first one, should several claim it."""
        made: dict[int, Node] = {}
        for node in self.nodes:
            for value in node.outputs:
                made.setdefault(value, node)
        return made

    @cached_property
    def consumers(self) -> Mapping[int, tuple[Node, ...]]:
        """The nodes that read a value, by value id, in the order they ran, each once."""
        readers: dict[int, dict[int, Node]] = {}
        for node in self.nodes:
            for value in node.inputs:
                readers.setdefault(value, {})[node.id] = node
        return {value: tuple(nodes.values()) for value, nodes in readers.items()}

    def named(self, name: str) -> tuple[Value, ...]:
        """Every value that bears `name`, in the order of the run (later ones are later versions)."""
        return tuple(value for value in self.values if value.name == name)

    def path(self, scope: int | None) -> tuple[Scope, ...]:
        """The scopes around and including `scope`, outermost first; empty for None."""
        chain: list[Scope] = []
        while scope is not None:
            found = self.scope_by_id[scope]
            chain.append(found)
            scope = found.parent
        return tuple(reversed(chain))

    def source(self, node: Node) -> Source | None:
        """The author's line a node comes from: that of the innermost scope that has one."""
        for scope in reversed(self.path(node.scope)):
            if scope.source is not None:
                return scope.source
        return None

    @property
    def loss(self) -> Value | None:
        """The value that backward started from, or None."""
        found = self.meta.get("loss")
        return self.value_by_id.get(found) if isinstance(found, int) else None

    def totals(self, module: str | Scope | None = None) -> Totals:
        """What the pass costs: parameters, floating-point operations, activation and saved bytes.

        Args:
            module: The name of a module, for all its calls, or a scope, for that call; None for the whole pass. For
                a table of all modules see `tracer.costs.table`.

        Raises:
            KeyError: There is no module of that name.
        """
        from tracer import costs

        return costs.totals(self, module)

    # In and out.

    def to_json(self, *, indent: int | None = None) -> str:
        """The graph as JSON text that `from_json` and `tracer.load` read back equal.

        Most fields that have their default value are left out. NaN and infinities, which JSON lacks, are written as
        the strings "nan", "inf" and "-inf".

        Args:
            indent: Spaces per level; None for the shortest text.
        """
        from tracer import serial

        return serial.write(self, indent)

    def json_pieces(self) -> Iterator[str]:
        """The text of `to_json` piece by piece: of a large graph all of it at once takes hundreds of megabytes."""
        from tracer import serial

        return serial.pieces(self)

    @classmethod
    def from_json(cls, text: str) -> Graph:
        """The graph that `to_json` wrote.

        Raises:
            GraphError: The text is no JSON, of another schema, or refers to what is not there.
        """
        from tracer import parsing

        return parsing.read(text)

    def save(self, path: str | os.PathLike[str], **options: Any) -> Path:
        """Draws the graph into a file; the suffix says the format (`.svg`, `.pdf`, `.png`, `.json`, ...).

        Args:
            path: Where to write; replaced only once the new file is complete.
            **options: As for `render.render` (`level`, `view`, `theme`, `direction`, `show`, `hide`, ...).

        Returns:
            The path written.
        """
        return cast("Path", _renderer().save(self, path, **options))

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None
    ) -> dict[str, str]:
        """The picture for a notebook cell, with a text for where pictures cannot be shown."""
        return cast("dict[str, str]", _renderer().mimebundle(self))


def load(path: str | os.PathLike[str]) -> Graph:
    """Reads a graph that was saved as JSON, or that an SVG picture carries.

    Args:
        path: A file written by `graph.save("x.json")`, `graph.to_json()` or `graphtrace render -o x.json`, or an SVG
            picture from `graph.save("x.svg")` or `graphtrace render -o x.svg`.

    Raises:
        GraphError: The file is no graph of ours.
        OSError: The file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
        return Graph.from_json(_embedded(data) if data.lstrip()[:1] == b"<" else data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise GraphError(f"{os.fspath(path)}: not a graphtrace graph: not UTF-8 text") from error
    except GraphError as error:
        raise GraphError(f"{os.fspath(path)}: {error}") from error


def _embedded(picture: bytes) -> str:
    """The JSON in an SVG picture; what reads it is loaded only where there is one."""
    from tracer import embedded

    return embedded.unpack(picture)


def _renderer() -> Any:
    """The render package, reached lazily: capturing must not pay for drawing."""
    import render

    if not hasattr(render, "mimebundle"):
        raise ImportError(
            f"graphtrace's own package 'render' is hidden by {getattr(render, '__file__', 'another module')}: "
            "rename that file, or draw with the command 'graphtrace render', which keeps the two apart"
        )
    return render
