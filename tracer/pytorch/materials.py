"""What a recorded run was computed from, kept while it runs: tensors from outside, and states of random generators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from tracer.pytorch.internals import natively
from tracer.pytorch.tensors import storage_key
from tracer.recording import Materials


class Copier:
    """Copies tensors, whole storages at a time: what shares memory among the originals shares it among the copies."""

    def __init__(self) -> None:
        self._storages: dict[int, tuple[Any, Any]] = {}

    def __call__(self, tensor: torch.Tensor) -> torch.Tensor:
        """A copy of a tensor; of one whose memory was copied before, a view of that copy."""
        key = storage_key(tensor)
        if key is None or tensor.is_quantized or type(tensor) not in (torch.Tensor, torch.nn.Parameter):
            return tensor.detach().clone()
        original, copied = self._storages.get(key, (None, None))
        if copied is None:
            original = tensor.untyped_storage()  # held, for its address would be given to another
            copied = original.clone()  # type: ignore[no-untyped-call]
            self._storages[key] = original, copied
        empty = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
        copy = empty.set_(copied, tensor.storage_offset(), tensor.size(), tensor.stride())
        copy = torch._conj(copy) if tensor.is_conj() else copy
        return torch._neg_view(copy) if tensor.is_neg() else copy


class Keeper:
    """Puts copies of what comes from outside into `Materials`.

    Args:
        materials: Where to put the copies; None to keep nothing.
    """

    def __init__(self, materials: Materials | None) -> None:
        self._materials = materials
        self._copy = Copier()

    def value(self, value: int, tensor: torch.Tensor) -> None:
        """Keeps a tensor that no node makes, as it is now."""
        if self._materials is not None and value not in self._materials.values:
            with natively():
                self._materials.values[value] = self._copy(tensor)

    def state(self, node: int, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Keeps the state of the generator that a kernel is about to draw from."""
        if self._materials is None or torch.Tag.nondeterministic_seeded not in getattr(func, "tags", ()):
            return
        given = next((each for each in (*args, *kwargs.values()) if isinstance(each, torch.Generator)), None)
        with natively():
            self._materials.states[node] = (given or torch.default_generator).get_state()
