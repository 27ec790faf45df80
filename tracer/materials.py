"""What a run was computed from, besides its own results: what it takes to run its graph again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Window:
    """A tensor by the memory of another one that it is a window on.

    Attributes:
        of: Id of a value on the same memory.
        size: Its sizes.
        stride: Steps from element to element, in elements, for each dimension.
        offset: Where it begins on the storage, in elements.
    """

    of: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int


@dataclass
class Materials:
    """What a run was computed from, besides its own results; kept by `record(keep=True)`.

    Attributes:
        values: Copies of the tensors that no node made (inputs, parameters, buffers, constants), by value id, as they
            were when they were first met.
        windows: Instead of a copy, for those that lie on the memory of another value, by value id.
        states: States of the random generator before each kernel that draws from one, by node id.
    """

    values: dict[int, Any] = field(default_factory=dict)
    windows: dict[int, Window] = field(default_factory=dict)
    states: dict[int, Any] = field(default_factory=dict)
