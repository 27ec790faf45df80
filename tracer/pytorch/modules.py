"""Module calls of a program as scopes, and the qualified names of parameters, buffers and submodules."""

from __future__ import annotations

import inspect
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from tracer import names
from tracer.builder import ScopeDraft
from tracer.graph import ValueKind
from tracer.pytorch.frames import author_frame, is_author
from tracer.pytorch.internals import forget_module_hook
from tracer.pytorch.tensors import tensors_in

if TYPE_CHECKING:
    from types import FrameType

    from tracer.pytorch.capture import TorchBackend


class ModuleWatch:
    """The module hooks of one recording."""

    def __init__(self, backend: TorchBackend) -> None:
        self._backend = backend
        self._handles: list[Any] = []
        self._open: list[tuple[torch.nn.Module, ScopeDraft | None, Any]] = []
        self._modules: dict[int, tuple[weakref.ref[torch.nn.Module], str]] = {}
        self._tensors: dict[int, tuple[weakref.ref[torch.Tensor], str, ValueKind]] = {}
        self._roots: dict[str, str] = {}
        self._unseen: dict[int, Any] = {}
        self._local: set[str] = set()

    def install(self) -> None:
        """Hooks the calls of every module."""
        self._handles = [
            register_module_forward_pre_hook(self._before),
            register_module_forward_hook(self._after, with_kwargs=True, always_call=True),
        ]

    def remove(self) -> None:
        """Unhooks them."""
        while self._handles:
            forget_module_hook(self._handles.pop())
        while self._unseen:
            self._unseen.popitem()[1].__exit__(None, None, None)
        self._open.clear()

    def entered_at(self, key: Any) -> bool:
        """Whether the innermost module was called from the very place `key`, so that its result bears the name."""
        return bool(self._open) and self._open[-1][2] == key

    def tensor_name(self, tensor: torch.Tensor) -> str | None:
        """The qualified name of a parameter or buffer of a module that was called."""
        found = self._tensors.get(id(tensor))
        return found[1] if found is not None and found[0]() is tensor else None

    def kind(self, tensor: torch.Tensor) -> ValueKind:
        """What a tensor that comes from outside is."""
        found = self._tensors.get(id(tensor))
        if found is not None and found[0]() is tensor:
            return found[2]
        if isinstance(tensor, torch.nn.Parameter) or (tensor.requires_grad and tensor.is_leaf):
            return "parameter"
        return "input"

    def _before(self, module: torch.nn.Module, args: Any) -> None:
        backend = self._backend
        if threading.get_ident() != backend.thread or backend.muted or backend.backward.running:
            return
        with torch._C.DisableTorchFunction():
            if not self._open:
                backend.recording.outermost_call(id(module), self._continues(args))
                backend.recording.author_resumes()
            if not backend.recording.recording:
                self._open.append((module, None, None))
                return
            frame, _, _ = author_frame(1)
            key = (id(frame), frame.f_lasti) if frame is not None else None
            scope = self._scope(module, frame)
            scope.inputs = tuple(self._argument(tensor, module, args, frame) for tensor in tensors_in(args))
            backend.builder.enter(scope)
            self._open.append((module, scope, key))
        if _may_be_fused(module):
            self._unseen[id(module)] = guard = torch._C.DisableTorchFunction()
            guard.__enter__()

    def _continues(self, args: Any) -> bool:
        """Whether a module is given something that was computed in the segment under way."""
        table, builder = self._backend.table, self._backend.builder
        ids = {draft.id for tensor in tensors_in(args) if (draft := table.find(tensor)) is not None}
        for node in reversed(builder.nodes.values()):
            if not ids or node.segment != builder.segment.number:
                return False
            if node.inputs and not ids.isdisjoint(node.outputs):
                return True
        return False

    def _scope(self, module: torch.nn.Module, frame: FrameType | None) -> ScopeDraft:
        site = names.site(frame) if frame is not None else None
        name = self._module_name(module)
        if name is None:
            name = (site.callee if site is not None else None) or type(module).__name__
            self._learn(module, name)
        elif not self._open:
            self._learn_tensors(module, self._roots.get(name, ""))  # lazy modules make their parameters when called
        return self._backend.builder.scope(
            kind="module",
            name=name,
            type=type(module).__name__,
            call=self._backend.nth(("module", id(module))),
            source=site.source if site is not None else None,
        )

    def _module_name(self, module: torch.nn.Module) -> str | None:
        found = self._modules.get(id(module))
        return found[1] if found is not None and found[0]() is module else None

    def _learn(self, root: torch.nn.Module, name: str) -> None:
        """Names everything in a module that was called from outside any module known so far.

        Parameters bear their qualified names; of a second root that has parameters (a GAN has two models) and from
        then on of the first one too, the name of the root stands before them.
        """
        for path, module in root.named_modules():
            self._modules.setdefault(id(module), (weakref.ref(module), path or name))
        self._modules[id(root)] = (weakref.ref(root), name)
        if next(root.parameters(), None) is None and next(root.buffers(), None) is None:
            return
        if len(self._roots) == 1:
            self._prefix(next(iter(self._roots)))
        head = f"{name}." if self._roots else ""
        self._roots[name] = head
        self._learn_tensors(root, head)

    def _prefix(self, root: str) -> None:
        """Puts the name of the first root before the names of its parameters, now that there is a second one."""
        self._roots[root] = f"{root}."
        for key, (reference, name, kind) in list(self._tensors.items()):
            self._tensors[key] = (reference, f"{root}.{name}", kind)
        for draft in self._backend.builder.values.values():
            if draft.kind in ("parameter", "buffer") and draft.name in self._local:
                draft.name = f"{root}.{draft.name}"

    def _learn_tensors(self, root: torch.nn.Module, head: str) -> None:
        for name, parameter in root.named_parameters():
            self._know(parameter, f"{head}{name}", "parameter")
        for name, buffer in root.named_buffers():
            self._know(buffer, f"{head}{name}", "buffer")

    def _know(self, tensor: torch.Tensor, name: str, kind: ValueKind) -> None:
        known = self._tensors.get(id(tensor))
        if known is not None and known[0]() is tensor:
            return
        self._tensors[id(tensor)] = (weakref.ref(tensor), name, kind)
        if len(self._roots) <= 1:
            self._local.add(name)
        draft = self._backend.table.find(tensor)
        if draft is not None:
            draft.kind = kind
            draft.name = name

    def _argument(self, tensor: torch.Tensor, module: torch.nn.Module, args: Any, frame: FrameType | None) -> int:
        draft = self._backend.read(tensor)
        if draft.name is None and draft.kind == "input":
            draft.name = names.variable(frame, tensor, is_author) or _parameter(module, args, tensor)
        return draft.id

    def _after(self, module: torch.nn.Module, args: Any, *rest: Any) -> None:
        """After a call; torch leaves the keyword arguments out when it raised."""
        kwargs, result = rest if len(rest) == 2 else ({}, None)
        backend = self._backend
        if threading.get_ident() != backend.thread or not any(entry[0] is module for entry in self._open):
            return
        while self._open:
            opened, scope, key = self._open.pop()
            if id(opened) in self._unseen:
                self._unseen.pop(id(opened)).__exit__(None, None, None)
            if opened is module:
                break
        with torch._C.DisableTorchFunction():
            if scope is not None:
                self._close(scope, key, args, kwargs, result)
            if not self._open:
                needs = any(tensor.requires_grad for tensor in tensors_in(result))
                backend.recording.outermost_returned(id(module), needs)

    def _close(self, scope: ScopeDraft, key: Any, args: Any, kwargs: Any, result: Any) -> None:
        backend = self._backend
        backend.builder.leave(scope)
        given = [draft.id for tensor in tensors_in(kwargs) if (draft := backend.table.find(tensor)) is not None]
        scope.inputs = (*scope.inputs, *given)
        drafts = [draft for tensor in tensors_in(result) if (draft := backend.table.find(tensor)) is not None]
        scope.outputs = tuple(draft.id for draft in drafts)
        frame, _, _ = author_frame(2)
        if frame is not None and not self.entered_at(key):
            backend.namer.results.assign(frame, drafts)


_FUSED: Final = (torch.nn.MultiheadAttention, torch.nn.TransformerEncoderLayer, torch.nn.TransformerEncoder)


def _may_be_fused(module: torch.nn.Module) -> bool:
    """Whether torch runs a module as one fused kernel, which it does not while a function mode is on.

    The mode is taken off for such a call: what the program computes comes before what we see of it.
    """
    if not isinstance(module, _FUSED) or module.training:
        return False
    return not torch.is_grad_enabled() or not any(parameter.requires_grad for parameter in module.parameters())


def _parameter(module: torch.nn.Module, args: Any, tensor: torch.Tensor) -> str | None:
    """The parameter of `forward` that an argument is passed as, for one that no variable holds."""
    try:
        names_ = list(inspect.signature(module.forward).parameters)
    except (ValueError, TypeError):
        return None
    return next((name for name, given in zip(names_, args) if given is tensor), None)
