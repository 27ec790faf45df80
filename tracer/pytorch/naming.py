"""Names that must be found while the program runs: those of the variables that hold tensors from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tracer import names
from tracer.pytorch.frames import author_frame, is_author
from tracer.pytorch.tape import NAMED, NAMES

if TYPE_CHECKING:
    from types import FrameType

    from tracer.pytorch.capture import TorchBackend


class Namer:
    """Names the sources of one recording, and says what results go to; the first name a value gets stays.

    Attributes:
        nameless: Values from outside for which no name was found yet; the next call that is given one looks again.
    """

    def __init__(self, backend: TorchBackend) -> None:
        self._backend = backend
        self.nameless: set[int] = set()

    def name_source(self, value: int, tensor: torch.Tensor) -> None:
        """Names a value from outside after its module or the variable that holds it; asked once for each."""
        self.nameless.discard(value)
        call = self._backend.lane().call
        name = self._backend.modules.tensor_name(tensor)
        if name is None:
            name = names.variable(call.frame if call is not None else None, tensor, is_author)
        if name is not None:
            self._backend.tape.events.append((NAMED, value, name))

    def name_outsider(self, value: int) -> None:
        """Names a tensor made outside of any call that torch tells of (`torch.from_numpy`)."""
        self._backend.tape.kinds[value] = "input"
        frame, _, loading = author_frame(1)
        if frame is not None and not loading:
            self.assign(frame, [value])

    def assign(self, frame: FrameType, values: list[int]) -> None:
        """Says that values go to what the expression that `frame` is at is assigned to."""
        self._backend.tape.events.append((NAMES, values, (*names.targets(frame, is_author), None)))
