"""What one thread of the program is doing at the moment: a `Lane`, which the watches of that thread share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tracer.pytorch.calls import Call

APART: Final = 2**70  # keeps the sequence numbers of threads apart: autograd counts its nodes in each for itself


class Lane:
    """The state of one thread of a recording.

    Attributes:
        is_main: Whether it is the thread that the recording was started in, which has the passes.
        base: Added to the sequence numbers of autograd.
        off: Whether what runs now is not to be recorded.
        muted: Above 0 while what runs is no step of the author's program.
        calls: The mode that sees the calls of the thread.
        call: The author's call under way; None between calls.
        stack: Ids of the scopes that are open, outermost first.
        modules: The module calls that are open: module, scope, and the place it was called from.
        running: How many backward runs are under way, one inside the other.
        run: Number of the outermost of them.
        updating: Whether an optimizer takes its step.
        sequence: Number that the next autograd node had at the last kernel; a higher one means a node was made.
    """

    __slots__ = (
        "base", "call", "calls", "is_main", "modules", "muted", "off", "run", "running", "sequence", "stack",
        "updating",
    )  # fmt: skip

    def __init__(self, number: int, stack: list[int]) -> None:
        self.is_main = number == 0
        self.base = number * APART
        self.off = True
        self.muted = 0
        self.calls: Any = None
        self.call: Call | None = None
        self.stack = stack
        self.modules: list[tuple[Any, Any, Any]] = []
        self.running = 0
        self.run = 0
        self.updating = False
        self.sequence = 0
