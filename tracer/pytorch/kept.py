"""What autograd keeps for a backward that has not run, found at the end of a pass in the graph behind its results."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch

from tracer.pytorch import saved
from tracer.pytorch.backward_graph import Heights, walk
from tracer.pytorch.tape import KEPT
from tracer.pytorch.tensors import shape_of, tensors_in

if TYPE_CHECKING:
    from tracer.pytorch.capture import TorchBackend


def note(backend: TorchBackend, results: Iterable[torch.Tensor]) -> None:
    """Notes what autograd keeps for the backward from `results`.

    Where the program has its own say in what is kept (`saved_tensors_hooks`, checkpoints), nothing is noted: to ask
    would run its code.
    """
    if backend.backward.hooked:
        return
    heights: Heights = {}
    lane, table = backend.lane(), backend.table
    for result in results:
        if result.grad_fn is None:
            continue
        for step, function, _ in walk(result.grad_fn, heights):
            if step == "enter":
                held = [kept for _, kept in saved.attributes(function)]
                tensors = list(tensors_in((held, saved.tensors(function))))
                facts = [(table.find(tensor), shape_of(tensor), tensor.dtype) for tensor in tensors]
                backend.tape.events.append((KEPT, backend.sequence_of(function, lane), facts))
