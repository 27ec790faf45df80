"""What recording cannot do without: the least that a recorder in Python does, alone and with a look at the numbers.

`least_modes` note for each kernel which tensors it read and made, by identity, with shape and type; for each call where
it stands; and which gradient arrives where, by the quickest hook there is. No names, arguments, versions or statistics.
The garbage collector is off, as if what is noted were no objects.

Statistics have floors in the same program, for between two kernels numbers and code are colder than in a loop of their
own: `read_once` only brings each number of the large tensors from memory to the processor, which no statistic can do
without; `five_looks` takes the sums, extremes and zeros too, a piece at a time that stays in the cache, by the quickest
calls that torch and numpy have, and keeps nothing.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from tracer.pytorch.internals import HOOKED_BY, Hooks
from tracer.pytorch.numbers import SMALL

Look = Callable[[torch.Tensor], None]
_PIECE: Final = 1 << 17  # elements
_MARKS: Final = numpy.empty(2 * _PIECE, numpy.bool_)

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
    def __init__(self, log: list[Any], look: Look | None) -> None:
        super().__init__()
        self.log = log
        self.look = look
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
            elif self.look is not None and isinstance(each, torch.Tensor):
                self.known[id(each)] = (weakref.ref(each), 0, each.untyped_storage()._cdata)
                self.look(each)
        result = func._op(*args, **(kwargs or {}))
        for each in result if type(result) is tuple else (result,):
            if isinstance(each, torch.Tensor):
                number = len(self.log)
                self.known[id(each)] = (weakref.ref(each), number, each.untyped_storage()._cdata)
                if self.look is not None and not func.is_view:
                    self.look(each)
                self.log.append((func, read, number, each.shape, each.dtype))
        return result


def _register(hooks: Any, hook: Any) -> tuple[Any, None]:
    hooks = Hooks() if hooks is None else hooks
    hooks[hook] = hook
    return hooks, None


@contextlib.contextmanager
def least_modes(look: Look | None = None) -> Iterator[None]:
    """The least recorder; with a look at each tensor that is met or made, but not again at its views."""
    log: list[Any] = []
    setattr(_OWNER, _NAME, staticmethod(_register))
    gc.disable()
    try:
        with _LeastCalls(log), _LeastKernels(log, look):
            yield
    finally:
        gc.enable()
        setattr(_OWNER, _NAME, _REAL)


def read_once(tensor: torch.Tensor) -> None:
    """Each number of a large tensor, once."""
    if tensor.numel() > SMALL and tensor.is_floating_point():
        row = tensor.detach().reshape(-1)
        torch.dot(row, row).item()


def five_looks(tensor: torch.Tensor) -> None:
    """What statistics are made of: sum, sum of squares, least, greatest, zeros.

    `torch.aminmax`, `torch.count_nonzero`, `torch.var_mean` and numpy's sums, which do more in one pass or seem
    simpler, take two to two hundred times as long as these.
    """
    if tensor.numel() > SMALL and tensor.is_floating_point():
        row = tensor.detach().reshape(-1)
        for piece in torch.split(row, _PIECE) if len(row) > len(_MARKS) else (row,):
            numbers = piece.numpy()
            least, greatest = numpy.minimum.reduce(numbers), numpy.maximum.reduce(numbers)
            if least < greatest:
                piece.sum().item()
                torch.dot(piece, piece).item()
                numpy.count_nonzero(numpy.equal(numbers, 0, out=_MARKS[: len(numbers)]))
