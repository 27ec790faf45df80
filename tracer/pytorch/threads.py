"""Threads that a recorded program starts are recorded too: modes are a thread's own, so each must enter them."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from concurrent.futures import thread as pools
from typing import TYPE_CHECKING, Any, Final

from tracer.pytorch.frames import is_servant
from tracer.pytorch.patches import Patches

if TYPE_CHECKING:
    from types import FrameType

    from tracer.pytorch.capture import TorchBackend

_POOLS: Final[Any] = pools


class ThreadWatch:
    """Sees to the threads of one recording.

    A thread is recorded from its beginning to its end, a worker of a pool during each piece of its work. Threads that
    were running before, those that serve data loaders and processes, and those that are not Python's are not recorded.
    """

    def __init__(self, backend: TorchBackend) -> None:
        self._backend = backend
        self._patches = Patches()

    def install(self) -> None:
        """Patches what starts a thread, and what runs a piece of work in a pool."""
        self._patches.put(threading.Thread, "start", self._start(threading.Thread.start))
        self._patches.put(_POOLS._WorkItem, "run", self._work(_POOLS._WorkItem.run))

    def remove(self) -> None:
        """Undoes `install`; threads still under way record nothing more."""
        self._patches.undo()

    def _wanted(self, starter: FrameType) -> bool:
        """Whether what this thread starts is part of the recorded program."""
        lane = self._backend.lane_here()
        return bool(self._patches) and lane is not None and not lane.off and not is_servant(starter.f_code)

    def _start(self, real: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(real)
        def start(thread: threading.Thread) -> None:
            if self._wanted(sys._getframe(1)) and getattr(thread, "_target", None) is not _POOLS._worker:
                vars(thread)["run"] = functools.partial(self._run, thread, thread.run)
            real(thread)

        return start

    def _run(self, thread: threading.Thread, run: Callable[[], None]) -> None:
        vars(thread).pop("run", None)
        with self._backend.thread():
            run()

    def _work(self, real: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(real)
        def run(item: Any) -> None:
            if not self._patches or not self._backend.recording.recording or self._backend.lane_here() is not None:
                real(item)
                return
            with self._backend.thread():
                real(item)

        return run
