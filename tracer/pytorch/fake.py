"""Runs a model on fake tensors, which have shapes and types but no elements: any size of model fits any machine.

The model itself is lent fake parameters while it runs, and is as it was afterwards.
"""

from __future__ import annotations

import contextlib
import linecache
import os
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final

import torch
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
)
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.nn.parameter import is_lazy
from torch.utils import _pytree as pytree

from tracer.pytorch import places
from tracer.pytorch.frames import is_author
from tracer.pytorch.internals import met
from tracer.tracing import NumberNeeded

_CONTAINERS: Final = (dict, list, set)


@contextlib.contextmanager
def fakes(target: Any, args: Any, kwargs: Any) -> Iterator[tuple[Any, Any]]:
    """A block in which tensors are fake.

    Args:
        target: What is about to be called; modules that it is, that belong to it or that it refers to are lent fake
            parameters, and so is every other module when it is called.
        args: Its arguments.
        kwargs: Its keyword arguments.

    Yields:
        The arguments with fake tensors in place of real ones.

    Raises:
        NumberNeeded: Something in the block asked for the elements of a fake tensor.
    """
    held = [*_held(target), args, kwargs]
    loan = _Loan(held)
    with contextlib.ExitStack() as stack:
        stack.callback(loan.end)
        for each in pytree.tree_leaves(held):
            if isinstance(each, torch.nn.Module):
                loan.lend(each)
        stack.callback(register_module_forward_pre_hook(lambda module, _: loan.lend(module)).remove)
        stack.enter_context(loan.mode)
        try:
            yield loan.fake((args, kwargs))
        except Exception as error:
            _explain(error)
            raise


def _held(target: Any) -> list[Any]:
    """What is called, the object that a method belongs to, and what a function refers to in its closure and module."""
    found = [target, getattr(target, "__self__", None)]
    function = getattr(target, "__func__", target)
    for cell in getattr(function, "__closure__", None) or ():
        with contextlib.suppress(ValueError):  # a variable without a value yet
            found.append(cell.cell_contents)
    code, known = getattr(function, "__code__", None), getattr(function, "__globals__", {})
    return found + [known[name] for name in (code.co_names if code is not None else ()) if name in known]


class _Mode(FakeTensorMode):  # type: ignore[no-untyped-call]
    """Makes real tensors fake when it meets them, even if a kernel has no others: torch would run some for real."""

    def __init__(self) -> None:
        super().__init__(allow_non_fake_inputs=True)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not types and func not in self.lift_fns:  # a lifted number (`torch.tensor(2)`) stays known
            args, kwargs = pytree.tree_map_only(torch.Tensor, self.from_tensor, (args, kwargs))
        return super().__torch_dispatch__(func, types, args, kwargs or {})


