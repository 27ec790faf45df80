"""Arrows as wide as what they carry: the bytes of a tensor -> the width of its line, and an entry in the legend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from render import text
from render.legend import SIZE, Entry
from render.scale import Span
from render.scene import Edge
from render.theme import Theme
from tracer.graph import Graph

_THIN: Final = 1.0
_THICK: Final = 2.8  # a wider line has a head that hides where it comes from
USUAL: Final = 1.4


@dataclass(frozen=True, slots=True)
class Widths:
    """Widths by bytes, on a linear scale.

    Attributes:
        span: The bytes of the smallest and the largest tensor that an operation reads; None for one width.
    """

    span: Span | None = None

    @classmethod
    def of(cls, graph: Graph) -> Widths:
        """Those for a graph as it is drawn; one width where all tensors are as large, or none has a size."""
        read = {value for node in graph.nodes for value in node.inputs}
        sizes = [value.nbytes for value in graph.values if value.id in read and value.nbytes > 0]
        return cls(Span(min(sizes), max(sizes), linear=True) if sizes and max(sizes) > min(sizes) else None)

    def width(self, bytes_: int) -> float:
        """Of the arrow of a tensor."""
        if self.span is None or bytes_ <= 0:
            return USUAL
        return round(_THIN + (_THICK - _THIN) * min(1.0, self.span.share(bytes_)), 2)

    def entries(self, theme: Theme) -> Iterator[Entry]:
        """The thinnest and the thickest arrow, with the bytes they stand for."""
        for amount in () if self.span is None else (self.span.low, self.span.high):
            arrow = Edge("", "", "", color=theme.edge, width=self.width(int(amount)))
            yield Entry(text.run(text.size(amount), SIZE, theme.text), arrow)
