"""Which way a picture runs where nobody said: from left to right as far as a page goes, else from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from render.scene import Box, Direction, Edge

_GAP: Final = 36.0  # about what lies between two boxes
MAX_LR_LENGTH: Final = 2100.0  # a longer way from input to output is drawn from top to bottom


def direction_of(boxes: Sequence[Box], edges: Sequence[Edge]) -> Direction:
    """Left to right unless the longest way, with what stands on it, is too long for a page.

    Args:
        boxes: With their sizes.
        edges: In the order of the run.
    """
    width = {box.id: box.width for box in boxes}
    reach = dict(width)
    ahead = (edge for edge in edges if not edge.back and not edge.against)
    for edge in ahead:  # in the order of the run, so that every tail is settled before its head is
        gap = _GAP if edge.label is None else _GAP + edge.label.width
        reach[edge.head] = max(reach[edge.head], reach[edge.tail] + gap + width[edge.head])
    return "LR" if max(reach.values(), default=0.0) <= MAX_LR_LENGTH else "TB"
