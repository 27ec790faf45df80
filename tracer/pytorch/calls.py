"""The level of the author's calls: a function of torch's, seen by a `TorchFunctionMode` -> a `Tape`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.overrides import TorchFunctionMode

from tracer import names
from tracer.pytorch.frames import author_frame, is_author
from tracer.pytorch.functions import qualified, short_name
from tracer.pytorch.internals import Quietly, sequence_number
from tracer.pytorch.places import caller, place
from tracer.pytorch.schemas import Kernel, describe, plain
from tracer.pytorch.tape import CALL, KERNEL, TAKEN, Naming
from tracer.pytorch.tensors import tensors_in
from tracer.recording import in_words

if TYPE_CHECKING:
    from tracer.pytorch.capture import TorchBackend
    from tracer.pytorch.lane import Lane

_PROPERTIES: Final[Any] = torch.Tensor  # as a table of properties, whose getters are functions to torch
_GRAD: Final = _PROPERTIES.grad.__get__
_DATA: Final = _PROPERTIES.data.__get__
_HIDDEN: Final[Mapping[Any, Any]] = {
    torch.Tensor.detach_: torch.ops.aten.detach_.default,
    _PROPERTIES.data.__set__: torch.ops.aten.set_data.default,
}
_SETS_REQUIRES_GRAD: Final = frozenset((torch.Tensor.requires_grad_, _PROPERTIES.requires_grad.__set__))
_PLAIN: Final = frozenset((torch.Tensor, torch.nn.Parameter))
_DEPTH: Final = 4  # levels of nesting in which the tensors of a call are looked for


class Function:
    """What a call of a function needs to know of it, worked out once."""

    __slots__ = ("detaches", "hidden", "name", "reads_gradient", "seeds", "sets_requires_grad")

    def __init__(self, func: Any) -> None:
        self.name = getattr(func, "__name__", "")
        self.detaches = self.name in ("detach", "detach_") or func == _DATA
        self.seeds = self.name in ("backward", "grad")
        self.reads_gradient = self.name == "__get__" and func == _GRAD
        self.sets_requires_grad = func in _SETS_REQUIRES_GRAD
        self.hidden = _HIDDEN.get(func)


class Call:
    """A function the author called, while it runs and on the tape.

    Attributes:
        id: Of its scope.
        func: The function.
        outer: The call it runs in, for what a custom autograd function calls.
        parent: The scope that it was called in.
        name: How it is called in a picture, where that is not the function's own name.
        frame: The author's frame that called it, while it runs; None where torch runs on its own.
        direct: Whether nothing of torch's stands between that frame and the function.
        site: What stands in the code there, once a kernel ran.
        as_author: Calls a function as if from that frame.
        code: The code of `as_author`.
        kernels: How many kernels ran inside it.
        detaches: Whether a detach inside it is the author's.
        seeds: Whether it makes the gradient of the root before the engine runs.
        naming: What its results are called.
        attrs: Its arguments that are no tensors, where they are not those of its one kernel.
    """

    __slots__ = (
        "as_author", "attrs", "code", "detaches", "direct", "frame", "func", "id", "kernels", "name", "naming", "outer",
        "parent", "seeds", "site",
    )  # fmt: skip

    def __init__(
        self, number: int, func: Any, lane: Lane, frame: FrameType | None, direct: bool, as_author: Any
    ) -> None:
        self.id = number
        self.func = func
        self.outer = lane.call
        self.parent = lane.stack[-1] if lane.stack else None
        self.name: str | None = None
        self.frame = frame
        self.direct = direct
        self.site: names.Site | None = None
        self.as_author: Any = as_author
        self.code = as_author.__code__
        self.kernels = 0
        self.detaches = self.seeds = False
        self.naming: Naming | None = None
        self.attrs: Mapping[str, Any] | None = None

    def ended(self) -> None:
        """Lets go of what holds variables of the program: its frame, and the globals that the stand-in runs in."""
        self.frame = self.as_author = None


class CallMode(TorchFunctionMode):
    """Notes the calls of one thread of a recording."""

    def __init__(self, backend: TorchBackend, lane: Lane) -> None:
        super().__init__()
        self._backend = backend
        self._lane = lane
        self._tape = backend.tape
        self._events = backend.tape.events
        self._find = backend.table.find
        self._watched = backend.gradients.watched
        self._functions: dict[Any, Function] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs a function that the author called and notes it, if a kernel ran inside it."""
        lane = self._lane
        if lane.off:
            return func(*args, **(kwargs or {}))
        frame: FrameType | None = sys._getframe(1)
        here, direct = place(frame), True  # type: ignore[arg-type]
        as_author = here.as_author
        if not here.author:
            as_author = caller(frame)
            frame, direct, loading = author_frame(1)
            if loading:
                return self._run_unseen(func, args, kwargs or {}, as_author)
        about = self._functions.get(func)
        if about is None:
            about = self._functions[func] = Function(func)
        tensors, plain_ones = self._tensors(args, kwargs)
        outer, call = lane.call, Call(self._tape.new_id(), func, lane, frame, direct, as_author)
        call.detaches, call.seeds = about.detaches, about.seeds
        lane.call = call
        start, since = len(self._events), sequence_number()
        self._backend.failure_noted = False
        inputs: list[int | None] = []
        try:
            inputs = self._look(tensors) if plain_ones else _quietly(self._look, tensors)
            result = as_author(func, args, kwargs or {})
        except BaseException as error:
            self._failed(call, error, tensors, inputs)
            raise
        finally:
            lane.call = outer
            if outer is not None:
                outer.kernels += call.kernels
        if about.hidden is not None and not call.kernels:
            _quietly(self._note_hidden, call, about.hidden, tensors, inputs)
        if call.kernels and not call.seeds:
            given = (call, result, args, kwargs or {}, tensors, inputs, start, since)
            self._finish(*given) if plain_ones and type(result) is torch.Tensor else _quietly(self._finish, *given)
        elif about.reads_gradient and isinstance(result, torch.Tensor):
            _quietly(self._read_gradient, result, args[0])
        elif about.sets_requires_grad:
            _quietly(self._look, tensors)
        call.ended()
        return result

    def _tensors(self, args: Sequence[Any], kwargs: Mapping[str, Any] | None) -> tuple[list[torch.Tensor], bool]:
        """The tensors in the arguments of a call, and whether all are of a plain type, as most are.

        To look at one of another class may call its author's `__torch_function__`.
        """
        found: list[torch.Tensor] = []
        nested = False
        for each in (*args, *kwargs.values()) if kwargs else args:
            if type(each) in _PLAIN:
                found.append(each)
            elif type(each) not in _NO_TENSORS:
                found.extend(tensors_in(each, _DEPTH))
                nested = True
        return found, not nested or _PLAIN.issuperset(map(type, found))

    def _look(self, tensors: Sequence[torch.Tensor]) -> list[int | None]:
        """The values of the tensors that a call is given, with a look for their gradients and names."""
        backend = self._backend
        inputs = [self._find(tensor) for tensor in tensors]
        if self._lane.running:
            return inputs
        for tensor, value in zip(tensors, inputs):
            if value is None:
                continue
            if tensor.requires_grad and value not in self._watched:
                backend.note_requires_grad(tensor, value)
            if value in backend.namer.nameless:
                backend.namer.name_source(value, tensor)
        return inputs

    def run_custom(self, cls: Any, apply: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Runs an author's `autograd.Function`: a call, with the calls of its `forward` inside it."""
        backend, lane = self._backend, self._lane
        frame, direct, _ = author_frame(2)
        outer, call = lane.call, Call(self._tape.new_id(), apply, lane, frame, direct, caller(sys._getframe(1)))
        call.name = cls.__name__
        with Quietly():
            tensors = list(tensors_in((args, kwargs), _DEPTH))
            inputs: list[int | None] = [backend.read(tensor) for tensor in tensors]
        start, since = len(self._events), sequence_number()
        lane.call = call
        lane.stack.append(call.id)
        try:
            result = apply(*args, **kwargs)
        except BaseException as error:
            self._failed(call, error, tensors, inputs)
            raise
        finally:
            lane.call = outer
            del lane.stack[lane.stack.index(call.id) :]
            if outer is not None:
                outer.kernels += call.kernels
        if call.kernels:
            with Quietly():
                self._finish(call, result, args, kwargs, tensors, inputs, start, since)
        call.ended()
        return result

    def run_whole(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Runs control flow (`torch.cond`) as one operation whose inside is not seen.

        It compiles its branches, and what torch 2.13 compiles under a dispatch mode fails when called without it later.
        """
        backend, lane = self._backend, self._lane
        if lane.off or lane.call is not None:
            return func(*args, **kwargs)
        frame, direct, _ = author_frame(2)
        call = Call(self._tape.new_id(), func, lane, frame, direct, caller(sys._getframe(1)))
        with Quietly():
            tensors = list(tensors_in((args, kwargs), _DEPTH))
            inputs: list[int | None] = [backend.read(tensor) for tensor in tensors]
        start, since = len(self._events), sequence_number()
        with backend.unseen():
            result = func(*args, **kwargs)
        if backend.recording.forward_begins():
            with Quietly():
                outputs = tuple([backend.table.add(tensor) for tensor in tensors_in(result, _DEPTH)])
                self._note_whole(call, f"torch.{func.__name__}", inputs, outputs, None)
                self._finish(call, result, args, kwargs, tensors, inputs, start, since)
        call.ended()
        return result

    def _note_whole(
        self, call: Call, target: str, inputs: Sequence[int | None], outputs: tuple[int, ...], error: str | None
    ) -> None:
        """Notes a call as one kernel, where what it runs inside was not seen."""
        call.kernels += 1
        kernel = whole(call.func, target)
        sequence = sequence_number() + self._lane.base
        known = [value for value in inputs if value is not None]
        number = self._tape.new_id()
        self._events.append(
            (KERNEL, number, kernel, call.id, sequence, "forward", known, outputs, (...,), None, None, error)
        )

    def _note_hidden(
        self, call: Call, operator: Any, tensors: Sequence[torch.Tensor], inputs: Sequence[int | None]
    ) -> None:
        """Notes a kernel that torch shows to no dispatch mode: it changes what a tensor hangs or lies on, no memory."""
        old = inputs[0] if inputs else None
        if old is None or not self._backend.recording.forward_begins():
            return
        call.kernels += 1
        read = [old, *[self._backend.read(tensor) for tensor in tensors[1:]]]
        made = self._backend.table.add(tensors[0], version_of=old)
        if len(read) > 1:
            self._tape.view_of[made] = read[1]
        if self._tape.kinds.get(old) in ("parameter", "buffer"):
            self._tape.kinds[made] = self._tape.kinds[old]
        phase = "update" if self._lane.updating else "forward"
        sequence = sequence_number() + self._lane.base
        kernel = describe(operator)
        self._events.append(
            (KERNEL, self._tape.new_id(), kernel, call.id, sequence, phase, read, (made,), *(None,) * 4)
        )

    def _run_unseen(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], as_author: Any) -> Any:
        """Runs what a data loader does to collate a batch: the batch is where the author's graph begins."""
        with self._backend.muted():
            return as_author(func, args, kwargs)

    def _finish(
        self, call: Call, result: Any, args: Sequence[Any], kwargs: Mapping[str, Any],
        tensors: Sequence[torch.Tensor], inputs: list[int | None], start: int, since: int,
    ) -> None:  # fmt: skip
        """What is known once a call has returned: where it was written, what it gave, and where gradients will come."""
        backend = self._backend
        self._describe(call, args, kwargs, tensors, inputs)
        results = [result] if type(result) is torch.Tensor else list(tensors_in(result, _DEPTH))
        outputs: list[int] = []
        for tensor in results:
            value = self._find(tensor)
            if value is not None:
                outputs.append(value)
                if call.direct and self._tape.kinds.get(value) == "constant":
                    self._tape.kinds[value] = "input"  # the author called a factory himself
                    backend.namer.nameless.add(value)
                if tensor.requires_grad and value not in self._watched:
                    backend.note_requires_grad(tensor, value)
        until = sequence_number()
        if until - since > 1:
            backend.gradients.watch_inside(results, since, until, self._events[start:], self._lane.base)
        frame = call.frame
        if frame is not None and outputs and not backend.modules.entered_at(frame):
            site = call.site or names.site(frame)
            found, each = names.targets(frame, is_author) if site.returned else (site.targets, site.each)
            direct = call.direct if site.called is None else site.called == getattr(call.func, "__name__", None)
            call.naming = (found, each, None if direct else (id(frame), frame.f_lasti))
        base = self._lane.base
        self._events.append((CALL, call, inputs, outputs, since + base, until + base))

    def _describe(
        self, call: Call, args: Sequence[Any], kwargs: Mapping[str, Any],
        tensors: Sequence[torch.Tensor], inputs: list[int | None],
    ) -> None:  # fmt: skip
        """Fills in the values that were unknown before, the place in the code, and the arguments."""
        for index, value in enumerate(inputs):
            if value is None:
                inputs[index] = self._find(tensors[index])
        if call.kernels > 1:
            call.attrs = _arguments(call.func, args, kwargs)
        if len(args) == 3 and getattr(call.func, "__name__", "") == "__setitem__" and plain(args[2]) is not None:
            call.attrs = {"other": plain(args[2])}  # x[0] = 7: the number is what is written
        if call.frame is not None:
            call.site = names.site(call.frame)

    def _failed(
        self, call: Call, error: BaseException, tensors: Sequence[torch.Tensor], inputs: list[int | None]
    ) -> None:
        """Notes the call that an exception ended, unless the kernel that raised it was noted."""
        backend = self._backend
        if isinstance(error, Exception) and not backend.failure_noted:
            backend.failure_noted = True
            with Quietly():
                read = [backend.read(tensor) for tensor in tensors]
            self._note_whole(call, qualified(call.func), read, (), in_words(error))
        if call.kernels:
            _quietly(self._describe, call, (), {}, tensors, inputs)
            sequence = sequence_number() + self._lane.base
            self._events.append((CALL, call, inputs, (), sequence, sequence))
        call.ended()

    def _read_gradient(self, result: torch.Tensor, owner: torch.Tensor) -> None:
        """The author took `w.grad`: what is computed from it, without a gradient of its own, is an update."""
        table, tape = self._backend.table, self._tape
        value = table.find(result)
        if value is None:
            value = table.add(result, unseen=True, later=True)  # `zero_grad` takes all, and computes nothing from them
            tape.kinds[value] = "input"
        held = table.find(owner)
        if held is not None:
            self._events.append((TAKEN, value, held))
        self._backend.from_gradient.add(value)


def _quietly(function: Callable[..., Any], *args: Any) -> Any:
    """Calls a function of ours that no class of tensors may notice."""
    with Quietly():
        return function(*args)


_NO_TENSORS: Final = frozenset((int, float, bool, str, type(None), torch.dtype, torch.device, slice))


def whole(func: Any, target: str) -> Kernel:
    """A call as a kernel of its own."""
    return Kernel(short_name(func), target, (), {}, frozenset(), (), func, func)


def _arguments(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call that are no tensors, by name where Python knows it."""
    code = getattr(func, "__code__", None)
    parameters = code.co_varnames[: code.co_argcount] if code is not None else ()
    given = (*zip(parameters, args), *kwargs.items())
    found = {name: plain(argument) for name, argument in given if not isinstance(argument, torch.Tensor)}
    return {name: data for name, data in found.items() if data is not None}
