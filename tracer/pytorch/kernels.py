"""The level of kernels: an operator of ATen's, seen by a `TorchDispatchMode`, forward and backward -> a `Tape`.

The program waits for what `KernelMode` does, ten thousand times in a pass, so its common case stands in it whole.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode

from tracer import names
from tracer.graph import Phase
from tracer.pytorch.backward import ENGINE_CODE
from tracer.pytorch.frames import author_frame, author_frame_inside
from tracer.pytorch.internals import current_autograd_node, only_fakes_below, sequence_number
from tracer.pytorch.places import caller
from tracer.pytorch.schemas import Kernel, describe, written
from tracer.pytorch.tape import FAILED, KERNEL, TENSOR
from tracer.pytorch.tensors import ATOMS, facts_of, tensors_in
from tracer.recording import in_words

if TYPE_CHECKING:
    from types import FrameType

    from tracer.pytorch.calls import Call
    from tracer.pytorch.capture import TorchBackend
    from tracer.pytorch.lane import Lane

_DEVICE: Final = torch.ops.prim.device.default
_DETACH: Final = torch.ops.aten.detach.default
_LIFT: Final = torch.ops.aten.lift_fresh.default
_PLAIN: Final = (
    bool, int, float, complex, str, type(None), torch.dtype, torch.device, torch.layout, torch.memory_format,
    torch.Generator,
)  # fmt: skip
_described: dict[int, Kernel] = {}  # by the id of the operator, which the description keeps


class KernelMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the kernels of one thread of a recording.

    A kernel and its autograd node are joined by the node's sequence number: autograd makes the node just before it
    runs the kernel, so a kernel that finds the number higher than the one before it has a node of its own.
    """

    supports_higher_order_operators = True

    def __init__(self, backend: TorchBackend, lane: Lane) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._backend = backend
        self._lane = lane
        self._recording = backend.recording
        self._tape = backend.tape
        self._new_id = backend.tape.new_id
        self._note = backend.tape.events.append
        self._facts = backend.tape.facts
        self._view_of = backend.tape.view_of
        self._table = backend.table
        self._take = backend.numbers.take
        self._taken = backend.from_gradient
        self._unlooked = backend.table.unlooked
        self._answers = only_fakes_below()
        self._code: Any = None  # where the last kernel was called from that no call of the author's made, and how
        self._instruction = -1
        self._as_author: Any = None
        self._running: tuple[int, int] = (-1, 0)  # the last function of a backward, as `_function` gives it

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Torch would wrap the handler below, at the price of importing torch._dynamo (a second) and of every call."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs a kernel and notes it."""
        kernel, lane = _described.get(id(func)), self._lane
        call = lane.call
        if (
            call is None or kernel is None or not kernel.plain or kwargs
            or lane.off or lane.updating or self._recording.heeds
        ):  # fmt: skip
            return self._seldom(func, args, kwargs or {}, sys._getframe(1))
        as_author = self._caller(call, sys._getframe(1))
        table, inputs, arguments = self._table, [], None
        entries, writes = table.entries, table.writes
        for each in args:
            entry = entries.get(id(each))
            if entry is not None and entry[2] == writes and entry[0]() is each:
                inputs.append(entry[1])
            elif type(each) not in ATOMS and isinstance(each, torch.Tensor):
                inputs.append(self._backend.read(each))
            else:
                arguments = args
        if self._unlooked and not self._unlooked.isdisjoint(inputs):
            table.look_at_last(args)
        scope: int | None = call.id
        phase: Phase = "forward"
        function = None
        if lane.running:
            scope, phase, function = None, "backward", self._function()
        elif self._taken and not self._taken.isdisjoint(inputs):
            return self._run(kernel, func, args, {}, as_author)
        if arguments is not None:
            arguments = tuple(
                [each if type(each) in ATOMS or not isinstance(each, torch.Tensor) else TENSOR for each in args]
            )
        number = self._new_id()
        lane.sequence = sequence = sequence_number() + lane.base
        call.kernels += 1
        try:
            result = as_author(kernel.run, args)
        except Exception as error:
            self._failed(kernel, number, scope, sequence, phase, inputs, arguments, {}, function, error)
            raise
        outputs: tuple[int, ...]
        if inputs and kernel.fills and isinstance(result, torch.Tensor):
            value = self._new_id()
            outputs = (value,)
            facts = self._facts[value] = facts_of(result)
            entries[id(result)] = (weakref.ref(result), value, writes)
            if kernel.views:
                self._view_of[value] = inputs[0]
            if type(result) is FakeTensor or facts[2] == "meta":
                pass  # it has no numbers
            elif kernel.views or kernel.copies:
                table.look_at_alike(value, result, facts, inputs[0])
            else:
                self._take(value, result, facts)
        else:
            outputs = self._results(kernel, number, args, {}, result, bool(inputs))
        read = tuple(inputs)  # which the garbage collector need not look at
        self._note((KERNEL, number, kernel, scope, sequence, phase, read, outputs, arguments, None, function, None))
        return result

    def _caller(self, call: Call, frame: FrameType) -> Any:
        """What calls a kernel as if from where `frame` is."""
        code = frame.f_code
        if code is call.code:
            return call.as_author
        if code is not self._code or frame.f_lasti != self._instruction:
            self._code, self._instruction = code, frame.f_lasti
            self._as_author = caller(frame)
        return self._as_author

    def _function(self) -> tuple[int, int] | None:
        """Of the autograd function that is running: its sequence number and the number of the backward run."""
        function, lane = current_autograd_node(), self._lane
        if function is None:
            return None
        sequence = self._backend.sequence_of(function, lane)
        if self._running != (sequence, lane.run):
            self._running = (sequence, lane.run)
            if sequence not in self._tape.grad_fns:
                self._tape.grad_fns[sequence] = function.name()
        return self._running

    def _seldom(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], frame: FrameType) -> Any:
        """Runs any kernel, called from where `frame` is, and notes it if it is a step of the program."""
        if func is _DEVICE and self._answers and type(args[0]) is FakeTensor:
            return args[0].device  # two of three events in a model on fake tensors; to ask the mode below takes 10 us
        kernel, lane = _described.get(id(func)), self._lane
        if kernel is None:
            kernel = _described[id(func)] = describe(func)
        if lane.off or kernel.quiet:
            return kernel.run(*args, **kwargs)
        if lane.call is None:
            return self._outside(kernel, func, args, kwargs, frame)
        as_author = self._caller(lane.call, frame)
        if func is _DETACH and not lane.call.detaches:
            return self._alias(kernel, args, as_author)
        return self._run(kernel, func, args, kwargs, as_author)

    def _outside(
        self, kernel: Kernel, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], frame: FrameType
    ) -> Any:
        """A kernel that runs outside of any call that torch tells of."""
        if not self._lane.running and author_frame(3)[2]:
            return kernel.run(*args, **kwargs)  # a data loader unpacks what its workers sent
        as_author = caller(frame)
        with torch._C.DisableTorchFunction():  # the function mode is on, and would see what we do
            if func is _DETACH:
                return self._alias(kernel, args, as_author)
            return self._run(kernel, func, args, kwargs, as_author)

    def _run(self, kernel: Kernel, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], as_author: Any) -> Any:
        """Runs a kernel of any kind."""
        lane, call = self._lane, self._lane.call
        tensors = () if func is _LIFT else tuple(tensors_in((args, kwargs), 4))
        inputs = [self._backend.read(tensor) for tensor in tensors]
        if self._unlooked and not self._unlooked.isdisjoint(inputs):
            self._table.look_at_last(tensors)
        sequence = sequence_number() + lane.base
        phase = self._phase(inputs, sequence)
        if phase == "forward" and not self._recording.forward_begins():
            return as_author(kernel.run, args, kwargs)
        lane.sequence = sequence
        arguments = _without_tensors(args)
        keywords = {name: _without_tensors(each) for name, each in kwargs.items()} if kwargs else None
        function = self._function() if lane.running else None
        scope = None
        if phase != "backward":
            scope = call.id if call is not None else lane.stack[-1] if lane.stack else None
        number = self._new_id()
        if call is not None:
            call.kernels += 1
        self._backend.keeper.state(number, func, args, kwargs)
        try:
            result = as_author(kernel.run, args, kwargs)
        except Exception as error:
            self._failed(kernel, number, scope, sequence, phase, inputs, arguments, keywords, function, error)
            raise
        outputs = self._results(kernel, number, args, kwargs, result, bool(inputs))
        if outputs and isinstance(result, torch.Tensor):
            self._backend.keeper.result(outputs[0], result, func, args)
        if phase == "update":
            self._backend.from_gradient.update(value for value in outputs if value not in self._tape.kinds)
        self._note(
            (KERNEL, number, kernel, scope, sequence, phase, inputs, outputs, arguments, keywords, function, None)
        )
        if not inputs and call is None and phase == "forward":
            for value in outputs:
                self._backend.namer.name_outsider(value)
        return result

    def _failed(
        self, kernel: Kernel, number: int, scope: int | None, sequence: int, phase: Phase, inputs: list[int],
        arguments: Any, keywords: Any, function: Any, error: Exception,
    ) -> None:  # fmt: skip
        message = in_words(error)
        self._backend.failure_noted = True
        self._note((KERNEL, number, kernel, scope, sequence, phase, inputs, (), arguments, keywords, function, message))
        frame = author_frame_inside(sys._getframe(2), ENGINE_CODE) if self._lane.running else None
        if frame is not None:
            self._note((FAILED, number, names.site(frame)))

    def _alias(self, kernel: Kernel, args: Sequence[Any], as_author: Any) -> Any:
        """A detach on torch's own account, to save a tensor or hand out a gradient: no step of the program."""
        result = as_author(kernel.run, args)
        value = self._table.find(args[0])
        if value is not None and isinstance(result, torch.Tensor):
            self._table.bind(result, value)
        return result

    def _phase(self, inputs: Sequence[int], sequence: int) -> Phase:
        """The phase of a kernel; what is computed from a gradient, without one of its own, is an update."""
        lane = self._lane
        if lane.running or (lane.call is not None and lane.call.seeds):
            return "backward"
        if lane.updating and not torch.is_grad_enabled():
            return "update"
        if sequence == lane.sequence and not self._backend.from_gradient.isdisjoint(inputs):
            return "update"
        return "forward"

    def _results(
        self, kernel: Kernel, number: int, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any, made: bool
    ) -> tuple[int, ...]:
        """Values for what a kernel returned and what it wrote in place."""
        table = self._table
        given = {**dict(zip(kernel.arguments, args)), **kwargs}
        rewritten = written(kernel, args, kwargs) if kernel.writes else ()
        outputs: list[int] = []
        for index, returned in enumerate(result if isinstance(result, (tuple, list)) else (result,)):
            of = kernel.view_of[0 if len(kernel.view_of) == 1 else index] if kernel.view_of else None
            base = given.get(of) if of is not None else None
            viewed = table.find(base) if isinstance(base, torch.Tensor) else None
            copied = table.find(args[0]) if kernel.copies and args else None
            for tensor in (returned,) if type(returned) is torch.Tensor else tensors_in(returned, 2):
                if not (rewritten and any(tensor is other for other in rewritten)):
                    filled = None if viewed is not None else kernel.fills and index not in kernel.workspace
                    outputs.append(table.add(tensor, view_of=viewed, copy_of=copied, filled=filled))
                    if not made:
                        self._tape.kinds[outputs[-1]] = "constant"
        outputs.extend(self._new_version(tensor, number) for tensor in rewritten)
        return tuple(outputs)

    def _new_version(self, tensor: torch.Tensor, number: int) -> int:
        """The version of a tensor that an in-place operation made."""
        old = self._table.find(tensor)
        self._table.wrote(tensor, number)
        value, kinds = self._table.add(tensor, version_of=old), self._tape.kinds
        kind = kinds.get(old) if old is not None else None
        if kind == "parameter" or kind == "buffer":
            kinds[value] = kind
        return value


def _without_tensors(nest: Any) -> Any:
    """The arguments of a kernel with a mark in the place of each tensor."""
    if type(nest) in ATOMS and type(nest) is not slice:
        return nest
    if isinstance(nest, torch.Tensor):
        return TENSOR
    if isinstance(nest, (list, tuple)):
        items = [_without_tensors(each) for each in nest]
        return items if isinstance(nest, list) else tuple(items)
    return nest if isinstance(nest, _PLAIN) else ...
