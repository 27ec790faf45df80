"""Names for values: a parameter's by its module, an input's by the variable that holds it, a result's by assignment."""

from __future__ import annotations

from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING

import torch

from tracer import names
from tracer.builder import ValueDraft
from tracer.pytorch.frames import author_frame, is_author

if TYPE_CHECKING:
    from tracer.pytorch.calls import Call
    from tracer.pytorch.capture import TorchBackend


class Namer:
    """Names the values of one recording; the first name a value gets stays."""

    def __init__(self, backend: TorchBackend) -> None:
        self._backend = backend
        self.results = names.Results(is_author)

    def name_unknown(self, call: Call) -> None:
        """Names the values that came into the graph with a call."""
        for draft, tensor in call.unknown:
            if draft.name is None:
                draft.name = self._name_of(tensor, call.frame)

    def _name_of(self, tensor: torch.Tensor, frame: FrameType | None) -> str | None:
        return self._backend.modules.tensor_name(tensor) or names.variable(frame, tensor, is_author)

    def name_outsider(self, draft: ValueDraft) -> None:
        """Names a tensor made outside of any call that torch tells of (`torch.from_numpy`)."""
        draft.kind = "input"
        frame, _, loading = author_frame(1)
        if frame is not None and not loading:
            self.results.assign(frame, [draft])

    def name_results(self, call: Call, drafts: Sequence[ValueDraft]) -> None:
        """Names what a call returned after the variables that the author assigns it to."""
        frame = call.frame
        if frame is None or not drafts:
            return
        key = (id(frame), frame.f_lasti)
        if self._backend.modules.entered_at(key):
            return  # the variable holds what the module returns, which may not be this
        called = names.site(frame).called
        direct = called == getattr(call.func, "__name__", None) or (called is None and call.direct)
        self.results.assign(frame, drafts, None if direct else key)
