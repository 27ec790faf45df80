"""The torch backend: what a program does with tensors -> a `Builder`.

Two modes see every operation at two levels: `calls` the function that the author called, `kernels` what ran inside
it, in backward too. `modules`, `backward` and `gradients` add the hooks that tell where, in which phase and with what
gradient. This file holds what they share.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch

from tracer.builder import ValueDraft
from tracer.pytorch import standins
from tracer.pytorch.backward import BackwardWatch
from tracer.pytorch.calls import CallWatch, FunctionMode
from tracer.pytorch.gradients import Gradients
from tracer.pytorch.internals import modes
from tracer.pytorch.kernels import CompilerSafeDispatchMode, DispatchMode, KernelWatch
from tracer.pytorch.materials import Keeper
from tracer.pytorch.modules import ModuleWatch
from tracer.pytorch.naming import Namer
from tracer.pytorch.patches import Patches
from tracer.pytorch.tensors import TensorTable, tensors_in
from tracer.recording import Recording


class TorchBackend:
    """Records torch; see `tracer.recording.Backend`.

    Attributes:
        muted: Above 0 while what runs is no step of the author's program.
        thread: The thread that is recorded.
        failure_noted: Whether the exception on its way out has its node.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.builder = recording.builder
        self.keeper = Keeper(recording.materials)
        self.table = TensorTable(self.builder, self.keeper)
        self.namer = Namer(self)
        self.calls = CallWatch(self)
        self.kernels = KernelWatch(self)
        self.gradients = Gradients(self)
        self.modules = ModuleWatch(self)
        self.backward = BackwardWatch(self)
        self.muted = 0
        self.thread = threading.get_ident()
        self.failure_noted = False
        self._patches = Patches()
        self._modes: list[Any] = []
        self._counts: dict[Any, int] = {}

    def start(self) -> None:
        """Enters the modes, installs the hooks."""
        self._patches.put(torch, "compile", self._before_compiling(torch.compile))
        for name in ("cond", "while_loop"):
            self._patches.put(torch, name, self._as_one(getattr(torch, name)))
        self.backward.install()
        self.modules.install()
        self.resume()

    def stop(self) -> None:
        """Removes modes and hooks."""
        self._leave()
        self.modules.remove()
        self.backward.remove()
        self.gradients.remove()
        self._patches.undo()
        self.namer.results.finish()
        self.table.clear()
        standins.forget()

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

    def pause(self) -> None:
        """Leaves the modes, if they are on top; modules are watched as long as their passes must be counted."""
        if self._modes and self._on_top():
            self._leave()
            self.gradients.remove()
            self.namer.results.finish()
            if self.recording.finished:
                self.modules.remove()

    def resume(self) -> None:
        """Enters the modes, if they are not on."""
        if not self._modes:
            self.table.clear()
            self.kernels.reset()
            compiles = "torch._dynamo" in sys.modules
            kernels = CompilerSafeDispatchMode if compiles else DispatchMode
            self._modes = [FunctionMode(self.calls), kernels(self.kernels)]
            for mode in self._modes:
                mode.__enter__()

    def forget(self) -> None:
        """Lets go of what the builder has forgotten, so that memory stays bounded."""
        since = self.kernels.forget(self.builder.nodes, self.builder.values)
        self.gradients.forget(self.builder.values, since)
        self.table.compact()

    def _on_top(self) -> bool:
        """Whether nobody entered modes after ours, which then could not leave."""
        functions, kernels = modes()
        return functions[-1:] == self._modes[:1] and kernels[-1:] == self._modes[1:]

    def _leave(self) -> None:
        while self._modes:
            self._modes.pop().__exit__(None, None, None)

    def _before_compiling(self, compile_: Callable[..., Any]) -> Callable[..., Any]:
        """`torch.compile`, before which the mode is made safe for it."""

        @functools.wraps(compile_)
        def run(*args: Any, **kwargs: Any) -> Any:
            for mode in self._modes[1:]:
                mode.__class__ = CompilerSafeDispatchMode
            return compile_(*args, **kwargs)

        return run

    def _as_one(self, control_flow: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(control_flow)
        def run(*args: Any, **kwargs: Any) -> Any:
            return self.calls.run_whole(control_flow, args, kwargs)

        return run

    def introduce(self, name: str, nest: Any) -> None:
        """Names the tensors in an argument; several in one are told apart by number."""
        with torch._C.DisableTorchFunction():
            tensors = list(tensors_in(nest))
            for index, tensor in enumerate(tensors):
                draft = self.read(tensor)
                draft.name = draft.name or (name if len(tensors) == 1 else f"{name}[{index}]")

    def known(self, nest: Any) -> list[int]:
        """Ids of the values of the tensors in a nest."""
        with torch._C.DisableTorchFunction():
            found = (self.table.find(tensor) for tensor in tensors_in(nest))
            return list(dict.fromkeys(draft.id for draft in found if draft is not None))

    # What the watches share.

    def nth(self, key: Any) -> int:
        """How often `key` was asked for before."""
        count = self._counts.get(key, 0)
        self._counts[key] = count + 1
        return count

    def read(self, tensor: torch.Tensor) -> ValueDraft:
        """The value of a tensor that is used, made known if it was not."""
        draft = self.table.find(tensor)
        if draft is None:
            draft = self._meet(tensor)
        if not self.backward.running:
            self.note_requires_grad(tensor, draft)
        return draft

    def _meet(self, tensor: torch.Tensor) -> ValueDraft:
        """A tensor that was made before the recording, or out of its sight."""
        draft = self.table.add(tensor, kind=self.modules.kind(tensor), name=self.modules.tensor_name(tensor))
        self.keeper.value(draft, tensor)
        if self.calls.current is not None and draft.name is None:
            self.calls.current.unknown.append((draft, tensor))
        return draft

    def note_requires_grad(self, tensor: torch.Tensor, draft: ValueDraft) -> None:
        """Watches for the gradient of a tensor, once; a leaf that wants one is a parameter, whatever made it."""
        if tensor.requires_grad and draft.id not in self.gradients.watched:
            draft.requires_grad = True
            if self.gradients.watch(tensor, draft):
                draft.kind = "parameter"
