"""Which gradient arrived where: hooks on leaf tensors and on the autograd functions of results -> a `Tape`.

A hook before an autograd function sees the gradients of that function's results, summed over all their uses and after
any hook of the author's, and does not change them.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import torch

from tracer.pytorch.backward_graph import guard_below
from tracer.pytorch.internals import Hooks
from tracer.pytorch.tape import GRADIENT, KERNEL

if TYPE_CHECKING:
    from tracer.pytorch.capture import TorchBackend

_NO_SEQUENCE: Final = 2**63  # AccumulateGrad functions have a number above it, and belong to no kernel


def register_quickly(real: Callable[..., Any]) -> Any:
    """Torch's way to add a hook to an autograd function; quick for ours, which come in the dict they are to stand in.

    Where torch returns a handle, those get the dict that they stand in now: to make a handle takes three times as long.
    """

    @functools.wraps(real)
    def register(hooks: Any, hook: Any) -> Any:
        if type(hook) is not Hooks:
            return real(hooks, hook)
        if hooks is None:
            return hook, hook
        hooks.update(hook)
        return hooks, hooks

    return staticmethod(register)


class Gradients:
    """The gradient hooks of one recording; they are partial calls, for torch calls such without a step in between.

    Attributes:
        watched: Values whose gradients will be noted.
    """

    def __init__(self, backend: TorchBackend) -> None:
        self._backend = backend
        self._table = backend.table
        self._tape = backend.tape
        self.watched: set[int] = set()
        self._arrive, self._arrive_all = self._arrived, self._all_arrived  # bound once
        self._hooks: list[weakref.ref[Hooks]] = []  # dicts in which there are hooks of ours, each its own key
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
            self._hook(function, partial(self._arrive, tensor.output_nr, value), base)
            return False
        if not _is_leaf(tensor):
            return False
        self._watch_leaf(tensor, value)
        return True

    def _hook(self, function: Any, hook: Any, base: int) -> None:
        hooks = Hooks()
        hooks[hook] = hook
        self._hooks.append(weakref.ref(function.register_prehook(hooks)))
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
                self._hook(inside[sequence], partial(self._arrive_all, values), base)
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
        ours = self._arrive, self._arrive_all
        while self._hooks:
            hooks = self._hooks.pop()()
            if hooks is not None:  # a function that has died took them along
                for hook in [hook for hook in hooks if type(hook) is partial and hook.func in ours]:
                    del hooks[hook]
        self._leaves.clear()
        self.watched.clear()

    def forget(self, kept: Collection[int]) -> None:
        """Lets go of values that were forgotten, and of hooks that died."""
        self.watched.intersection_update(kept)
        self._hooks = [each for each in self._hooks if each() is not None]
        self._handles = [handle for handle in self._handles if handle.hooks_dict_ref() is not None]

    def _arrived(self, index: int, value: int, grads: tuple[torch.Tensor | None, ...]) -> None:
        """What torch calls before a function, the result number `index` of which is `value`."""
        grad = grads[index]
        if grad is not None:
            self.note(value, grad)

    def _all_arrived(self, values: Sequence[int], grads: tuple[torch.Tensor | None, ...]) -> None:
        """What torch calls before a function of which several results are known."""
        for value, grad in zip(values, grads):
            if grad is not None:
                self.note(value, grad)

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
