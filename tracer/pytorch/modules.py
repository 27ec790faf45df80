"""Module calls of a program as scopes, and the qualified names of parameters, buffers and submodules."""

from __future__ import annotations

import inspect
import sys
import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from tracer import names
from tracer.builder import ScopeDraft
from tracer.costs import SPANS
from tracer.graph import ValueKind
from tracer.pytorch.frames import author_frame, is_author
from tracer.pytorch.internals import HOOKS_ASKED, Quietly, forget_module_hook, global_hooks
from tracer.pytorch.parameters import Parameters
from tracer.pytorch.patches import Patches
from tracer.pytorch.tape import KERNEL, NAMED
from tracer.pytorch.tensors import tensors_in

if TYPE_CHECKING:
    from types import FrameType

    from tracer.pytorch.capture import TorchBackend
    from tracer.pytorch.lane import Lane


_ours: Final[set[int]] = set()  # the hooks of all recordings, of which the compiler need not warn


class ModuleWatch:
    """The module hooks of one recording."""

    def __init__(self, backend: TorchBackend) -> None:
        self._backend = backend
        self._handles: list[Any] = []
        self._patches = Patches()
        self._modules: dict[int, tuple[weakref.ref[torch.nn.Module], str]] = {}
        self._tensors: dict[int, tuple[weakref.ref[torch.Tensor], str, ValueKind]] = {}
        self._roots: dict[str, str] = {}
        self._parameters = Parameters()
        self._unseen: dict[int, Any] = {}
        self._local: set[str] = set()
        self._called: dict[int, int] = {}
        self._handed: tuple[int, set[int | None]] = (0, set())  # first id of a segment, and what its calls gave

    def install(self) -> None:
        """Hooks the calls of every module."""
        self._handles = [
            register_module_forward_pre_hook(self._before),
            register_module_forward_hook(self._after, with_kwargs=True, always_call=True),
        ]
        _ours.update(handle.id for handle in self._handles)
        self._patches.put(*HOOKS_ASKED, lambda: any(not _ours.issuperset(hooks) for hooks in global_hooks()))

    def remove(self) -> None:
        """Unhooks them."""
        self._patches.undo()
        while self._handles:
            _ours.discard(self._handles[-1].id)
            forget_module_hook(self._handles.pop())
        while self._unseen:
            self._unseen.popitem()[1].__exit__(None, None, None)

    def entered_at(self, frame: FrameType) -> bool:
        """Whether the innermost module was called from where `frame` is, so that its result bears the name."""
        open_ = self._backend.lane().modules
        return bool(open_) and open_[-1][2] == (id(frame), frame.f_lasti)

    def tensor_name(self, tensor: torch.Tensor) -> str | None:
        """The qualified name of a parameter or buffer of a module that was called."""
        found = self._tensors.get(id(tensor))
        return found[1] if found is not None and found[0]() is tensor else None

    def release(self, tensor: torch.Tensor) -> None:
        """Holds no reference to a tensor any more."""
        self._tensors.pop(id(tensor), None)
        self._parameters.release(tensor)

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
        lane = backend.lane_here()
        if lane is None or lane.muted or lane.running:
            return
        caller = sys._getframe(1)
        with Quietly():
            if not lane.modules and lane.is_main:
                backend.recording.outermost_call(id(module), lambda: self._continues((args, _keywords(caller))))
                backend.recording.author_resumes()
            if lane.off:
                lane.modules.append((module, None, None))
                return
            if type(module).__name__ == "OptimizedModule":
                backend.recording.note(backend.EAGERLY)
            frame, _, _ = author_frame(1)
            key = (id(frame), frame.f_lasti) if frame is not None else None
            scope = self._scope(module, frame, lane)
            scope.inputs = tuple([self._argument(tensor, module, args, frame) for tensor in tensors_in(args)])
            lane.stack.append(scope.id)
            lane.modules.append((module, scope, key))
        if _may_be_fused(module):
            self._unseen[id(module)] = guard = torch._C.DisableTorchFunction()
            guard.__enter__()

    def _continues(self, args: Any) -> bool:
        """Whether a module is given something computed from what a call of the segment under way has returned.

        A loop that hands the result of one call on to the next (denoising, decoding) is one computation; a loop over
        a data set is not, although each batch may have been scaled before.
        """
        wanted = {self._backend.table.find(tensor) for tensor in tensors_in(args)} - {None}
        first = self._backend.builder.segment.first
        for event in reversed(self._backend.tape.events if wanted else ()):
            if event[0] != KERNEL:
                continue
            if event[1] < first:
                return False
            if event[6] and not wanted.isdisjoint(event[7]):
                if not self._handed[1].isdisjoint(event[7]):
                    return True
                wanted.update(event[6])
        return False

    def _scope(self, module: torch.nn.Module, frame: FrameType | None, lane: Lane) -> ScopeDraft:
        site = names.site(frame) if frame is not None else None
        name = self._module_name(module)
        if name is None:
            name = site.callee if site is not None else None
            if name == "self":  # a method calls its own module: `model.generate()`
                name = names.variable(frame, module, is_author)
            self._learn(module, name := name or type(module).__name__)
        elif not lane.modules:
            self._learn_tensors(module, self._roots.get(name, ""))  # lazy modules make their parameters when called
        return self._backend.builder.scope(
            kind="module",
            name=name,
            type=type(module).__name__,
            call=self._nth(module),
            source=site.source if site is not None else None,
            parent=lane.stack[-1] if lane.stack else None,
        )

    def _nth(self, module: torch.nn.Module) -> int:
        """How often a module was called before."""
        count = self._called.get(id(module), 0)
        self._called[id(module)] = count + 1
        return count

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
        tape = self._backend.tape
        for value, name in list(tape.names.items()):
            if tape.kinds.get(value) in ("parameter", "buffer") and name in self._local:
                tape.names[value] = f"{root}.{name}"

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
        value = self._backend.table.find(tensor)
        if value is not None:
            self._backend.tape.kinds[value] = kind
            self._backend.tape.names[value] = name

    def _argument(self, tensor: torch.Tensor, module: torch.nn.Module, args: Any, frame: FrameType | None) -> int:
        value, tape = self._backend.read(tensor), self._backend.tape
        if value not in tape.names and tape.kinds.get(value) == "input":
            name = names.variable(frame, tensor, is_author) or _parameter(module, args, tensor)
            if name is not None:
                tape.events.append((NAMED, value, name))
        return value

    def _after(self, module: torch.nn.Module, args: Any, *rest: Any) -> None:
        """After a call; torch leaves the keyword arguments out when it raised."""
        kwargs, result = rest if len(rest) == 2 else ({}, None)
        lane = self._backend.lane_here()
        if lane is None or not any(entry[0] is module for entry in lane.modules):
            return
        while lane.modules:
            opened, scope, key = lane.modules.pop()
            if id(opened) in self._unseen:
                self._unseen.pop(id(opened)).__exit__(None, None, None)
            if scope is not None and scope.id in lane.stack:
                del lane.stack[lane.stack.index(scope.id) :]  # and what an exception left open inside it
            if opened is module:
                break
        with Quietly():
            if scope is not None:
                spans = self._parameters.of(module)
                scope.attrs = {SPANS: spans} if spans else scope.attrs
                self._close(scope, key, args, kwargs, result)
            if not lane.modules and lane.is_main:
                made = tuple(tensors_in(result))
                self._hand_back(made)
                self._backend.recording.outermost_returned(id(module), any(each.requires_grad for each in made))

    def _hand_back(self, made: Iterable[torch.Tensor]) -> None:
        """Remembers what an outermost call gives, for as long as the segment lasts that it belongs to."""
        first = self._backend.builder.segment.first
        if self._handed[0] != first:
            self._handed = (first, set())
        self._handed[1].update(map(self._backend.table.find, made))

    def _close(self, scope: ScopeDraft, key: Any, args: Any, kwargs: Any, result: Any) -> None:
        find = self._backend.table.find
        given = [value for tensor in tensors_in(kwargs) if (value := find(tensor)) is not None]
        scope.inputs = (*scope.inputs, *given)
        values = [value for tensor in tensors_in(result) if (value := find(tensor)) is not None]
        scope.outputs = tuple(values)
        frame, _, _ = author_frame(2)
        if frame is not None and not self.entered_at(frame):
            self._backend.namer.assign(frame, values)


_FUSED: Final = (torch.nn.MultiheadAttention, torch.nn.TransformerEncoderLayer, torch.nn.TransformerEncoder)


def _may_be_fused(module: torch.nn.Module) -> bool:
    """Whether torch runs a module as one fused kernel, which it does not while a function mode is on.

    The mode is taken off for such a call: what the program computes comes before what we see of it.
    """
    if not isinstance(module, _FUSED) or module.training:
        return False
    return not torch.is_grad_enabled() or not any(parameter.requires_grad for parameter in module.parameters())


def _keywords(caller: FrameType) -> Any:
    """The keyword arguments of a call, of which torch tells hooks only when it is over: a local of what calls hooks."""
    return caller.f_locals.get("kwargs", {})


def _parameter(module: torch.nn.Module, args: Any, tensor: torch.Tensor) -> str | None:
    """The parameter of `forward` that an argument is passed as, for one that no variable holds."""
    try:
        names_ = list(inspect.signature(module.forward).parameters)
    except (ValueError, TypeError):
        return None
    return next((name for name, given in zip(names_, args) if given is tensor), None)
