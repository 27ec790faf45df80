"""Keeps the garbage collector from running more often because of what recordings write down."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Final

_TIMES: Final = 100  # of the objects that a recorded operation leaves behind, one in a hundred at most is the program's
_under_way: list[
    tuple[tuple[int, int, int], tuple[int, int, int]]
] = []  # for each recording: threshold before, and ours


@contextlib.contextmanager
def collected_as_before() -> Iterator[None]:
    """Raises the number of new objects after which Python looks for garbage, for as long as the block lasts.

    Cycles of the program's own are then collected about as often as they were; nothing else depends on it. A program
    that sets the threshold itself keeps what it has set. Blocks may overlap, and end in any order. What has grown
    meanwhile is looked at once, at the end, and then rests.
    """
    before = gc.get_threshold()
    if not _under_way:
        gc.set_threshold(before[0] * _TIMES, *before[1:])
    _under_way.append((before, gc.get_threshold()) if not _under_way else _under_way[0])
    try:
        yield
    finally:
        before, ours = _under_way.pop()
        if not _under_way and gc.get_threshold() == ours:
            gc.set_threshold(*before)
            if gc.isenabled():
                gc.collect(1)
