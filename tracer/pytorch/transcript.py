"""A `Tape`, read once the program has run -> the nodes, values and scopes of a `Builder`.

Everything is worked out here that the program need not wait for: which kernel an autograd function belongs to, the
scopes of calls and of autograd functions, names of results, and arguments as text.
"""

from __future__ import annotations

import bisect
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tracer.builder import NodeDraft, ScopeDraft, ValueDraft
from tracer.graph import Stats
from tracer.names import Results, Site
from tracer.pytorch.arguments import write
from tracer.pytorch.calls import Call
from tracer.pytorch.frames import is_author
from tracer.pytorch.functions import qualified, short_name
from tracer.pytorch.lane import APART
from tracer.pytorch.numbers import Numbers
from tracer.pytorch.schemas import Kernel, attributes
from tracer.pytorch.tape import (
    CALL,
    FAILED,
    GRADIENT,
    KEPT,
    KERNEL,
    NAMED,
    NAMES,
    SEQUENCE,
    TAKEN,
    TENSOR,
    VERSION,
    VISITED,
    Facts,
    Tape,
)  # fmt: skip
from tracer.pytorch.tensors import DTYPES
from tracer.recording import Recording

_OPERATORS: Final = frozenset(
    "add sub mul div true_divide truediv floor_divide floordiv remainder mod pow matmul neg pos positive "
    "and or xor invert lshift rshift bitwise_and bitwise_or bitwise_xor bitwise_not logical_not "
    "lt le gt ge eq ne getitem setitem radd rsub rmul rtruediv rdiv rpow rmatmul rfloordiv rmod "
    "iadd isub imul itruediv idiv ipow imatmul iand ior ixor ifloordiv imod".split()
)
_REFLECTED: Final = frozenset(("__rsub__", "__rdiv__", "__rtruediv__", "__rfloordiv__", "__rmod__", "__rpow__"))


def transcribe(tape: Tape, numbers: Numbers, recording: Recording) -> None:
    """Writes what `tape` holds into the builder and the gradients of `recording`."""
    Transcript(tape, numbers, recording).run()


