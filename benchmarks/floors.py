"""What recording cannot do without, alone: the least that a recorder in Python does, and a look at the numbers.

`least_modes` note for each kernel which tensors it read and made, by identity, with shape and type; for each call where
it stands; and which gradient arrives where, by the quickest hook there is. No names, arguments, versions or statistics.
The garbage collector is off, as if what is noted were no objects.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import weakref
from collections.abc import Iterator
from typing import Any, Final

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import tracer
from tracer.pytorch.internals import HOOKED_BY, Hooks
from tracer.pytorch.numbers import SMALL
from tracer.pytorch.stats import stats

_OWNER, _NAME = HOOKED_BY
_REAL: Final = vars(_OWNER)[_NAME]


class _LeastCalls(TorchFunctionMode):
    def __init__(self, log: list[Any]) -> None:
        super().__init__()
        self.log = log

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        frame = sys._getframe(1)
        result = func(*args, **(kwargs or {}))
        self.log.append((func, id(frame.f_code), frame.f_lasti, [id(each) for each in args]))
        for each in result if type(result) is tuple else (result,):
            if isinstance(each, torch.Tensor) and each.requires_grad and each.grad_fn is not None:
                each.grad_fn.register_prehook(_Arrival(self.log, id(each)))
        return result


class _Arrival:
    __slots__ = ("log", "value")

    def __init__(self, log: list[Any], value: int) -> None:
        self.log = log
        self.value = value

    def __call__(self, grads: Any) -> None:
        self.log.append((self.value, id(grads[0])))


class _LeastKernels(TorchDispatchMode):
    def __init__(self, log: list[Any]) -> None:
        super().__init__()
        self.log = log
        self.known: dict[int, tuple[Any, int, int]] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        read = []
        for each in args:
            known = self.known.get(id(each)) if isinstance(each, torch.Tensor) else None
            if known is not None and known[0]() is each:
                read.append(known[1])
        result = func._op(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            number = len(self.log)
            self.known[id(result)] = (weakref.ref(result), number, result.untyped_storage()._cdata)
            self.log.append((func, read, number, result.shape, result.dtype))
        return result


def _register(hooks: Any, hook: Any) -> tuple[Any, None]:
    hooks = Hooks() if hooks is None else hooks
    hooks[hook] = hook
    return hooks, None


@contextlib.contextmanager
def least_modes() -> Iterator[None]:
    log: list[Any] = []
    setattr(_OWNER, _NAME, staticmethod(_register))
    gc.disable()
    try:
        with _LeastCalls(log), _LeastKernels(log):
            yield
    finally:
        gc.enable()
        setattr(_OWNER, _NAME, _REAL)


def large_tensors(graph: tracer.Graph) -> list[torch.Tensor]:
    """Tensors like those of a graph that are looked at one by one; views share what is known of their base."""
    wanted = (value for value in graph.values if value.data is not None and value.view_of is None)
    return [torch.randn(value.shape) for value in wanted if value.numel > SMALL]


def look_at(tensors: list[torch.Tensor]) -> None:
    """The statistics of tensors, and nothing else."""
    for tensor in tensors:
        stats(tensor)
