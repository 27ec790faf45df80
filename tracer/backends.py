"""Backends: what records one framework each, and the table of those there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from tracer.recording import Recording

# Framework -> module and class that records it. A backend is one entry here; it is loaded when the framework is, so
# that a program pays for no framework it does not use. Our own engine costs nothing, and is loaded at once.
BACKENDS: Final[Mapping[str, tuple[str, str]]] = {
    "tracer.scalar": ("tracer.scalar_backend", "ScalarBackend"),
    "torch": ("tracer.pytorch.capture", "TorchBackend"),
}


class Backend(Protocol):
    """What records one framework; made when the framework is first imported."""

    def __init__(self, recording: Recording) -> None: ...

    def start(self) -> None:
        """Begins to watch."""

    def stop(self) -> None:
        """Removes every hook, mode and patch. Must not fail when called twice."""

    def pause(self) -> None:
        """Stops recording operations, but goes on counting passes, as cheaply as it can."""

    def resume(self) -> None:
        """Records operations again."""

    def refresh(self) -> None:
        """Recording of operations was switched on or off."""

    def write(self) -> None:
        """Writes into the builder what was held back while the program ran; called once, after `stop`."""

    def forget(self, first: int) -> set[int]:
        """Lets go of what came before the id `first`, so that memory stays bounded; gives the scopes still in use."""

    def introduce(self, name: str, nest: Any) -> None:
        """Names what a nest of containers holds after the argument it is passed as."""

    def known(self, nest: Any) -> list[int]:
        """Ids of the values that a nest of containers holds, in order, without repeats."""
