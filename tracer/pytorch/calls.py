"""The level of the author's calls: a function of torch's, seen by a `TorchFunctionMode` -> a function scope."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.overrides import TorchFunctionMode, resolve_name

from tracer import names
from tracer.builder import NodeDraft, ScopeDraft, ValueDraft
from tracer.pytorch.frames import author_frame
from tracer.pytorch.internals import sequence_number
from tracer.pytorch.schemas import plain
from tracer.pytorch.standins import call_as, caller
from tracer.pytorch.tensors import tensors_in

if TYPE_CHECKING:
    from tracer.pytorch.capture import TorchBackend

_PROPERTIES: Final[Any] = torch.Tensor  # as a table of properties, whose getters are functions to torch
_GRAD: Final = _PROPERTIES.grad.__get__
_DATA: Final = _PROPERTIES.data.__get__
_OPERATORS: Final = frozenset(
    "add sub mul div true_divide truediv floor_divide floordiv remainder mod pow matmul neg pos positive "
    "and or xor invert lshift rshift bitwise_and bitwise_or bitwise_xor bitwise_not logical_not "
    "lt le gt ge eq ne getitem setitem radd rsub rmul rtruediv rdiv rpow rmatmul rfloordiv rmod "
    "iadd isub imul itruediv idiv ipow imatmul iand ior ixor ifloordiv imod".split()
)
_REFLECTED: Final = frozenset(("__rsub__", "__rdiv__", "__rtruediv__", "__rfloordiv__", "__rmod__", "__rpow__"))


class Call:
    """A function the author called, while it runs.

    Attributes:
        func: The function.
        frame: The author's frame that called it; None where torch runs on its own.
        direct: Whether nothing of torch's stands between that frame and the function.
        name: How it is called in a picture.
        scope: Its scope, once a kernel ran inside it.
        kernels: The kernels that ran inside it.
        arguments: The tensors it was given, with their values before it ran.
        unknown: Values that came into the graph with it, to be named.
        sequence: Number that the next autograd node would have had when it began.
        detaches: Whether a detach inside it is the author's.
        seeds: Whether it makes the gradient of the root before the engine runs.
    """

    __slots__ = (
        "arguments", "detaches", "direct", "frame", "func", "kernels", "name", "scope", "seeds", "sequence", "unknown",
    )  # fmt: skip

    def __init__(self, func: Any, frame: FrameType | None, direct: bool, name: str | None = None) -> None:
        own = getattr(func, "__name__", "")
        self.func = func
        self.frame = frame
        self.direct = direct
        self.name = name or _name(func)
        self.scope: ScopeDraft | None = None
        self.kernels: list[NodeDraft] = []
        self.arguments: list[tuple[torch.Tensor, ValueDraft | None]] = []
        self.unknown: list[tuple[ValueDraft, torch.Tensor]] = []
        self.sequence = sequence_number()
        self.detaches = own in ("detach", "detach_") or func == _DATA
        self.seeds = own in ("backward", "grad")


class FunctionMode(TorchFunctionMode):
    """Hands every function call to the backend."""

    def __init__(self, calls: CallWatch) -> None:
        super().__init__()
        self._calls = calls

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self._calls.run(func, args, kwargs or {})


class CallWatch:
    """Notes the calls of one recording.

    Attributes:
        current: The call under way, None between calls.
    """

    def __init__(self, backend: TorchBackend) -> None:
        self._backend = backend
        self._asked: set[int] = set()
        self.current: Call | None = None

    def run(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Runs a function that the author called and notes it, if a kernel ran inside it."""
        backend = self._backend
        if backend.muted or not backend.recording.recording:
            return func(*args, **kwargs)
        frame, direct, loading = author_frame(2)
        if loading:
            return self._run_unseen(func, args, kwargs)
        outer, call = self.current, Call(func, frame, direct)
        call.arguments = [(tensor, backend.table.find(tensor)) for tensor in tensors_in((args, kwargs), 4)]
        call.unknown = [(draft, tensor) for tensor, draft in call.arguments if draft and self._wants_name(draft)]
        self.current = call
        backend.failure_noted = False
        try:
            result = call_as(caller(2), func, args, kwargs)
        except BaseException as error:
            self._failed(call, error, args, kwargs)
            raise
        finally:
            self.current = outer
            if outer is not None:
                outer.kernels.extend(call.kernels)
        if call.kernels and not call.seeds:
            self._finish(call, result, args, kwargs)
        elif func == _GRAD and isinstance(result, torch.Tensor):
            self._read_gradient(result, args[0])
        elif call.unknown:
            backend.namer.name_unknown(call)
        return result

    def run_custom(self, cls: Any, apply: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Runs an author's `autograd.Function`: a call, with the calls of its `forward` inside it."""
        backend = self._backend
        if backend.muted or not backend.recording.recording or threading.get_ident() != backend.thread:
            return apply(*args, **kwargs)
        frame, direct, _ = author_frame(2)
        outer, call = self.current, Call(apply, frame, direct, cls.__name__)
        with torch._C.DisableTorchFunction():
            call.arguments = [(tensor, backend.read(tensor)) for tensor in tensors_in((args, kwargs), 4)]
        self.current = call
        scope = self.scope(call)
        backend.builder.enter(scope)
        try:
            result = apply(*args, **kwargs)
        finally:
            self.current = outer
            backend.builder.leave(scope)
        if call.kernels:
            self._finish(call, result, args, kwargs)
        return result

    def _wants_name(self, draft: ValueDraft) -> bool:
        """Whether a value that no assignment named may be a parameter of the author's function; asked once for each."""
        if draft.name is not None or draft.kind not in ("input", "parameter") or draft.id in self._asked:
            return False
        self._asked.add(draft.id)
        return True

    def run_whole(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Runs control flow (`torch.cond`) as one operation whose inside is not seen.

        It compiles its branches, and what torch 2.13 compiles under a dispatch mode fails when called without it later.
        """
        backend = self._backend
        if backend.muted or self.current is not None or not backend.recording.recording:
            return func(*args, **kwargs)
        frame, direct, _ = author_frame(2)
        call = Call(func, frame, direct)
        with torch._C.DisableTorchFunction():
            call.arguments = [(tensor, backend.read(tensor)) for tensor in tensors_in((args, kwargs), 4)]
        with backend.unseen():
            result = func(*args, **kwargs)
        if not backend.recording.forward_begins():
            return result
        with torch._C.DisableTorchFunction():
            inputs = tuple([draft.id for _, draft in call.arguments if draft is not None])
            node = backend.builder.node(call.name, f"torch.{call.name}", inputs, (), scope=self.scope(call).id)
            node.outputs = tuple([backend.table.add(tensor, kind="result").id for tensor in tensors_in(result, 4)])
            call.kernels.append(node)
            self._finish(call, result, args, kwargs)
        return result

    def _run_unseen(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Runs what a data loader does to collate a batch: the batch is where the author's graph begins."""
        self._backend.muted += 1
        try:
            return call_as(caller(3), func, args, kwargs)
        finally:
            self._backend.muted -= 1

    def scope(self, call: Call) -> ScopeDraft:
        """The scope of a call, made when its first kernel runs."""
        if call.scope is None:
            call.scope = self._backend.builder.scope(kind="function", name=call.name)
        return call.scope

    def _finish(self, call: Call, result: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """What is known once a call has returned: where it was written, what it gave, and where gradients will come."""
        backend = self._backend
        scope = self.scope(call)
        self._describe(call, scope, args, kwargs)
        outputs = [(tensor, draft) for tensor in tensors_in(result, 4) if (draft := backend.table.find(tensor))]
        scope.outputs = tuple(draft.id for _, draft in outputs)
        for sequence in range(call.sequence, sequence_number()):
            backend.kernels.by_sequence.setdefault(sequence, call.kernels[-1])
        for tensor, draft in outputs:
            if draft.kind == "constant" and call.direct:
                draft.kind = "input"  # the author called a factory himself
            backend.note_requires_grad(tensor, draft)
        backend.gradients.watch_inside([tensor for tensor, _ in outputs], call.sequence, backend.kernels.by_sequence)
        backend.namer.name_unknown(call)
        backend.namer.name_results(call, [draft for _, draft in outputs])

    def _describe(self, call: Call, scope: ScopeDraft, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        scope.type = _qualified(call.func) if call.name == _name(call.func) else call.name
        inputs = [draft or self._backend.table.find(tensor) for tensor, draft in call.arguments]
        scope.inputs = tuple(draft.id for draft in inputs if draft is not None)
        scope.attrs = call.kernels[0].attrs if len(call.kernels) == 1 else _arguments(call.func, args, kwargs)
        if "other" in scope.attrs and getattr(call.func, "__name__", "") in _REFLECTED:
            scope.attrs = {"self": scope.attrs["other"]}  # 1 - x: the number is the first operand
        if call.name == "setitem" and len(args) == 3 and plain(args[2]) is not None:
            scope.attrs = {"other": plain(args[2])}  # x[0] = 7: the number is what is written
        if call.frame is None:
            return
        here = names.site(call.frame)
        scope.source = here.source
        if here.operator is not None and getattr(call.func, "__name__", "").strip("_") in _OPERATORS:
            scope.name = here.operator
        scope.call = self._backend.nth((call.frame.f_code, call.frame.f_lasti))

    def _failed(self, call: Call, error: BaseException, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Notes the call that an exception ended, unless the kernel that raised it was noted."""
        backend = self._backend
        if isinstance(error, Exception) and not backend.failure_noted:
            backend.failure_noted = True
            inputs = tuple([backend.read(tensor).id for tensor, _ in call.arguments])
            message = f"{type(error).__name__}: {error}"
            node = backend.builder.node(
                call.name, _qualified(call.func), inputs, (), scope=self.scope(call).id, error=message
            )
            call.kernels.append(node)
        if call.kernels:
            self._describe(call, self.scope(call), args, kwargs)
            backend.namer.name_unknown(call)

    def _read_gradient(self, result: torch.Tensor, owner: torch.Tensor) -> None:
        """The author took `w.grad`: what is computed from it, without a gradient of its own, is an update."""
        table = self._backend.table
        draft = table.find(result)
        if draft is None:
            draft = table.add(result, kind="input")
            self._backend.keeper.value(draft, result)
        if draft.name is None:
            held = table.find(owner)
            draft.name = f"{held.name}.grad" if held is not None and held.name else None
        self._backend.kernels.from_gradient.add(draft.id)


def _name(func: Any) -> str:
    """How a function is called in a picture: `mm`, `T` for the property."""
    name = getattr(func, "__name__", None) or str(func)
    if name in ("__get__", "__set__"):
        return str(getattr(getattr(func, "__self__", None), "__name__", name))
    name = name.split(".")[0]
    return name.strip("_") if name.startswith("__") else name


def _qualified(func: Any) -> str:
    """The dotted name of a function; torch's own tables know some only under an alias, so the last part is our own."""
    with torch._C.DisableTorchFunction():
        path = resolve_name(func) or f"{getattr(func, '__module__', '') or ''}.{_name(func)}"
    name = getattr(func, "__name__", None)
    if path.endswith(("__get__", "__set__")) or name is None:
        return path
    return ".".join([*path.split(".")[:-1], name])


def _arguments(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call that are no tensors, by name where Python knows it."""
    code = getattr(func, "__code__", None)
    parameters = code.co_varnames[: code.co_argcount] if code is not None else ()
    given = (*zip(parameters, args), *kwargs.items())
    found = {name: plain(argument) for name, argument in given if not isinstance(argument, torch.Tensor)}
    return {name: data for name, data in found.items() if data is not None}
