"""How long each kernel takes: a mode below the one that records, entered only where times were asked for -> seconds."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from time import perf_counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tracer.pytorch.places import caller
from tracer.pytorch.tensors import tensors_in


class Clock(TorchDispatchMode):
    """Times kernels, from where our own mode hands them on until they return.

    So our own work is left out, but what torch does to start a kernel is in it: some microseconds. Work on another
    device is waited for, so that the program runs step by step: that takes it longer as a whole, but no kernel.

    Attributes:
        seconds: What each kernel took, by its id.
    """

    def __init__(self, new_id: Callable[[], int], seconds: dict[int, float]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seconds = seconds
        self._new_id = new_id
        self._local = threading.local()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """As for `KernelMode`."""
        return False

    def new_id(self) -> int:
        """The next id; `KernelMode` asks for that of a kernel just before it runs it, which tells the two together."""
        self._local.last = number = self._new_id()
        return number

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs a kernel with a watch."""
        number, self._local.last = getattr(self._local, "last", None), None
        as_author = caller(sys._getframe(1))
        away = any(tensor.device.type not in ("cpu", "meta") for tensor in tensors_in((args, kwargs or {}), 4))
        if away:
            torch.accelerator.synchronize()
        start = perf_counter()
        result = as_author(func, args, kwargs or {})
        if away or any(tensor.device.type not in ("cpu", "meta") for tensor in tensors_in(result, 2)):
            torch.accelerator.synchronize()
        if number is not None:
            self.seconds[number] = perf_counter() - start
        return result
