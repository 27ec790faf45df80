"""Backward runs and optimizer steps: when they begin and end, and the forward kernel that each part belongs to."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from tracer import names
from tracer.builder import NodeDraft, ScopeDraft
from tracer.pytorch.frames import author_frame
from tracer.pytorch.internals import ENGINE
from tracer.pytorch.patches import Patches
from tracer.pytorch.tensors import tensors_in

if TYPE_CHECKING:
    from tracer.pytorch.capture import TorchBackend


class BackwardWatch:
    """Watches the autograd engine and the optimizers during one recording.

    Attributes:
        running: How many backward runs are under way, one inside the other.
        updating: Whether an optimizer takes its step.
    """

    def __init__(self, backend: TorchBackend) -> None:
        self._backend = backend
        self.running = 0
        self.updating = False
        self._patches = Patches()
        self._hooks: list[Any] = []
        self._scopes: dict[Any, ScopeDraft] = {}
        self._visited: set[int] = set()
        self._step: ScopeDraft | None = None

    def install(self) -> None:
        """Patches the engine's entry and the functions that call it, and hooks the optimizers."""
        for module, name in ENGINE:
            self._patches.put(module, name, self._engine(getattr(module, name)))
        for owner, name in ((torch.Tensor, "backward"), (torch.autograd, "backward"), (torch.autograd, "grad")):
            self._patches.put(owner, name, self._then_resume(getattr(owner, name)))
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
        self._scopes.clear()

    def _is_watched(self) -> bool:
        """Whether the recording goes on, in this thread; a patch may be called by others, or outlive its recording."""
        return bool(self._patches) and threading.get_ident() == self._backend.thread

    def _then_resume(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """A function after which the recording may take its modes off or put them on."""

        @functools.wraps(real)
        def call(*args: Any, **kwargs: Any) -> Any:
            result = real(*args, **kwargs)
            if self._is_watched() and not self.running:
                self._backend.recording.author_resumes()
            return result

        return call

    def _custom(self, real: Callable[..., Any]) -> Any:
        """`apply` of an author's autograd function: one call, with what it computes inside it."""

        def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
            bound = real.__get__(cls)
            if not self._is_watched() or self.running:
                return bound(*args, **kwargs)
            return self._backend.calls.run_custom(cls, bound, args, kwargs)

        return classmethod(functools.wraps(real)(apply))

    def _engine(self, real: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(real)
        def run(outputs: Any, *args: Any, **kwargs: Any) -> Any:
            if not self._is_watched() or self.running or self._backend.muted:
                return real(outputs, *args, **kwargs)
            return self._run(real, outputs, args, kwargs)

        return run

    def _run(self, real: Callable[..., Any], outputs: Any, args: Any, kwargs: Any) -> Any:
        """One outermost backward."""
        backend = self._backend
        create_graph = bool(args[2]) if len(args) > 2 else bool(kwargs.get("create_graph"))
        wanted = args[3] if len(args) > 3 else kwargs.get("inputs", ())
        roots = []
        if backend.recording.recording:
            with torch._C.DisableTorchFunction():
                roots = [backend.read(tensor).id for tensor in tensors_in(outputs)]
        self.running += 1
        self._visited = set()
        try:
            result = real(outputs, *args, **kwargs)
        finally:
            self.running -= 1
            self._scopes.clear()
        if backend.recording.recording:
            self._note_results(wanted, result)
        if not create_graph:
            frame, _, _ = author_frame(1)
            backend.recording.backward_ended(roots, self._visited, frame.f_lineno if frame is not None else None)
        return result

    def _note_results(self, wanted: Any, result: Any) -> None:
        """Gradients that `autograd.grad` hands back belong to what they were asked for."""
        if not isinstance(result, tuple):
            return
        with torch._C.DisableTorchFunction():
            for tensor, grad in zip(tensors_in(wanted), result):
                draft = self._backend.table.find(tensor)
                if draft is not None and isinstance(grad, torch.Tensor):
                    self._backend.gradients.note(draft.id, grad)

    def place(self, autograd: Any, kernels: Mapping[int, NodeDraft]) -> tuple[int | None, int | None]:
        """Where a backward kernel belongs.

        Args:
            autograd: The autograd node that runs it; None for the gradient of the root.
            kernels: The forward kernel of each autograd node, by sequence number.

        Returns:
            Ids of its scope, named after the autograd node, and of the forward kernel that it differentiates.
        """
        if autograd is None:
            return self._scope(None, "backward", None).id, None
        sequence = autograd._sequence_nr()
        name = autograd.name().split("::")[-1]
        forward = kernels.get(sequence)
        if forward is None:
            return self._scope((sequence, name), name, None).id, None
        self._visited.add(forward.id)
        return self._scope((sequence, name), name, forward).id, forward.id

    def _around(self, forward: NodeDraft) -> int | None:
        """The module in which a forward kernel ran."""
        scopes = self._backend.builder.scopes
        scope = scopes.get(forward.scope) if forward.scope is not None else None
        while scope is not None and scope.kind == "function":
            scope = scopes.get(scope.parent) if scope.parent is not None else None
        return scope.id if scope is not None else None

    def _scope(self, key: Any, name: str, forward: NodeDraft | None) -> ScopeDraft:
        """The scope of an autograd node: beside the call that it differentiates, at the same line."""
        found = self._scopes.get(key)
        if found is None:
            builder = self._backend.builder
            called = builder.scopes.get(forward.scope) if forward is not None and forward.scope is not None else None
            found = builder.scope(kind="function", name=name, type=f"torch.autograd.{name}")
            found.parent = self._around(forward) if forward is not None else None
            found.source = called.source if called is not None else None
            self._scopes[key] = found
        return found

    def _before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self.updating = True
        if not self._backend.recording.recording:
            return
        kind = type(optimizer)
        frame, _, _ = author_frame(1)
        source = names.site(frame).source if frame is not None else None
        builder = self._backend.builder
        name = f"{kind.__module__}.{kind.__qualname__}"
        self._step = builder.scope(kind="function", name=f"{kind.__name__}.step", type=name, source=source)
        builder.enter(self._step)

    def _after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self.updating = False
        if self._step is not None:
            self._backend.builder.leave(self._step)
            self._step = None
