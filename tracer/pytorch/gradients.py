"""Which gradient arrived where: hooks on leaf tensors and on the autograd functions of results -> a `Tape`.

A hook before an autograd function sees the gradients of that function's results, summed over all their uses and after
any hook of the author's, and does not change them.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Final

import torch

from tracer.pytorch.backward_graph import guard_below
from tracer.pytorch.internals import Hooks
from tracer.pytorch.tape import GRADIENT, KERNEL

if TYPE_CHECKING:
    from tracer.pytorch.capture import TorchBackend

_NO_SEQUENCE: Final = 2**63  # AccumulateGrad functions have a number above it, and belong to no kernel


class Arrival:
    """The hook before an autograd function: notes the gradients of its results.

    Attributes:
        hooks: A weak reference to the dict of hooks that it stands in, as its own key.
    """

    __slots__ = ("_gradients", "_index", "_values", "hooks")

    def __init__(self, gradients: Gradients, index: int, values: Sequence[int]) -> None:
        self.hooks: weakref.ref[Any] | None = None
        self._gradients = gradients
        self._index = index
        self._values = values

    def __call__(self, grads: tuple[torch.Tensor | None, ...]) -> None:
        """What torch calls; the first of the values is the result number `index` of the function."""
        for value, grad in zip(self._values, grads[self._index :]):
            if grad is not None:
                self._gradients.note(value, grad)

    def remove(self) -> None:
        """Takes the hook off; a function that has died took it along."""
        hooks = self.hooks() if self.hooks is not None else None
        if hooks is not None:
            hooks.pop(self, None)


def register_quickly(real: Callable[..., Any]) -> Any:
    """Torch's way to add a hook to an autograd function, without a handle for ours: that takes three times as long."""

    @functools.wraps(real)
    def register(hooks: Any, hook: Any) -> Any:
        if type(hook) is not Arrival:
            return real(hooks, hook)
        hooks = Hooks() if hooks is None else hooks
        hooks[hook] = hook
        hook.hooks = weakref.ref(hooks)
        return hooks, None

    return staticmethod(register)


class Gradients:
    """The gradient hooks of one recording.

    Attributes:
        watched: Values whose gradients will be noted.
    """

    def __init__(self, backend: TorchBackend) -> None:
        self._backend = backend
        self._table = backend.table
        self._tape = backend.tape
        self.watched: set[int] = set()
        self._arrivals: list[Arrival] = []
        self._handles: list[Any] = []
        self._leaves: dict[int, tuple[weakref.ref[torch.Tensor], list[int]]] = {}

    def watch(self, tensor: torch.Tensor, value: int, base: int) -> bool:
        """Notes the gradient of `tensor`, a leaf or a result, whenever it arrives; tells whether it is a leaf.

        Args:
            tensor: A tensor that requires a gradient.
            value: Which value it is.
            base: Of the thread's sequence numbers.
        """
        self.watched.add(value)
        function = _grad_fn(tensor)
        if function is not None:
            self._hook(function, tensor.output_nr, (value,), base)
            return False
        if not _is_leaf(tensor):
            return False
        self._watch_leaf(tensor, value)
        return True

    def _hook(self, function: Any, index: int, values: Sequence[int], base: int) -> None:
        arrival = Arrival(self, index, values)
        function.register_prehook(arrival)
        self._arrivals.append(arrival)
        number = function._sequence_nr()
        guard_below(function, number)
        self._tape.grad_fns[number + base] = function.name()

    def _watch_leaf(self, leaf: torch.Tensor, value: int) -> None:
        """A leaf lives through many passes, each of which may know it as another version: one hook serves them all."""
        known = self._leaves.get(id(leaf))
        if known is not None and known[0]() is leaf:
            known[1][0] = value
            return
        current = [value]
        self._leaves[id(leaf)] = (weakref.ref(leaf), current)
        with torch._C.DisableTorchFunction():
            self._handles.append(leaf.register_hook(lambda grad: self.note(current[0], grad)))  # type: ignore[no-untyped-call]

    def watch_inside(
        self, results: Sequence[torch.Tensor], since: int, until: int, events: Sequence[tuple[Any, ...]], base: int
    ) -> None:
        """Notes the gradients of what was computed on the way to `results` inside one call.

        Args:
            results: What the call returned; they are watched themselves already.
            since: Sequence number when the call began; older autograd functions are not its own.
            until: Sequence number when it ended.
            events: What the tape holds of it.
            base: Of the thread's sequence numbers.
        """
        made = _outputs_by_sequence(events, since, until, base)
        roots: list[Any] = [function for tensor in results if (function := _grad_fn(tensor)) is not None]
        inside: dict[int, Any] = {}
        while roots:
            function = roots.pop()
            sequence = function._sequence_nr() if function is not None else -1
            if since <= sequence < _NO_SEQUENCE and sequence not in inside:
                inside[sequence] = function
                roots.extend(following for following, _ in function.next_functions)
        for sequence in sorted(inside):  # operands are older than what is computed from them
            values = made.get(sequence)
            if values is not None and self.watched.isdisjoint(values):
                self.watched.update(values)
                self._hook(inside[sequence], 0, values, base)
            else:
                guard_below(inside[sequence], sequence)
                self._tape.grad_fns[sequence + base] = inside[sequence].name()

    def release(self, leaf: torch.Tensor) -> None:
        """Holds no reference to a leaf any more; its hook stays."""
        self._leaves.pop(id(leaf), None)

    def remove(self) -> None:
        """Takes every hook off."""
        while self._handles:
            self._handles.pop().remove()
        while self._arrivals:
            self._arrivals.pop().remove()
        self._leaves.clear()
        self.watched.clear()

    def forget(self, kept: Collection[int]) -> None:
        """Lets go of values that were forgotten, and of hooks that died."""
        self.watched.intersection_update(kept)
        self._arrivals = [each for each in self._arrivals if each.hooks is not None and each.hooks() is not None]
        self._handles = [handle for handle in self._handles if handle.hooks_dict_ref() is not None]

    def note(self, value: int, grad: torch.Tensor) -> None:
        """Notes that the gradient of a value arrived."""
        if not self._backend.recording.recording:
            return
        found = self._table.find(grad)  # most gradients are what a kernel has just made
        if found is None:
            found = self._table.add(grad, unseen=True)
        self._tape.events.append((GRADIENT, value, found))


def _outputs_by_sequence(
    events: Sequence[tuple[Any, ...]], since: int, until: int, base: int
) -> dict[int, tuple[int, ...]]:
    """What the kernel of each autograd function made in a call, by sequence number.

    For a function that ran no kernel of its own, it is what the last kernel made.
    """
    made: dict[int, tuple[int, ...]] = {}
    last, outputs = since + base, ()
    for event in events:
        if event[0] == KERNEL and event[5] == "forward" and since <= event[4] - base <= until:  # of this thread
            sequence, outputs = event[4], event[7]
            if sequence > last:
                made[sequence - 1 - base] = outputs
                last = sequence
    for sequence in range(since, until):
        made.setdefault(sequence, outputs)
    return made


# Torch refuses both for a view that was made under no_grad and whose base was written in place since.


def _grad_fn(tensor: torch.Tensor) -> Any:
    try:
        return tensor.grad_fn
    except RuntimeError:
        return None


def _is_leaf(tensor: torch.Tensor) -> bool:
    try:
        return tensor.is_leaf
    except RuntimeError:
        return False
