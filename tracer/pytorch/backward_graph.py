"""A tensor's `grad_fn` -> the functions behind it, each once, in depth-first order, however deep they lie.

Since torch 2.13 a function keeps the Python object it was once shown as. Freeing a chain of such functions recurses
in C, so after a mere look at a graph some 50,000 deep, the process would die when the user's tensor is freed
(without the look, torch frees such chains in a loop). `walk` therefore leaves guards in `Node.metadata`, one every
2,000 levels, that hold what lies below until the recursion above has come to its end.
"""

from __future__ import annotations

import gc
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Literal, Union

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping, Sequence
    from typing import TypeAlias

# A `torch.autograd.graph.Node`; that class is abstract, and the real ones are not its subclasses for a type checker.
Function: TypeAlias = Any
Edges: TypeAlias = tuple[tuple[Union[Function, None], int], ...]
Heights: TypeAlias = "MutableMapping[Function, int]"
Step: TypeAlias = tuple[Literal["enter", "edge", "leave"], Function, Any]

_BAND: Final = 2_000  # levels freed in one recursion: 0.3 MB of stack, of the 0.5 MB a thread has on macOS
_KEY: Final = "graphtrace.guards"


def walk(root: Function, heights: Heights) -> Iterator[Step]:
    """Visits every function behind `root` once, operands in order.

    Args:
        root: Where to start, a tensor's `grad_fn`.
        heights: Functions already visited, with their height above the leaves; those are not entered again, and
            new ones are added. While it is kept, the functions are, so that they can be told apart by identity.

    Yields:
        `("enter", function, next_functions)` once for each, `("edge", function, operand)` for each of its operands
        that has one, before that operand is entered, and `("leave", function, next_functions)` after all of them.
    """
    if root in heights:
        return
    release()
    stack: list[tuple[Function, Edges, Iterator[Any]]] = []
    try:
        yield _enter(root, stack)
        while stack:
            function, edges, rest = stack[-1]
            for operand, _ in rest:
                if operand is None:
                    continue
                yield "edge", function, operand
                if operand not in heights:
                    yield _enter(operand, stack)
                    break
            else:
                stack.pop()
                _settle(function, edges, heights)
                yield "leave", function, edges
    finally:  # an interrupted walk has shown functions too
        while stack:
            function, edges, _ = stack.pop()
            _settle(function, edges, heights)


def postorder(root: Function, heights: Heights) -> Iterator[tuple[Function, Edges]]:
    """Every function behind `root` with its `next_functions`, in the order in which `walk` leaves them.

    Args:
        root: As for `walk`.
        heights: As for `walk`.
    """
    release()
    stack: list[tuple[Function, Edges | None]] = [(root, None)]
    try:
        while stack:
            function, edges = stack.pop()
            if edges is None:
                if function in heights:
                    continue
                edges = function.next_functions
                stack.append((function, edges))
                for each, _ in reversed(edges):
                    if each is not None and each not in heights:
                        stack.append((each, None))
            else:
                _settle(function, edges, heights)
                yield function, edges
    finally:  # an interrupted walk has shown functions too
        for function, edges in reversed(stack):
            _settle(function, edges or (), heights)


def _enter(function: Function, stack: list[tuple[Function, Edges, Iterator[Any]]]) -> Step:
    edges = function.next_functions
    stack.append((function, edges, iter(edges)))
    return "enter", function, edges


def release() -> None:
    """Frees what guards have held back; the garbage collector calls it too, and so does the next walk."""
    while _held:
        _held.popleft()  # at most one band goes, and puts the next one here


def _settle(function: Function, edges: Edges, heights: Heights) -> None:
    """Works out the height of a function whose operands are done, and guards those in a band below."""
    height, lowest = 0, sys.maxsize
    for operand, _ in edges:
        if operand is not None:
            above = heights.get(operand, 0)
            if above >= height:
                height = above + 1
            if above < lowest:
                lowest = above
    heights[function] = height
    if height >= _BAND and lowest < height - height % _BAND:
        guard(function, [(operand, heights.get(operand, 0)) for operand, _ in edges if operand is not None])


def guard(function: Function, operands: Sequence[tuple[Function, int]]) -> int:
    """Guards the operands of a function that lie in a band below it.

    Args:
        function: A function that was looked at.
        operands: Its operands with their heights above the leaves.

    Returns:
        The height of the function.
    """
    height = max((above for _, above in operands), default=-1) + 1
    if height < _BAND:
        return height
    below = [operand for operand, above in operands if above // _BAND < height // _BAND]
    if below and _KEY not in function.metadata:
        function.metadata[_KEY] = _Guard(below)
        if _collected not in gc.callbacks:
            gc.callbacks.append(_collected)
    return height


def guard_below(function: Function, number: int) -> None:
    """Guards a function that was looked at on its own, by its sequence number: operands have lower ones.

    Only functions in the lower part of a band are asked for their operands. A chain that has none there has at most a
    tenth as many functions in a band as others, and grows that much less deep.
    """
    if number % _BAND > _BAND // 10:
        return
    floor = number - number % _BAND
    operands = [operand for operand, _ in function.next_functions if operand is not None]
    below = [operand for operand in operands if operand._sequence_nr() < floor]
    if below and _KEY not in function.metadata:
        function.metadata[_KEY] = _Guard(below)
        if _collected not in gc.callbacks:
            gc.callbacks.append(_collected)


_held: Final[deque[list[Function]]] = deque()


class _Guard:
    """Dies with a function, before its operands do, and holds them back until `release`."""

    __slots__ = ("_operands",)

    def __init__(self, operands: list[Function]) -> None:
        self._operands = operands

    def __del__(self, held: deque[list[Function]] = _held) -> None:  # a default, for the module may be gone by then
        held.append(self._operands)


def _collected(phase: str, info: dict[str, int]) -> None:
    """Called by the garbage collector, which runs outside of any destructor's recursion."""
    if phase == "stop":
        release()
