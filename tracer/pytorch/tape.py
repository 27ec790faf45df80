"""What a recording writes down while the program runs: a `Tape` of plain events, read once it has ended.

The program waits while this is written, so an event is a bare tuple, and everything that can be worked out later is:
`transcript` does it. The tape holds numbers and facts, never a tensor, so recording keeps nothing alive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tracer.graph import ValueKind

# What the first item of an event is. The others:
KERNEL: Final = 0  # id, kernel, scope, sequence, phase, inputs, outputs, arguments, keywords, function, error
CALL: Final = 1  # `Call`, inputs, outputs, sequence when it began, sequence when it ended
NAMES: Final = 2  # values, `Naming`
NAMED: Final = 3  # value, name of the variable that holds it
VERSION: Final = 4  # value, id of the kernel that wrote it or None
GRADIENT: Final = 5  # value, value that is its gradient
TAKEN: Final = 6  # value that the author read as `.grad`, value it is the gradient of
SEQUENCE: Final = 7  # number that the next autograd node of a thread has
VISITED: Final = 8  # number of a backward run, a set to be filled with the forward kernels it differentiates
FAILED: Final = 9  # kernel that failed in a backward of the author's, what stands there
KEPT: Final = 10  # sequence number of an autograd function, what it keeps: value or None, shape, dtype

Facts = tuple[tuple[int, ...], Any, str, int]  # shape, dtype, device, and of an ordinary tensor on the CPU the elements
Naming = tuple[tuple[str, ...], bool, Any]  # targets, whether each bears the one, key; see `names.Results`


class _Mark:
    """Stands for a tensor in arguments, which are told apart by what Python spells them."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "t"


TENSOR: Final = _Mark()


class Tape:
    """The raw events of one recording.

    Attributes:
        new_id: Gives the next id; values, kernels and calls share one row of numbers, in the order of the run.
        events: What happened, in order.
        facts: Shape, dtype, device and number of elements by value.
        kinds: Kind of the values that came from outside, and of those that turned out to be leaves.
        names: Names that were known when a value was met.
        version_of: The previous version of a tensor, by value.
        view_of: The value whose memory a view shares, by value.
        requires_grad: Values that a gradient may flow to.
        grad_fns: Names of autograd nodes, by sequence number.
    """

    __slots__ = (
        "events", "facts", "grad_fns", "kinds", "names", "new_id", "requires_grad", "version_of", "view_of",
    )  # fmt: skip

    def __init__(self, new_id: Callable[[], int]) -> None:
        self.new_id = new_id
        self.events: list[tuple[Any, ...]] = []
        self.facts: dict[int, Facts] = {}
        self.kinds: dict[int, ValueKind] = {}
        self.names: dict[int, str] = {}
        self.version_of: dict[int, int] = {}
        self.view_of: dict[int, int] = {}
        self.requires_grad: set[int] = set()
        self.grad_fns: dict[int, str] = {}

    def forget(self, first: int, alive: set[int]) -> tuple[set[int], set[int]]:
        """Drops the events before the id `first`, and the facts of values that are neither used since nor `alive`.

        Returns:
            The scopes that the events kept refer to, and the values kept.
        """
        start = next((index for index, event in enumerate(self.events) if _number(event) >= first), len(self.events))
        del self.events[:start]
        scopes, kept = set(), set(alive)
        for event in self.events:
            if event[0] == KERNEL:
                scopes.add(event[3])
                kept.update(event[6], event[7])
            elif event[0] == CALL:
                scopes.update((event[1].id, event[1].parent))
                kept.update(event[2], event[3])
            elif event[0] == NAMES:
                kept.update(event[1])
            elif event[0] in (NAMED, VERSION):
                kept.add(event[1])
            elif event[0] in (GRADIENT, TAKEN):
                kept.update(event[1:])
        for facts in (self.facts, self.kinds, self.names, self.version_of, self.view_of):
            for value in [value for value in facts if value not in kept]:
                del facts[value]
        self.requires_grad &= kept
        return scopes, kept


def _number(event: tuple[Any, ...]) -> int:
    """The id of an event that has one; -1 for others, which go with what comes before them."""
    return event[1] if event[0] == KERNEL else -1
