"""Backward runs and optimizer steps: when they begin and end."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from tracer import names
from tracer.builder import ScopeDraft
from tracer.pytorch.frames import author_frame
from tracer.pytorch.gradients import register_quickly
from tracer.pytorch.internals import ENGINE, HOOKED_BY
from tracer.pytorch.patches import Patches
from tracer.pytorch.tape import VISITED
from tracer.pytorch.tensors import tensors_in

if TYPE_CHECKING:
    from tracer.pytorch.capture import TorchBackend
    from tracer.pytorch.lane import Lane


class BackwardWatch:
    """Watches the autograd engine and the optimizers during one recording.

    Attributes:
        hooked: Whether the program had its own say in what autograd keeps (`saved_tensors_hooks`, checkpoints).

    Args:
        backend: Whose tape to write.
    """

    def __init__(self, backend: TorchBackend) -> None:
        self._backend = backend
        self.hooked = False
        self._patches = Patches()
        self._hooks: list[Any] = []
        self._step: ScopeDraft | None = None
        self._runs = 0

    def install(self) -> None:
        """Patches the engine's entry and the functions that call it, and hooks the optimizers."""
        for module, name in ENGINE:
            self._patches.put(module, name, self._engine(getattr(module, name)))
        for owner, name in ((torch.Tensor, "backward"), (torch.autograd, "backward"), (torch.autograd, "grad")):
            self._patches.put(owner, name, self._then_resume(getattr(owner, name)))
        mixin, name = HOOKED_BY
        self._patches.put(mixin, name, register_quickly(getattr(mixin, name)))
        hooks = torch.autograd.graph.saved_tensors_hooks
        self._patches.put(hooks, "__enter__", self._hooking(hooks.__enter__))
        apply = vars(torch.autograd.Function)["apply"]
        self._patches.put(torch.autograd.Function, "apply", self._custom(apply.__func__))
        self._hooks = [
            register_optimizer_step_pre_hook(self._before_step),
            register_optimizer_step_post_hook(self._after_step),
        ]

    def remove(self) -> None:
        """Undoes `install`."""
        while self._hooks:
            self._hooks.pop().remove()
        self._patches.undo()

    def _lane(self) -> Lane | None:
        """The state of this thread; None where it is not recorded (a patch may be called by others), or no longer."""
        return self._backend.lane_here() if self._patches else None

    def _then_resume(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """A function after which the recording may take its modes off or put them on."""

        @functools.wraps(real)
        def call(*args: Any, **kwargs: Any) -> Any:
            result = real(*args, **kwargs)
            lane = self._lane()
            if lane is not None and lane.is_main and not lane.running:
                self._backend.recording.author_resumes()
            return result

        return call

    def _hooking(self, real: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(real)
        def enter(hooks: Any) -> Any:
            self.hooked = True
            return real(hooks)

        return enter

    def _custom(self, real: Callable[..., Any]) -> Any:
        """`apply` of an author's autograd function: one call, with what it computes inside it."""

        def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
            bound = real.__get__(cls)
            lane = self._lane()
            if lane is None or lane.off or lane.running:
                return bound(*args, **kwargs)
            return lane.calls.run_custom(cls, bound, args, kwargs)

        return classmethod(functools.wraps(real)(apply))

    def _engine(self, real: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(real)
        def run(outputs: Any, *args: Any, **kwargs: Any) -> Any:
            lane = self._lane()
            if lane is None or lane.running or lane.muted:
                return real(outputs, *args, **kwargs)
            return self._run(lane, real, outputs, args, kwargs)

        return run

    def _run(self, lane: Lane, real: Callable[..., Any], outputs: Any, args: Any, kwargs: Any) -> Any:
        """One outermost backward."""
        backend = self._backend
        create_graph = bool(args[2]) if len(args) > 2 else bool(kwargs.get("create_graph"))
        wanted = args[3] if len(args) > 3 else kwargs.get("inputs", ())
        roots = []
        if not lane.off:
            with torch._C.DisableTorchFunction():
                roots = [backend.read(tensor) for tensor in tensors_in(outputs)]
        lane.running += 1
        self._runs += 1
        lane.run = self._runs
        try:
            result = real(outputs, *args, **kwargs)
        except BaseException:
            lane.running -= 1
            self._ended(lane, roots)  # what it did until then belongs to the pass
            raise
        lane.running -= 1
        if not lane.off:
            self._note_results(wanted, result)
        if not create_graph:
            self._ended(lane, roots)
        return result

    def _ended(self, lane: Lane, roots: list[int]) -> None:
        if lane.is_main:
            visited: set[int] = set()
            self._backend.tape.events.append((VISITED, lane.run, visited))
            frame, _, _ = author_frame(2)
            self._backend.recording.backward_ended(roots, visited, frame.f_lineno if frame is not None else None)

    def _note_results(self, wanted: Any, result: Any) -> None:
        """Gradients that `autograd.grad` hands back belong to what they were asked for."""
        if not isinstance(result, tuple):
            return
        with torch._C.DisableTorchFunction():
            for tensor, grad in zip(tensors_in(wanted), result):
                value = self._backend.table.find(tensor)
                if value is not None and isinstance(grad, torch.Tensor):
                    self._backend.gradients.note(value, grad)

    def _before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        lane = self._lane()
        if lane is None:
            return
        lane.updating = True
        if lane.off:
            return
        kind = type(optimizer)
        frame, _, _ = author_frame(1)
        source = names.site(frame).source if frame is not None else None
        builder = self._backend.builder
        name = f"{kind.__module__}.{kind.__qualname__}"
        parent = lane.stack[-1] if lane.stack else None
        self._step = builder.scope(
            kind="function", name=f"{kind.__name__}.step", type=name, source=source, parent=parent
        )
        lane.stack.append(self._step.id)

    def _after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        lane = self._lane()
        if lane is None:
            return
        lane.updating = False
        if self._step is not None and self._step.id in lane.stack:
            del lane.stack[lane.stack.index(self._step.id) :]
            self._step = None


ENGINE_CODE: Final = BackwardWatch._run.__code__  # of the frame around all that a backward runs
