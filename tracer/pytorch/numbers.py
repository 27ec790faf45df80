"""Statistics of the tensors of a recording: small ones are copied aside and worked out together, large ones at once.

Torch takes microseconds to say anything about a tensor, however small, and ten times as long where the program has just
driven that part of torch out of the caches. So the memory of small tensors on the CPU is copied (a tenth of a
microsecond), and numpy works out many of them in a few calls.
"""

from __future__ import annotations

import ctypes
import itertools
import sys
import threading
from collections.abc import Container, Sequence
from typing import Any, Final

import numpy
import torch

from tracer.graph import DRAWABLE, Stats
from tracer.pytorch.stats import Moments, exactly, of_few, of_many, stats, together
from tracer.pytorch.tape import Facts

SMALL: Final = 1 << 13  # elements; above, what numpy needs for the elements outweighs what a call costs
_TOGETHER: Final = 1 << 16  # elements that are worked out at once: with what is computed they stay in a core's cache
_WAITING: Final = 1 << 20  # elements that wait to be worked out once the program has run
_TYPES: Final = {
    torch.float32: numpy.float32, torch.float64: numpy.float64, torch.int64: numpy.int64, torch.int32: numpy.int32,
    torch.uint8: numpy.uint8, torch.int16: numpy.int16, torch.int8: numpy.int8,
}  # fmt: skip
_FLOATS: Final = (torch.float32, torch.float64)
_memory: Final[Any] = (ctypes.c_char * sys.maxsize).from_address(0)  # all there is: a part of it is a copy as `bytes`
_PLAIN: Final = (torch.Tensor, torch.nn.Parameter)


class Numbers:
    """The statistics of one recording, by value.

    Attributes:
        kept: Of how many elements at most the numbers themselves are kept.
    """

    def __init__(self, kept: int = DRAWABLE) -> None:
        self.kept = max(DRAWABLE, kept)
        self._copies: dict[torch.dtype, dict[int, bytes]] = {dtype: {} for dtype in _TYPES}
        self._waiting = 0
        self._lock = threading.Lock()
        self._found: dict[int, Any] = {}  # `Stats`, or what they are made of: elements, moments, or a table and its row
        self._same: dict[int, int] = {}

    def take(self, value: int, tensor: torch.Tensor, facts: Facts) -> None:
        """Notes the numbers that `tensor`, of which `facts` are known, holds now as those of `value`."""
        if type(tensor) not in _PLAIN:
            return  # no numbers, or the author's own
        _, dtype, device, count = facts
        copies = self._copies.get(dtype) if device == "cpu" and 0 < count <= SMALL else None
        try:
            if copies is None or not tensor.is_contiguous():
                self._at_once(value, tensor, count if device == "cpu" else 0)
                return
            address = tensor.data_ptr()
            if not address:  # zeros that torch only pretends to hold
                return
            copies[value] = _memory[address : address + count * dtype.itemsize]
        except (RuntimeError, NotImplementedError):  # one without memory of its own
            self._at_once(value, tensor, 0)
            return
        self._waiting += count
        if self._waiting > _WAITING:
            self._work_out()

    def share(self, value: int, other: int) -> None:
        """Says that `value` holds the elements of `other`, in another shape or order."""
        self._same[value] = self._same.get(other, other)

    def _at_once(self, value: int, tensor: torch.Tensor, count: int) -> None:
        found: Any = of_many(tensor) if count > max(SMALL, self.kept) and tensor.dtype in _FLOATS else None
        found = stats(tensor, self.kept) if found is None else found
        if found is not None:
            self._found[value] = found

    def _work_out(self) -> None:
        """Finds the statistics of what was copied; other threads may copy meanwhile."""
        with self._lock:
            self._waiting = 0
            for dtype, copies in self._copies.items():
                kind = numpy.dtype(_TYPES[dtype])
                while copies:
                    pieces, size = [], 0
                    while copies and size < _TOGETHER * kind.itemsize:
                        pieces.append(copies.popitem())
                        size += len(pieces[-1][1])
                    self._work_out_together(pieces, kind)

    def _work_out_together(self, pieces: Sequence[tuple[int, bytes]], kind: Any) -> None:
        data = numpy.frombuffer(b"".join([piece for _, piece in pieces]), kind)
        ends = list(itertools.accumulate(len(piece) // kind.itemsize for _, piece in pieces))
        starts = [0, *ends[:-1]]
        table, certain = _table(data, numpy.array(starts))
        for row, ((value, _), start, end, sure) in enumerate(zip(pieces, starts, ends, certain.tolist())):
            if end - start <= self.kept:
                self._found[value] = data[start:end].tolist()
            else:
                self._found[value] = (table, row) if sure else (exactly(data[start:end]),)

    def finish(self) -> None:
        """Works out what waits."""
        self._work_out()

    def get(self, value: int, shape: tuple[int, ...]) -> Stats | None:
        """The statistics of a value of a shape, once finished; None where they are not known."""
        found = self._found.get(value)
        if found is None:
            other = self._same.get(value)
            return self._shared(other, shape) if other is not None else None
        if type(found) is list:
            found = self._found[value] = of_few(found, shape)
        elif type(found) is tuple and type(found[0]) is Moments:
            found = self._found[value] = together(found)
        elif type(found) is tuple:
            mean, deviation, low, high, norm, zeros = found[0][found[1]].tolist()
            found = self._found[value] = Stats(mean, deviation, low, high, norm, int(zeros))
        return found

    def _shared(self, other: int, shape: tuple[int, ...]) -> Stats | None:
        found = self.get(other, shape)
        return found if found is None or found.value is None else None

    def forget(self, kept: Container[int]) -> None:
        """Lets go of all values but those kept."""
        self.finish()
        self._same = {value: other for value, other in self._same.items() if value in kept}
        needed = set(self._same.values())
        self._found = {value: row for value, row in self._found.items() if value in kept or value in needed}


def _table(data: Any, starts: Any) -> tuple[Any, Any]:
    """Statistics of each stretch of `data`, in double precision.

    Returns:
        Mean, deviation, least, greatest, norm and number of zeros of each stretch, one row each; and which rows are
        sure: not those of stretches with numbers that are not finite, or whose squares are not, or that are so much
        alike that the difference of squares has no digits left.
    """
    counts = numpy.diff(starts, append=len(data))
    with numpy.errstate(all="ignore"):
        doubles = data.astype(numpy.float64)
        mean = numpy.add.reduceat(doubles, starts) / counts
        numpy.multiply(doubles, doubles, out=doubles)
        squares = numpy.add.reduceat(doubles, starts)
        variance = squares / counts - mean * mean
        low, high = numpy.minimum.reduceat(data, starts), numpy.maximum.reduceat(data, starts)
        zeros = numpy.searchsorted(numpy.flatnonzero(data == 0), numpy.append(starts, len(data)))
        constant = low == high
        variance[constant] = 0.0
        sure = constant | ((variance > 1e-6 * mean * mean) & (squares > 1e-280))
        sure &= numpy.isfinite(squares)
        columns = (mean, numpy.sqrt(variance), low + 0.0, high + 0.0, numpy.sqrt(squares), numpy.diff(zeros))
        return numpy.stack(columns, axis=1), sure
