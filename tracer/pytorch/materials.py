"""What a recorded run was computed from, kept while it runs: tensors from outside, and states of random generators."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch.multiprocessing.reductions import StorageWeakRef

from tracer.materials import Materials, Window
from tracer.pytorch.internals import is_wrapped, natively

_LIFT: Final = torch.ops.aten.lift_fresh.default
_ORDINARY: Final[Any] = torch.Tensor.__torch_dispatch__


Entry = tuple[weakref.ref[torch.Tensor], int, int]  # see `TensorTable`


def copied(tensor: torch.Tensor) -> torch.Tensor:
    """A copy of a tensor with all the memory that it is a view of, should a larger view of it turn up later."""
    if not _is_plain(tensor):
        return tensor.detach().clone()
    storage: Any = tensor.untyped_storage()
    empty = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
    copy = empty.set_(storage.clone(), tensor.storage_offset(), tensor.size(), tensor.stride())
    copy = torch._conj(copy) if tensor.is_conj() else copy
    return torch._neg_view(copy) if tensor.is_neg() else copy


def _is_plain(tensor: torch.Tensor) -> bool:
    """Whether a tensor is a window on a storage and nothing else."""
    ordinary = type(tensor).__torch_dispatch__ is _ORDINARY and tensor.layout is torch.strided
    return ordinary and not tensor.is_quantized


class Keeper:
    """Puts copies of what comes from outside into `Materials`.

    Args:
        materials: Where to put the copies; None to keep nothing.
    """

    def __init__(self, materials: Materials | None) -> None:
        self._materials = materials
        self._owners: dict[int, tuple[StorageWeakRef, int, torch.dtype]] = {}

    def entries(self) -> dict[int, Entry]:
        """A new dict for the entries of a `TensorTable`; one that tells this keeper of each, where it is to keep."""
        return {} if self._materials is None else _Entries(self)

    def bound(self, value: int, tensor: torch.Tensor) -> None:
        """Notes on which storage a value lies."""
        if not is_wrapped(tensor) and _is_plain(tensor):
            with torch._C.DisableTorchFunctionSubclass():
                storage = tensor.untyped_storage()
            reference = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
            self._owners[storage._cdata] = reference, value, tensor.dtype

    def value(self, value: int, tensor: torch.Tensor) -> None:
        """Keeps a tensor that no node makes, as it is now."""
        if self._materials is None or is_wrapped(tensor):  # no kernel reads a wrapper of `torch.func`
            return
        with torch._C.DisableTorchFunctionSubclass():
            owner = self._owner(tensor)
        if owner is not None and owner != value:
            window = Window(owner, tuple(tensor.size()), tensor.stride(), int(tensor.storage_offset()))
            self._materials.windows[value] = window
        else:
            with natively():
                self._materials.values[value] = copied(tensor)

    def _owner(self, tensor: torch.Tensor) -> int | None:
        """The latest value that lies on the storage of a tensor, where the storage is still the same."""
        if not _is_plain(tensor) or tensor.is_conj() or tensor.is_neg():
            return None
        reference, value, dtype = self._owners.get(tensor.untyped_storage()._cdata, (None, None, None))
        alive = reference is not None and not reference.expired()  # type: ignore[no-untyped-call]
        return value if alive and dtype == tensor.dtype else None

    def result(self, value: int, tensor: torch.Tensor, func: Any, args: Sequence[Any]) -> None:
        """Keeps what a kernel made of what is no tensor: numbers of Python's, a storage that was read from a file."""
        if func is _LIFT or any(torch.is_storage(given) for given in args):
            self.value(value, tensor)

    def state(self, node: int, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Keeps the state of the generator that a kernel is about to draw from."""
        if self._materials is None or torch.Tag.nondeterministic_seeded not in getattr(func, "tags", ()):
            return
        given = next((each for each in (*args, *kwargs.values()) if isinstance(each, torch.Generator)), None)
        with natively():
            self._materials.states[node] = (given or torch.default_generator).get_state()


class _Entries(dict[int, Entry]):
    """Entries of a `TensorTable`, of each of which a keeper is told."""

    def __init__(self, keeper: Keeper) -> None:
        super().__init__()
        self._keeper = keeper

    def __setitem__(self, key: int, entry: Entry) -> None:
        super().__setitem__(key, entry)
        tensor = entry[0]()
        if tensor is not None:
            self._keeper.bound(entry[1], tensor)
