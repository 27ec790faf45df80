"""Which value of the graph a live tensor is: identity, in-place versions and shared storage, without keeping it alive.

`id(tensor)` alone is no identity, since an address is used again as soon as a tensor dies: every entry holds a weak
reference that must still answer with the very tensor. A tensor that is written in place, itself or through a view of
it, becomes a new version at its next use; for that, writes are counted per storage.
"""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import torch

from tracer.builder import Builder, NodeDraft, ValueDraft
from tracer.graph import Stats, ValueKind
from tracer.pytorch.stats import stats

if TYPE_CHECKING:
    from tracer.pytorch.materials import Keeper

DTYPES: Final = {
    dtype: str(dtype).removeprefix("torch.") for dtype in vars(torch).values() if isinstance(dtype, torch.dtype)
}
_MAX_DEPTH: Final = 6  # levels of nesting in which tensors are looked for


def tensors_in(nest: Any, depth: int = _MAX_DEPTH) -> Iterator[torch.Tensor]:
    """The tensors in nested lists, tuples, dicts and dataclasses, in order, repeats kept."""
    if isinstance(nest, torch.Tensor):
        yield nest
    elif depth and isinstance(nest, (list, tuple, set, frozenset)):
        for item in nest:
            yield from tensors_in(item, depth - 1)
    elif depth and isinstance(nest, Mapping):
        for item in nest.values():
            yield from tensors_in(item, depth - 1)
    elif depth and dataclasses.is_dataclass(nest) and not isinstance(nest, type):
        for each in dataclasses.fields(nest):
            yield from tensors_in(getattr(nest, each.name, None), depth - 1)


def storage_key(tensor: torch.Tensor) -> int | None:
    """Address of the storage a tensor and its views share; None where there is none (sparse, some subclasses)."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except (RuntimeError, NotImplementedError):
        return None


class TensorTable:
    """Live tensors -> values of a `Builder`."""

    def __init__(self, builder: Builder, keeper: Keeper) -> None:
        self._builder = builder
        self._keeper = keeper
        self._entries: dict[int, tuple[weakref.ref[torch.Tensor], ValueDraft, int, int | None]] = {}
        self._writes: dict[int, tuple[int, NodeDraft | None]] = {}
        self._unfilled: set[int] = set()

    def find(self, tensor: torch.Tensor) -> ValueDraft | None:
        """The value of a tensor in its present version; None for a tensor that was not seen."""
        entry = self._entries.get(id(tensor))
        if entry is None:
            return None
        reference, draft, count, key = entry
        held = reference()
        if held is not tensor and not (held is None and key is not None and self._same(tensor, draft, key)):
            return None
        self._builder.values.setdefault(draft.id, draft)  # may have been forgotten with an earlier pass
        if self._writes and key is not None:
            written, writer = self._writes.get(key, (0, None))
            if written != count:
                return self._next_version(tensor, draft, writer)
        return draft

    def _same(self, tensor: torch.Tensor, draft: ValueDraft, key: int) -> bool:
        """Whether a tensor whose reference died is the old one: torch gave it a new Python object at the same place."""
        return storage_key(tensor) == key and _shape(tensor) == draft.shape

    def _next_version(self, tensor: torch.Tensor, old: ValueDraft, writer: NodeDraft | None) -> ValueDraft:
        """A tensor whose memory was written through another one: that write made its present version."""
        draft = self.add(tensor, kind="result", name=old.name, version_of=old.id, view_of=old.view_of)
        if writer is not None:
            writer.outputs = (*writer.outputs, draft.id)
            if old.id not in writer.inputs:
                writer.inputs = (*writer.inputs, old.id)
        else:
            draft.kind = "input"
            self._keeper.value(draft, tensor)
        return draft

    def bind(self, tensor: torch.Tensor, draft: ValueDraft) -> None:
        """Says that `tensor` is `draft` from now on."""
        key = storage_key(tensor)
        count = self._writes.get(key, (0, None))[0] if self._writes and key is not None else 0
        self._entries[id(tensor)] = (weakref.ref(tensor), draft, count, key)

    def wrote(self, tensor: torch.Tensor, node: NodeDraft) -> None:
        """Notes that `node` wrote the memory of `tensor`: every other tensor on it has a new version."""
        key = storage_key(tensor)
        if key is not None:
            self._unfilled.discard(key)
            self._writes[key] = (self._writes.get(key, (0, None))[0] + 1, node)

    def add(
        self,
        tensor: torch.Tensor,
        *,
        kind: ValueKind,
        name: str | None = None,
        view_of: int | None = None,
        version_of: int | None = None,
        data: Stats | None = None,
        filled: bool | None = None,
    ) -> ValueDraft:
        """A new value for a tensor, with its facts, and binds the two.

        Args:
            tensor: The tensor.
            kind: As for `tracer.graph.Value`.
            name: As for `tracer.graph.Value`.
            view_of: As for `tracer.graph.Value`.
            version_of: As for `tracer.graph.Value`.
            data: Statistics, where they are known already.
            filled: Whether its memory holds numbers yet: what an `empty` left there differs from run to run. None for
                a tensor on memory that is known already (a view, a parameter made of a tensor).
        """
        filled = self._is_filled(tensor, filled)
        draft = self._builder.value(
            kind=kind,
            shape=_shape(tensor),
            dtype=DTYPES.get(tensor.dtype, str(tensor.dtype)),
            device=str(tensor.device),
            nbytes=_nbytes(tensor),
            name=name,
            data=data or (stats(tensor) if filled else None),
            view_of=view_of,
            version_of=version_of,
        )
        self.bind(tensor, draft)
        return draft

    def _is_filled(self, tensor: torch.Tensor, filled: bool | None) -> bool:
        key = storage_key(tensor)
        if filled is None or key is None:
            return filled is not False and key not in self._unfilled
        if filled:
            self._unfilled.discard(key)
        else:
            self._unfilled.add(key)
        return filled

    def compact(self) -> None:
        """Forgets dead tensors."""
        self._entries = {key: entry for key, entry in self._entries.items() if entry[0]() is not None}

    def clear(self) -> None:
        """Forgets everything."""
        self._entries.clear()
        self._writes.clear()
        self._unfilled.clear()


def _shape(tensor: torch.Tensor) -> tuple[int, ...]:
    """Sizes, with -1 for one that is no plain number (ragged, symbolic); `()` where torch has none to tell."""
    try:
        return tuple([size if type(size) is int else _size(size) for size in tensor.shape])
    except RuntimeError:  # a nested tensor, or a parameter of a lazy module before its first call
        return ()


def _size(size: Any) -> int:
    try:
        return int(size)
    except (TypeError, ValueError, AttributeError, RuntimeError):
        return -1


def _nbytes(tensor: torch.Tensor) -> int:
    try:
        return tensor.numel() * tensor.element_size()
    except (RuntimeError, NotImplementedError):
        return 0