class _Loan:
    """Fake tensors in place of those that modules hold, until the end.

    Attributes:
        mode: Under which the fake tensors live; the one of those among the arguments that are fake already.
    """

    def __init__(self, held: Any) -> None:
        tensors = [tensor for each in pytree.tree_leaves(held) for tensor in _tensors(each)]
        own = next((tensor.fake_mode for tensor in tensors if isinstance(tensor, FakeTensor)), None)
        self.mode = own or _Mode()
        # A meta tensor is nowhere yet: it comes to where the others are.
        self._device = next((tensor.device for tensor in tensors if tensor.device.type != "meta"), torch.device("cpu"))
        self._lent: dict[int, tuple[torch.nn.Module, dict[str, Any], dict[str, Any]]] = {}
        self._fakes: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def fake(self, nest: Any) -> Any:
        """A nest of containers with its tensors made fake, the same one the same each time."""
        return pytree.tree_map_only(torch.Tensor, self._one, nest)

    def lend(self, root: torch.nn.Module) -> None:
        """Puts fake tensors in the place of all that a module and those in it hold."""
        if id(root) in self._lent:
            return
        for module in root.modules():
            if id(module) in self._lent:
                continue
            held = vars(module)
            inside = {name: held[name].copy() for name in held if isinstance(held[name], _CONTAINERS)}
            self._lent[id(module)] = (module, dict(held), inside)
            for name, each in list(held.items()):
                if any(isinstance(leaf, torch.Tensor) for leaf in pytree.tree_leaves(each)):
                    held[name] = self.fake(each)

    def end(self) -> None:
        """Gives the modules back what they held, and takes gradients off that came to tensors outside of them."""
        for module, held, inside in self._lent.values():
            vars(module).clear()
            vars(module).update(held)
            for name, before in inside.items():
                _refill(held[name], before)
        for tensor in met(self.mode):
            if isinstance(tensor.grad, FakeTensor):
                tensor.grad = None

    def _one(self, tensor: torch.Tensor) -> torch.Tensor:
        if isinstance(tensor, FakeTensor):
            return tensor
        if is_lazy(tensor):
            raise TypeError(
                "a lazy module has parameters without a shape, which cannot be fake: give its layers their sizes "
                "(Linear instead of LazyLinear), or run it once on real tensors"
            )
        known = self._fakes.get(id(tensor))
        if known is None:
            made = self._of_meta(tensor) if tensor.is_meta else self.mode.from_tensor(tensor)
            known = self._fakes[id(tensor)] = (tensor, made)  # the tensor is kept so that its id stays its own
        return known[1]

    def _of_meta(self, tensor: torch.Tensor) -> torch.Tensor:
        with self.mode:
            made = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=self._device)
        if isinstance(tensor, torch.nn.Parameter):
            return torch.nn.Parameter(made, requires_grad=tensor.requires_grad)
        return made.requires_grad_(tensor.requires_grad)


def _tensors(held: Any) -> Iterator[torch.Tensor]:
    if isinstance(held, torch.Tensor):
        yield held
    elif isinstance(held, torch.nn.Module):
        yield from held.parameters()
        yield from held.buffers()


def _refill(container: Any, before: Any) -> None:
    """Puts back what a container held, without making a new one: others may refer to it."""
    if isinstance(container, list):
        container[:] = before
    else:
        container.clear()
        container.update(before)


# What torch says where the elements of a fake tensor are asked for.
_SIZE: Final = "has a result whose size depends on the numbers in a tensor"
_NUMBER: Final = "asks for the numbers in a tensor"
_WORDS: Final = ("numpy() is not supported for tensor subclasses", "data is not allocated yet", "FakeTensor.__format__")


def _explain(error: Exception) -> None:
    """Says which line asks for a number.

    Raises:
        NumberNeeded: That is what failed.
    """
    if isinstance(error, DynamicOutputShapeException):
        what, how = _SIZE, str(error)
    elif isinstance(error, DataDependentOutputException):
        what, how = _NUMBER, str(error)
    elif any(words in str(error) for words in _WORDS):
        what, how = _NUMBER, str(error).partition(".\n")[0]
    else:
        return
    line = _author_line(error.__traceback__)
    where = f"{os.path.basename(line.filename)}, line {line.lineno}, in {line.name}: `{line.line}`" if line else "torch"
    raise NumberNeeded(
        f"{where} {what} ({how}), and fake tensors have shapes but no numbers. Let shapes, arguments or constants "
        "decide there, skip that line, or trace real tensors, without fake=True, on a smaller model."
    ) from error


def _author_line(trace: TracebackType | None) -> traceback.FrameSummary | None:
    """The innermost line of the author's."""
    steps = [(frame, line) for frame, line in traceback.walk_tb(trace) if is_author(frame.f_code)]
    steps = [(frame, line) for frame, line in steps if frame.f_code.co_name != places.NAME]
    if not steps:
        return None
    frame, line = steps[-1]
    text = linecache.getline(frame.f_code.co_filename, line, frame.f_globals).strip()
    return traceback.FrameSummary(frame.f_code.co_filename, line, frame.f_code.co_name, line=text)
