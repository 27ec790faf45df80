"""Statistics of every gradient as it arrives: hooks on leaf tensors and on the autograd nodes of results.

A hook before an autograd node sees the gradients of that node's results, summed over all their uses and after any
hook of the author's, and does not change them.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from tracer.builder import NodeDraft, ValueDraft
from tracer.pytorch.backward_graph import guard
from tracer.pytorch.stats import stats

if TYPE_CHECKING:
    from tracer.pytorch.capture import TorchBackend

_NO_SEQUENCE = 2**63  # AccumulateGrad nodes have a number above it, and belong to no kernel


class Gradients:
    """The gradient hooks of one recording."""

    def __init__(self, backend: TorchBackend) -> None:
        self._backend = backend
        self._handles: list[Any] = []
        self.watched: set[int] = set()
        self._leaves: dict[int, tuple[weakref.ref[torch.Tensor], list[int]]] = {}
        self._heights: dict[int, int] = {}

    def watch(self, tensor: torch.Tensor, draft: ValueDraft) -> bool:
        """Notes the gradient of `tensor`, a leaf or a result, for `draft` whenever it arrives; tells whether a leaf."""
        self.watched.add(draft.id)
        with torch._C.DisableTorchFunction():
            node = _grad_fn(tensor)
            if node is not None:
                self._handles.append(node.register_prehook(self._at(tensor.output_nr, draft.id)))
                return False
            if not _is_leaf(tensor):
                return False
            self._watch_leaf(tensor, draft)
            return True

    def _watch_leaf(self, leaf: torch.Tensor, draft: ValueDraft) -> None:
        """A leaf lives through many passes, each of which may know it as another version: one hook serves them all."""
        known = self._leaves.get(id(leaf))
        if known is not None and known[0]() is leaf:
            known[1][0] = draft.id
            return
        current = [draft.id]
        self._leaves[id(leaf)] = (weakref.ref(leaf), current)
        self._handles.append(leaf.register_hook(self._on(current)))  # type: ignore[no-untyped-call]

    def watch_inside(self, results: Sequence[torch.Tensor], since: int, kernels: Mapping[int, NodeDraft]) -> None:
        """Notes the gradients of what was computed on the way to `results` inside one call.

        Args:
            results: What the call returned; they are watched themselves already.
            since: Sequence number when the call began; older autograd nodes are not its own.
            kernels: The kernel that each autograd node was made for, by sequence number.
        """
        with torch._C.DisableTorchFunction():
            roots: list[Any] = [node for tensor in results if (node := _grad_fn(tensor)) is not None]
            inside: dict[int, Any] = {}
            while roots:
                node = roots.pop()
                sequence = node._sequence_nr() if node is not None else -1
                if since <= sequence < _NO_SEQUENCE and sequence not in inside:
                    inside[sequence] = node
                    roots.extend(following for following, _ in node.next_functions)
            for sequence in sorted(inside):  # operands are older than what is computed from them
                self._guard(sequence, inside[sequence])
                kernel = kernels.get(sequence)
                if kernel is None:
                    continue
                kernel.attrs = {**kernel.attrs, "grad_fn": inside[sequence].name().split("::")[-1]}
                if self.watched.isdisjoint(kernel.outputs):
                    self.watched.update(kernel.outputs)
                    self._handles.append(inside[sequence].register_prehook(self._all(kernel.outputs)))

    def _guard(self, sequence: int, node: Any) -> None:
        """Keeps a graph that was looked at from being freed in one recursion; see `backward_graph`."""
        edges = [edge for edge, _ in node.next_functions if edge is not None]
        height = guard(node, [(edge, self._heights.get(edge._sequence_nr(), 0)) for edge in edges])
        self._heights[sequence] = height

    def remove(self) -> None:
        """Takes every hook off."""
        while self._handles:
            self._handles.pop().remove()
        self._leaves.clear()
        self.watched.clear()

    def forget(self, values: Container[int], since: int) -> None:
        """Lets go of values that were forgotten, of autograd nodes older than `since`, and of hooks that died."""
        self.watched = {value for value in self.watched if value in values}
        self._heights = {sequence: height for sequence, height in self._heights.items() if sequence >= since}
        self._handles = [handle for handle in self._handles if handle.hooks_dict_ref() is not None]

    def note(self, value: int, grad: torch.Tensor | None) -> None:
        """Keeps the statistics of a gradient that arrived."""
        if grad is None or not self._backend.recording.recording:
            return
        draft = self._backend.table.find(grad)  # most gradients are what a kernel has just made
        found, made = (stats(grad), None) if draft is None else (draft.data, draft.id)
        if found is not None or made is not None:
            self._backend.recording.gradient(value, found, made)

    def _at(self, index: int, value: int) -> Callable[[tuple[torch.Tensor | None, ...]], None]:
        def hook(grads: tuple[torch.Tensor | None, ...]) -> None:
            if index < len(grads):
                self.note(value, grads[index])

        return hook

    def _on(self, current: list[int]) -> Callable[[torch.Tensor], None]:
        def hook(grad: torch.Tensor) -> None:
            self.note(current[0], grad)

        return hook

    def _all(self, values: Sequence[int]) -> Callable[[tuple[torch.Tensor | None, ...]], None]:
        def hook(grads: tuple[torch.Tensor | None, ...]) -> None:
            for value, grad in zip(values, grads):
                self.note(value, grad)

        return hook


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
