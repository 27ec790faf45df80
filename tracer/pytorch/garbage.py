"""Keeps the garbage collector from running more often because of what a recording writes down."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Final

_TIMES: Final = 20  # a recorded operation makes about this many objects for each that it makes without us


@contextlib.contextmanager
def collected_as_before() -> Iterator[None]:
    """Raises the number of new objects after which Python looks for garbage, for as long as the block lasts.

    Cycles of the program's own are then collected about as often as they were; nothing else depends on it. A program
    that sets the threshold itself keeps what it has set.
    """
    before = gc.get_threshold()
    raised = (before[0] * _TIMES, *before[1:])
    gc.set_threshold(*raised)
    try:
        yield
    finally:
        if gc.get_threshold() == raised:
            gc.set_threshold(*before)
