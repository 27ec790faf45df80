"""The torch backend: what a program does with tensors -> a `Tape`, and once it has ended a `Builder`.

Two modes see every operation at two levels: `calls` the function that the author called, `kernels` what ran inside
it, in backward too. `modules`, `backward` and `gradients` add the hooks that tell where, in which phase and with what
gradient. This file holds what they share.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

import torch

from tracer.pytorch import kept, places
from tracer.pytorch.backward import BackwardWatch
from tracer.pytorch.calls import CallMode
from tracer.pytorch.clock import Clock
from tracer.pytorch.garbage import collected_as_before
from tracer.pytorch.gradients import Gradients
from tracer.pytorch.internals import Quietly, leave_to_python, modes, sequence_number
from tracer.pytorch.kernels import KernelMode
from tracer.pytorch.lane import APART, Lane
from tracer.pytorch.materials import Keeper
from tracer.pytorch.modules import ModuleWatch
from tracer.pytorch.naming import Namer
from tracer.pytorch.numbers import Numbers
from tracer.pytorch.patches import Patches
from tracer.pytorch.tape import SEQUENCE, Tape
from tracer.pytorch.tensors import TensorTable, tensors_in
from tracer.pytorch.threads import ThreadWatch
from tracer.pytorch.transcript import transcribe
from tracer.recording import Recording

# All that the compiler must not try to compile: what our modes call is called by these.
_HANDLERS: Final = (CallMode.__torch_function__, KernelMode.__torch_dispatch__, Clock.__torch_dispatch__)


class TorchBackend:
    """Records torch; see `tracer.recording.Backend`.

    Attributes:
        failure_noted: Whether the exception on its way out has its kernel.
        from_gradient: Values of gradients that the author took, and of what was computed from them.
    """

    EAGERLY: Final = "What torch.compile compiles ran eagerly while it was recorded: fused kernels are not seen."

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.builder = recording.builder
        self.clock = Clock(recording.builder.new_id, recording.seconds) if recording.seconds is not None else None
        self.tape = Tape(recording.builder.new_id if self.clock is None else self.clock.new_id)
        self.keeper = Keeper(recording.materials)
        self.numbers = Numbers(recording.elements)
        self.table = TensorTable(self.tape, self.numbers, self.keeper)
        self.namer = Namer(self)
        self.gradients = Gradients(self)
        self.modules = ModuleWatch(self)
        self.backward = BackwardWatch(self)
        self.failure_noted = False
        self.from_gradient: set[int] = set()
        self.threads = ThreadWatch(self)
        self._main = Lane(0, recording.builder.stack)
        self._main.calls = CallMode(self, self._main)
        self._lanes = {threading.get_ident(): self._main}
        self._threads = 0
        self._patches = Patches()
        self._modes: list[Any] = []
        self._timing, self._collecting = contextlib.ExitStack(), contextlib.ExitStack()

    def start(self) -> None:
        """Enters the modes, installs the hooks."""
        self._patches.put(torch, "compile", self._before_compiling(torch.compile))
        self._patches.put(torch.Tensor, "as_subclass", self._as_class(torch.Tensor.as_subclass))
        for name in ("cond", "while_loop"):
            self._patches.put(torch, name, self._as_one(getattr(torch, name)))
        self._patches.put(torch.utils, "swap_tensors", self._swap(torch.utils.swap_tensors))
        self.threads.install()
        self.backward.install()
        self.modules.install()
        self.resume()

    def stop(self) -> None:
        """Removes modes and hooks."""
        self._leave()
        self.modules.remove()
        self.backward.remove()
        self.gradients.remove()
        self.threads.remove()
        self._patches.undo()
        self.table.clear()
        places.forget()
        self._collecting.close()  # last: what is let go by then need not be looked at

    def write(self) -> None:
        """Writes what the tape holds into the builder."""
        self.numbers.finish()
        transcribe(self.tape, self.numbers, self.recording)
        from tracer.pytorch.flops import add_costs  # with torch's formulas, which take 5 ms

        add_costs(self.builder, self.recording.seconds or {})

    @contextlib.contextmanager
    def unseen(self) -> Iterator[None]:
        """Takes the modes off for a while, if they are on top."""
        mine = self._modes if self._on_top() else []
        for mode in reversed(mine):
            mode.__exit__(None, None, None)
        try:
            yield
        finally:
            for mode in mine:
                mode.__enter__()

    @contextlib.contextmanager
    def muted(self) -> Iterator[None]:
        """For what is no step of the author's program."""
        lane = self.lane()
        lane.muted += 1
        lane.off = True
        try:
            yield
        finally:
            lane.muted -= 1
            self.refresh()

    def refresh(self) -> None:
        """Tells the threads whether operations are being recorded."""
        for lane in list(self._lanes.values()):
            lane.off = bool(lane.muted) or not self.recording.recording

    def pause(self) -> None:
        """Leaves the modes, if they are on top; modules are watched as long as their passes must be counted."""
        if self._modes and self._on_top():
            self._leave()
            self.gradients.remove()
            if self.recording.finished:
                self.modules.remove()
            self._collecting.close()

    def resume(self) -> None:
        """Enters the modes, if they are not on."""
        self.refresh()
        if not self._modes:
            self.table.clear()
            if self.clock is not None:
                self._timing.enter_context(self.clock)  # below our modes, which are left before it
            self._modes = self._enter(self._main)
            self._collecting.enter_context(collected_as_before())

    def _enter(self, lane: Lane) -> list[Any]:
        """Enters the modes of a thread, in that thread."""
        lane.sequence = sequence_number()
        self.tape.events.append((SEQUENCE, lane.sequence + lane.base))
        leave_to_python(_HANDLERS)
        modes = [lane.calls, KernelMode(self, lane)]
        for mode in modes:
            mode.__enter__()
        return modes

    @contextlib.contextmanager
    def thread(self) -> Iterator[None]:
        """Records what this thread does, one that the program has started."""
        self._threads += 1
        lane = Lane(self._threads, [])
        lane.calls = CallMode(self, lane)
        self._lanes[threading.get_ident()] = lane
        lane.off = not self.recording.recording
        modes = self._enter(lane)
        try:
            yield
        finally:
            for mode in reversed(modes):
                mode.__exit__(None, None, None)
            self._lanes.pop(threading.get_ident(), None)

    def sequence_of(self, function: Any, lane: Lane) -> int:
        """The sequence number of an autograd function, which may have been made in another thread than this one."""
        number: int = function._sequence_nr()
        if self._threads:
            for base in (lane.base, *range(0, (self._threads + 1) * APART, APART)):
                if self.tape.grad_fns.get(number + base) == function.name():
                    return int(number + base)
        return number + lane.base

    def forget(self, first: int) -> set[int]:
        """Lets go of what came before the id `first`; gives the scopes that what is kept ran in."""
        self.numbers.finish()
        scopes, kept = self.tape.forget(first, self.table.compact())
        self.numbers.forget(kept)
        self.gradients.forget(kept)
        self.from_gradient.intersection_update(kept)
        self.table.unlooked.intersection_update(kept)
        self.namer.nameless.intersection_update(kept)
        return scopes

    def lane(self) -> Lane:
        """The state of the thread that asks."""
        return self._lanes[threading.get_ident()]

    def lane_here(self) -> Lane | None:
        """The same; None for a thread that is not recorded."""
        return self._lanes.get(threading.get_ident())

    def _on_top(self) -> bool:
        """Whether nobody entered modes after ours, which then could not leave."""
        functions, kernels = modes()
        return functions[-1:] == self._modes[:1] and kernels[-1:] == self._modes[1:]

    def _leave(self) -> None:
        while self._modes:
            self._modes.pop().__exit__(None, None, None)
        self._timing.close()

    def _swap(self, swap: Callable[..., Any]) -> Callable[..., Any]:
        """`torch.utils.swap_tensors`, which refuses tensors that anyone holds weak references to."""

        @functools.wraps(swap)
        def run(*tensors: Any) -> Any:
            with Quietly():
                values = [self.table.release(tensor) for tensor in tensors]
                for tensor in tensors:
                    self.gradients.release(tensor)
                    self.modules.release(tensor)
            result = swap(*tensors)
            with Quietly():
                for tensor, value in zip(tensors, reversed(values)):
                    if value is not None:
                        self.table.bind(tensor, value)
            return result

        return run

    def _before_compiling(self, compile_: Callable[..., Any]) -> Callable[..., Any]:
        """`torch.compile`, whose compiler is told to leave our modes alone."""

        @functools.wraps(compile_)
        def run(*args: Any, **kwargs: Any) -> Any:
            self.recording.note(self.EAGERLY)
            compiled = compile_(*args, **kwargs)
            leave_to_python(_HANDLERS)
            return compiled

        return run

    def _as_class(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """`as_subclass`, by which torch gives results the author's class: the same value, which no mode is told of."""

        @functools.wraps(real)
        def as_subclass(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
            result = real(tensor, *args, **kwargs)
            lane = self.lane_here()
            if lane is not None and not lane.off:
                with torch._C.DisableTorchFunction():
                    value = self.table.find(tensor)
                    if value is not None:
                        self.table.bind(result, value)
            return result

        return as_subclass

    def _as_one(self, control_flow: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(control_flow)
        def run(*args: Any, **kwargs: Any) -> Any:
            lane = self.lane_here()
            if lane is None:
                return control_flow(*args, **kwargs)
            return lane.calls.run_whole(control_flow, args, kwargs)

        return run

    def introduce(self, name: str, nest: Any) -> None:
        """Names the tensors in an argument; several in one are told apart by number."""
        with torch._C.DisableTorchFunction():
            tensors = list(tensors_in(nest))
            for index, tensor in enumerate(tensors):
                self.tape.names.setdefault(self.read(tensor), name if len(tensors) == 1 else f"{name}[{index}]")

    def known(self, nest: Any) -> list[int]:
        """Ids of the values of the tensors in a nest, the results of the program; notes what autograd keeps of them."""
        with self.unseen(), torch._C.DisableTorchFunction():
            kept.note(self, tensors_in(nest))
            found = (self.table.find(tensor) for tensor in tensors_in(nest))
            return list(dict.fromkeys(value for value in found if value is not None))

    # What the watches share.

    def read(self, tensor: torch.Tensor) -> int:
        """The value of a tensor that is used, made known if it was not."""
        lane = self.lane()
        value = self.table.find(tensor)
        if value is None:
            value = self._meet(tensor)
        elif lane.call is not None:
            return value  # the call looks for gradients itself
        if not lane.running and tensor.requires_grad and value not in self.gradients.watched:
            self.note_requires_grad(tensor, value)
        return value

    def _meet(self, tensor: torch.Tensor) -> int:
        """A tensor that was made before the recording, or out of its sight."""
        value = self.table.add(tensor, unseen=True)
        self.tape.kinds[value] = self.modules.kind(tensor)
        name = self.modules.tensor_name(tensor)
        if name is not None:
            self.tape.names[value] = name
        elif self.lane().call is not None:
            self.namer.nameless.add(value)
            self.namer.name_source(value, tensor)
        else:
            self.namer.nameless.add(value)
        return value

    def note_requires_grad(self, tensor: torch.Tensor, value: int) -> None:
        """Watches for the gradient of a tensor; a leaf that wants one is a parameter, whatever made it."""
        self.tape.requires_grad.add(value)
        if self.gradients.watch(tensor, value, self.lane().base):
            self.tape.kinds[value] = "parameter"