class Transcript:
    """Reads one tape from beginning to end."""

    def __init__(self, tape: Tape, numbers: Numbers, recording: Recording) -> None:
        self._tape = tape
        self._numbers = numbers
        self._recording = recording
        self._builder = recording.builder
        self._results = Results(is_author)
        self._sequence: dict[int, int] = {}
        self._by_sequence: dict[int, NodeDraft] = {}
        self._calls: dict[int, ScopeDraft] = {}
        self._kernels: dict[int, list[NodeDraft]] = {}
        self._functions: dict[tuple[int, int], ScopeDraft] = {}
        self._visited: dict[int, set[int]] = {}
        self._counts: dict[Any, int] = {}
        self._firsts = [segment.first for segment in self._builder.segments]
        self._tuples: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())  # the last two that were made
        self._layouts: dict[Facts, tuple[tuple[int, ...], str, str, int]] = {}
        self._spellings: dict[Any, tuple[str, Mapping[str, Any]]] = {}
        self._attrs: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._attrs_with: dict[tuple[int, str], Mapping[str, Any]] = {}
        self._last = 0
        self._ended = 0

    def run(self) -> None:
        """Reads the tape."""
        self._builder.stack.clear()  # scopes that an exception left open
        read: dict[int, Callable[..., None]] = {
            KERNEL: self._kernel, CALL: self._call, NAMES: self._names, NAMED: self._named, VERSION: self._version,
            GRADIENT: self._gradient, TAKEN: self._taken, SEQUENCE: self._resumed, VISITED: self._backward_ended,
            FAILED: self._failed,
            KEPT: self._keeps,
        }  # fmt: skip
        for event in self._tape.events:
            read[event[0]](*event[1:])
        self._results.finish()
        for value in sorted(self._builder.values):
            draft = self._builder.values[value]
            draft.name = draft.name or self._inherited(draft)

    # Values.

    def _inherited(self, draft: ValueDraft) -> str | None:
        """The name of the version before; what an in-place operation made bears it where it has no name of its own."""
        while draft.name is None and draft.version_of is not None and draft.version_of in self._builder.values:
            draft = self._builder.values[draft.version_of]
        return draft.name

    def _value(self, value: int) -> ValueDraft:
        """The draft of a value, made at its first mention."""
        draft = self._builder.values.get(value)
        if draft is None:
            tape = self._tape
            facts = tape.facts[value]
            shape, dtype, device, nbytes = self._layouts.get(facts) or self._layout(facts)
            draft = self._builder.value(
                id=value,
                kind=tape.kinds.get(value, "result"),
                shape=shape,
                dtype=dtype,
                device=device,
                nbytes=nbytes,
                requires_grad=value in tape.requires_grad,
                name=tape.names.get(value),
                data=self._numbers.get(value, shape),
                view_of=tape.view_of.get(value),
                version_of=tape.version_of.get(value),
            )
        return draft

    def _layout(self, facts: Facts) -> tuple[tuple[int, ...], str, str, int]:
        """Shape, dtype and device as the model has them, and bytes; once for all values that agree."""
        shape, dtype, device, _ = facts
        nbytes = max(0, math.prod(shape)) * dtype.itemsize
        found = self._layouts[facts] = (shape, DTYPES.get(dtype, str(dtype)), device, nbytes)
        return found

    def _names(self, values: list[int], naming: tuple[tuple[str, ...], bool, Any]) -> None:
        self._results.give([self._value(value) for value in values], *naming)

    def _named(self, value: int, name: str) -> None:
        draft = self._value(value)
        draft.name = draft.name or name

    def _version(self, value: int, writer: int | None) -> None:
        """A new version of a tensor whose memory was written through another one."""
        draft = self._value(value)
        node = self._builder.nodes.get(writer) if writer is not None else None
        if node is None:
            draft.kind = "input"
            return
        node.outputs = (*node.outputs, value)
        if draft.version_of is not None and draft.version_of not in node.inputs:
            node.inputs = (*node.inputs, draft.version_of)

    def _gradient(self, value: int, grad: int) -> None:
        if value in self._tape.facts:
            segment = bisect.bisect_right(self._firsts, self._last) - 1
            found: Stats | None = self._value(grad).data
            self._recording.grads.setdefault(segment, {})[value] = found, grad

    def _taken(self, value: int, owner: int) -> None:
        if value not in self._tape.facts:
            return  # forgotten with an earlier pass
        draft = self._value(value)
        if draft.name is None and owner in self._tape.facts:
            held = self._inherited(self._value(owner))
            draft.name = f"{held}.grad" if held else None

    # Kernels.

    def _resumed(self, sequence: int) -> None:
        self._sequence[sequence // APART] = sequence

    def _kernel(
        self, number: int, kernel: Kernel, scope: int | None, sequence: int, phase: Any, inputs: list[int],
        outputs: tuple[int, ...], arguments: Any, keywords: Mapping[str, Any] | None, function: Any, error: str | None,
    ) -> None:  # fmt: skip
        self._last = number
        known = self._builder.values
        for value in inputs:
            if value not in known:
                self._value(value)
        forward = None
        if phase == "backward":
            scope, forward = self._place(function)
        elif scope is not None and scope not in self._builder.scopes:
            scope = self._call_scope(scope).id
        call, attrs = self._spelled(kernel, len(inputs), arguments, keywords)
        node = self._builder.node(
            kernel.op, kernel.target, self._shared(inputs), self._shared(outputs), id=number, phase=phase, scope=scope,
            forward=forward, attrs=attrs, call=call, error=error,
        )  # fmt: skip
        if scope in self._kernels:
            self._kernels[scope].append(node)
        for value in outputs:
            if value not in known:
                self._value(value)
        if sequence > self._sequence.get(sequence // APART, 0):
            self._own(node, sequence)

    def _spelled(
        self, kernel: Kernel, tensors: int, arguments: Any, keywords: Mapping[str, Any] | None
    ) -> tuple[str, Mapping[str, Any]]:
        """The call of a kernel as text, and what is kept of its arguments; once for equal calls, which are many.

        Calls are equal if Python spells them alike: to compare the arguments is not enough, for 1 == 1.0 == True.
        """
        key = (id(kernel), tensors if arguments is None else repr(arguments)) if not keywords else None
        found = self._spellings.get(key)
        if found is None:
            given, named = (arguments if arguments is not None else (TENSOR,) * tensors), keywords or {}
            call = write(given, named)
            attrs = self._attrs.get((kernel.target, call))
            if attrs is None:
                attrs = self._attrs[kernel.target, call] = attributes(kernel, given, named)
            found = call, attrs
            if key is not None:
                self._spellings[key] = found
        return found

    def _shared(self, values: Sequence[int]) -> tuple[int, ...]:
        """One tuple for a call and its kernel, which mostly read and make the same."""
        found = tuple(values)
        for known in self._tuples:
            if found == known:
                return known
        self._tuples = (self._tuples[1], found)
        return found

    def _own(self, node: NodeDraft, sequence: int) -> None:
        """An autograd function that was made just before a kernel ran is the kernel's, whose result needs it."""
        self._sequence[sequence // APART] = sequence
        self._by_sequence[sequence - 1] = node
        for output in node.outputs[:1]:
            self._value(output).requires_grad = True
        self._note_function(node, sequence - 1)

    def _note_function(self, node: NodeDraft, sequence: int) -> None:
        name = self._tape.grad_fns.get(sequence)
        if name is not None:
            key = (id(node.attrs), name)
            attrs = self._attrs_with.get(key)
            if attrs is None:
                attrs = self._attrs_with[key] = {**node.attrs, "grad_fn": name.split("::")[-1]}
            node.attrs = attrs

    def _failed(self, number: int, site: Site) -> None:
        """A kernel that failed in a backward of the author's own stands at his line."""
        node = self._builder.nodes[number]
        scope = self._builder.scope(kind="function", name=node.op, type=node.target, parent=node.scope)
        scope.source, scope.inputs = site.source, node.inputs
        node.scope = scope.id

    def _keeps(self, sequence: int, tensors: list[tuple[int | None, tuple[int, ...], Any]]) -> None:
        """What autograd keeps for a backward that has not run.

        A tensor that is no value itself is a result that autograd holds apart, or an operand: the one that looks alike.
        """
        node = self._by_sequence.get(sequence)
        own = [self._value(value) for value in (*node.outputs, *node.inputs)] if node is not None else []
        for value, shape, dtype in tensors:
            alike = (each for each in own if each.shape == shape and each.dtype == DTYPES.get(dtype))
            draft = self._value(value) if value is not None else next(alike, None)
            if draft is not None:
                draft.saved_for_backward = True
                own = [each for each in own if each is not draft]

    # Calls.

    def _call_scope(self, number: int) -> ScopeDraft:
        """The scope of a call, made when its first kernel ran; `_call` fills in the rest."""
        found = self._builder.scope(id=number, kind="function")
        self._calls[number] = found
        self._kernels[number] = []
        return found

    def _call(self, call: Call, inputs: list[int | None], outputs: list[int], since: int, until: int) -> None:
        scope = self._calls.get(call.id) or self._call_scope(call.id)
        kernels = self._kernels.pop(call.id, [])
        if call.outer is not None and call.outer.id in self._kernels:
            self._kernels[call.outer.id].extend(kernels)
        elif call.outer is not None:
            self._call_scope(call.outer.id)
            self._kernels[call.outer.id].extend(kernels)
        self._describe(call, scope, kernels)
        scope.inputs = self._shared([value for value in inputs if value is not None])
        scope.outputs = self._shared(outputs)
        if not kernels:
            return
        for sequence in range(since, until):
            self._by_sequence.setdefault(sequence, kernels[-1])
        if call.naming is not None:
            known = self._builder.values
            self._results.give([known.get(value) or self._value(value) for value in outputs], *call.naming)

    def _describe(self, call: Call, scope: ScopeDraft, kernels: list[NodeDraft]) -> None:
        scope.parent = call.parent
        own, short, full = _named(call.func)
        scope.name, scope.type = call.name or short, call.name or full
        scope.attrs = call.attrs if call.attrs is not None else kernels[0].attrs if kernels else {}
        if "other" in scope.attrs and own in _REFLECTED:
            scope.attrs = {"self": scope.attrs["other"]}  # 1 - x: the number is the first operand
        if call.site is None:
            return
        scope.source = call.site.source
        if call.site.operator is not None and own.strip("_") in _OPERATORS:
            scope.name = call.site.operator
        scope.call = self._counts.get(id(call.site), 0)
        self._counts[id(call.site)] = scope.call + 1

    # Backward.

    def _place(self, function: tuple[int, int] | None) -> tuple[int, int | None]:
        """Where a backward kernel belongs.

        Args:
            function: Sequence number of the autograd function that ran it and number of the backward run; None for
                the gradient of the root.

        Returns:
            Ids of its scope, named after the autograd function, and of the forward kernel that it differentiates.
        """
        if function is None:
            return self._function_scope((-1, self._ended), "backward", None).id, None
        sequence, run = function
        name = self._tape.grad_fns[sequence].split("::")[-1]
        forward = self._by_sequence.get(sequence)
        if forward is not None:
            self._visited.setdefault(run, set()).add(forward.id)
        return self._function_scope((sequence, run), name, forward).id, forward.id if forward is not None else None

    def _function_scope(self, key: tuple[int, int], name: str, forward: NodeDraft | None) -> ScopeDraft:
        """The scope of an autograd function: beside the call that it differentiates, at the same line."""
        found = self._functions.get(key)
        if found is None:
            builder = self._builder
            called = builder.scopes.get(forward.scope) if forward is not None and forward.scope is not None else None
            around = self._around(forward)
            found = builder.scope(kind="function", name=name, type=f"torch.autograd.{name}", parent=around)
            found.source = called.source if called is not None else None
            self._functions[key] = found
        return found

    def _around(self, forward: NodeDraft | None) -> int | None:
        """The module in which a forward kernel ran."""
        scopes = self._builder.scopes
        scope = scopes.get(forward.scope) if forward is not None and forward.scope is not None else None
        while scope is not None and scope.kind == "function":
            scope = scopes.get(scope.parent) if scope.parent is not None else None
        return scope.id if scope is not None else None

    def _backward_ended(self, run: int, visited: set[int]) -> None:
        visited.update(self._visited.pop(run, ()))
        self._ended += 1


@functools.cache
def _named(func: Any) -> tuple[str, str, str]:
    """A function's own name, that in a picture, and the dotted one."""
    return getattr(func, "__name__", ""), short_name(func), qualified(func)
