"""Which value of the graph a live tensor is: identity, in-place versions and shared storage, without keeping it alive.

`id(tensor)` alone is no identity, since an address is used again as soon as a tensor dies: every entry holds a weak
reference that must still answer with the very tensor. A tensor that is written in place, itself or through a view of
it, becomes a new version at its next use: where anything was written since the last one, its storage is looked up
among those that were.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import sys
import weakref
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.multiprocessing.reductions import StorageWeakRef

from tracer.pytorch.numbers import Numbers
from tracer.pytorch.tape import VERSION, Facts, Tape

if TYPE_CHECKING:
    from tracer.pytorch.materials import Keeper

DTYPES: Final = {
    dtype: str(dtype).removeprefix("torch.") for dtype in vars(torch).values() if isinstance(dtype, torch.dtype)
}
_shapes: dict[tuple[int, ...], tuple[int, ...]] = {}  # one tuple for each, however many tensors have it
_devices: dict[torch.device, str] = {}
_facts: defaultdict[torch.dtype, dict[tuple[int, ...], Facts]] = defaultdict(dict)  # of ordinary tensors on the CPU
_meta_facts: defaultdict[torch.dtype, dict[tuple[int, ...], Facts]] = defaultdict(dict)  # of those without memory
_ORDINARY: Final = (torch.Tensor, torch.nn.Parameter)
_MAX_DEPTH: Final = 6  # levels of nesting in which tensors are looked for
# Types of arguments that neither are nor hold tensors: to ask whether one is a tensor, a mapping or a dataclass takes
# twenty times as long as to look its type up.
ATOMS: Final = frozenset(
    (int, float, bool, complex, str, type(None), slice, type(...), torch.dtype, torch.device, torch.layout,
     torch.memory_format)
)  # fmt: skip


def tensors_in(nest: Any, depth: int = _MAX_DEPTH) -> Iterator[torch.Tensor]:
    """The tensors in nested lists, tuples, dicts and dataclasses, in order, repeats kept."""
    if type(nest) in ATOMS:
        return
    if isinstance(nest, torch.Tensor):
        yield nest
    elif depth and isinstance(nest, (list, tuple, set, frozenset)):
        for item in nest:
            if type(item) not in ATOMS:
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
        return tensor.untyped_storage()._cdata  # type: ignore[no-any-return]
    except (RuntimeError, NotImplementedError):
        return None


class TensorTable:
    """Live tensors -> values of a `Tape`.

    Attributes:
        entries: By `id` of the tensor: a weak reference to it, its value, and how many writes there had been, to
            whatever storage, when the two were bound.
        writes: How many there have been.
        unlooked: Values whose numbers are looked at only when a kernel reads them.
    """

    def __init__(self, tape: Tape, numbers: Numbers, keeper: Keeper) -> None:
        self._tape = tape
        self._keeper = keeper
        self._numbers = numbers
        self.entries = keeper.entries()
        self.writes = 0
        self.unlooked: set[int] = set()
        # By storage, each write: its number, its first byte, the one after, its kernel.
        self._written: dict[int, list[tuple[int, int, int, int]]] = {}
        # Storages whose memory nobody has filled. Torch gives no other storage the place of one that is weakly held.
        self._unfilled: dict[int, StorageWeakRef] = {}

    def find(self, tensor: torch.Tensor) -> int | None:
        """The value of a tensor in its present version; None for a tensor that was not seen."""
        entry = self.entries.get(id(tensor))
        if entry is None:
            return None
        reference, value, count = entry
        if reference() is not tensor:
            return None
        if count != self.writes:
            writer = self._writer_since(tensor, count)
            if writer is not None:
                return self._next_version(tensor, value, writer)
            self.entries[id(tensor)] = (reference, value, self.writes)
        return value

    def _writer_since(self, tensor: torch.Tensor, count: int) -> int | None:
        """The last kernel that wrote where a tensor lies, after the first `count` writes."""
        key = storage_key(tensor)
        writes = self._written.get(key) if key is not None else None
        if not writes or writes[-1][0] <= count:
            return None
        first, end = _span(tensor)
        since = itertools.takewhile(lambda write: write[0] > count, reversed(writes))
        return next((kernel for _, start, stop, kernel in since if start < end and first < stop), None)

    def _next_version(self, tensor: torch.Tensor, old: int, writer: int) -> int:
        """A tensor whose memory was written through another one: that write made its present version."""
        value = self.add(tensor, version_of=old)
        self._tape.events.append((VERSION, value, writer))
        return value

    def bind(self, tensor: torch.Tensor, value: int) -> None:
        """Says that `tensor` is `value` from now on."""
        self.entries[id(tensor)] = (weakref.ref(tensor), value, self.writes)

    def release(self, tensor: torch.Tensor) -> int | None:
        """Forgets a tensor; gives the value it was."""
        value = self.find(tensor)
        self.entries.pop(id(tensor), None)
        return value

    def wrote(self, tensor: torch.Tensor, kernel: int) -> None:
        """Notes that a kernel wrote the memory of `tensor`: every other tensor that lies there has a new version."""
        key = storage_key(tensor)
        if key is not None:
            self._unfilled.pop(key, None)
            self.writes += 1
            self._written.setdefault(key, []).append((self.writes, *_span(tensor), kernel))

    def add(
        self,
        tensor: torch.Tensor,
        *,
        view_of: int | None = None,
        version_of: int | None = None,
        copy_of: int | None = None,
        filled: bool | None = None,
        unseen: bool = False,
        later: bool = False,
    ) -> int:
        """A new value for a tensor, with its facts, and binds the two.

        Args:
            tensor: The tensor.
            view_of: As for `tracer.graph.Value`.
            version_of: As for `tracer.graph.Value`.
            copy_of: A value with the very same elements.
            filled: Whether its memory holds numbers yet: what an `empty` left there differs from run to run. None for
                a tensor on memory that is known already (a view, a parameter made of a tensor).
            unseen: Whether no kernel made it.
            later: Whether to look at its numbers only when a kernel reads it.
        """
        tape = self._tape
        value = tape.new_id()
        facts = tape.facts[value] = facts_of(tensor)
        if version_of is not None:
            tape.version_of[value] = version_of
            view_of = tape.view_of.get(version_of)
        if view_of is not None:
            tape.view_of[value] = view_of
        if later:
            self.unlooked.add(value)
        elif self._is_filled(tensor, filled):
            self._look(value, tensor, facts, copy_of if version_of is not None or view_of is None else view_of)
        if unseen:
            self._keeper.value(value, tensor)
        self.bind(tensor, value)
        return value

    def look_at_last(self, tensors: Iterable[Any]) -> None:
        """Looks at those of `tensors` that wait for it; a kernel is about to read, and perhaps to write them."""
        for tensor in tensors:
            value = self.find(tensor) if isinstance(tensor, torch.Tensor) else None
            if value in self.unlooked:
                self.unlooked.remove(value)
                self._numbers.take(value, tensor, facts_of(tensor))

    def look_at_alike(self, value: int, tensor: torch.Tensor, facts: Facts, other: int) -> None:
        """Notes the numbers of a view or copy of `other`."""
        if not self._unfilled or storage_key(tensor) not in self._unfilled:
            self._look(value, tensor, facts, other)

    def _look(self, value: int, tensor: torch.Tensor, facts: Facts, alike: int | None) -> None:
        if alike is not None and self._shows_the_same(tensor, facts, alike):
            self._numbers.share(value, alike)
        else:
            self._numbers.take(value, tensor, facts)

    def _is_filled(self, tensor: torch.Tensor, filled: bool | None) -> bool:
        if filled is not False and not self._unfilled:
            return True
        key = storage_key(tensor)
        if filled is None or key is None:
            return filled is not False and key not in self._unfilled
        if filled:
            self._unfilled.pop(key, None)
        else:
            self._unfilled[key] = StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
        return filled

    def _shows_the_same(self, view: torch.Tensor, facts: Facts, base: int) -> bool:
        """Whether a view or a copy holds all elements of its base in another shape or order, so that they are alike."""
        shape, dtype, *_ = self._tape.facts[base]
        count = math.prod(shape)
        if count <= self._numbers.kept or facts[1] != dtype or math.prod(facts[0]) != count:
            return False
        try:
            return 0 not in view.stride()
        except RuntimeError:  # one without strides
            return False

    def compact(self) -> set[int]:
        """Forgets dead tensors and storages; gives the values of the tensors alive."""
        for key in [key for key, each in self._unfilled.items() if each.expired()]:  # type: ignore[no-untyped-call]
            del self._unfilled[key]
        for key in [key for key, entry in self.entries.items() if entry[0]() is None]:
            del self.entries[key]
        return {entry[1] for entry in self.entries.values()}

    def clear(self) -> None:
        """Forgets everything."""
        self.entries.clear()
        self._written.clear()
        self._unfilled.clear()
        self.unlooked.clear()


def _span(tensor: torch.Tensor) -> tuple[int, int]:
    """The bytes of its storage from the first to the last element of a tensor, and what lies between."""
    try:
        size = tensor.element_size()
        first = int(tensor.storage_offset()) * size
        if tensor.numel() == 0:
            return first, first
        reach = sum((count - 1) * stride for count, stride in zip(tensor.shape, tensor.stride()))
        return first, first + int(reach + 1) * size
    except (RuntimeError, NotImplementedError):
        return 0, sys.maxsize


def facts_of(tensor: torch.Tensor) -> Facts:
    """What a tape notes of a tensor; one tuple for all ordinary ones that are alike, on the CPU or without memory."""
    known = None
    if type(tensor) in _ORDINARY:
        known = _facts if tensor.is_cpu else _meta_facts if tensor.is_meta else None
    if known is None:
        return shape_of(tensor), tensor.dtype, device_of(tensor), 0
    try:
        shape, alike = tensor.shape, known[tensor.dtype]
        return alike.get(shape) or alike.setdefault(tuple(shape), _new_facts(tensor))
    except TypeError:  # symbolic sizes, as `shape_of` has them
        return shape_of(tensor), tensor.dtype, device_of(tensor), 0
    except RuntimeError:
        return _new_facts(tensor)


def _new_facts(tensor: torch.Tensor) -> Facts:
    return shape_of(tensor), tensor.dtype, device_of(tensor), tensor.numel() if tensor.is_cpu else 0


def device_of(tensor: torch.Tensor) -> str:
    """The device of a tensor as torch spells it, `cuda:0`."""
    device = tensor.device
    return _devices.get(device) or _devices.setdefault(device, str(device))


def shape_of(tensor: torch.Tensor) -> tuple[int, ...]:
    """Sizes, with -1 for one that is no plain number (ragged, symbolic); `()` where torch has none to tell."""
    try:
        shape = tensor.shape
        return _shapes.get(shape) or _shapes.setdefault(shape, tuple(map(_size, shape)))
    except TypeError:  # symbolic sizes cannot be looked up
        return tuple(map(_size, tensor.shape))
    except RuntimeError:  # a nested tensor, or a parameter of a lazy module before its first call
        return ()


def _size(size: Any) -> int:
    if type(size) is int:
        return size
    try:
        return int(size)
    except (TypeError, ValueError, AttributeError, RuntimeError):
        return -1
