"""The backend of the scalar engine: its operations and gradients -> a `Builder`."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Iterator, Mapping, Sequence
from types import CodeType, FrameType
from typing import Any, Final

from tracer import names, scalar
from tracer.builder import ScopeDraft, ValueDraft
from tracer.graph import Stats
from tracer.recording import Recording
from tracer.scalar.engine import Constant

_NUMBER_BYTES: Final = 8
_OURS: Final = os.path.dirname(os.path.abspath(__file__)) + os.sep
_ENTRIES: Final = (os.path.join(_OURS, "tracing.py"), os.path.join(_OURS, "script.py"))
_TARGETS: Final = {"+": "add", "-": "sub", "*": "mul", "/": "div", "**": "pow"}


def _is_author(code: CodeType) -> bool:
    return not code.co_filename.startswith(_OURS)


def _author_frame() -> FrameType | None:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and not _is_author(frame.f_code):
        if frame.f_code.co_filename in _ENTRIES:
            return None  # what called us is not part of the program that we run
        frame = frame.f_back
    return frame


def _number(data: float) -> Stats:
    """Statistics of a single number."""
    if data - data == 0:
        return Stats(data, 0.0, data, data, abs(data), int(data == 0), value=data)
    return Stats(nan=int(data != data), inf=int(data == data), value=data)


def _scalars(nest: Any) -> Iterator[scalar.Scalar]:
    if isinstance(nest, scalar.Scalar):
        yield nest
    elif isinstance(nest, (list, tuple)):
        for item in nest:
            yield from _scalars(item)
    elif isinstance(nest, Mapping):
        yield from _scalars(list(nest.values()))


class ScalarBackend:
    """Observes `tracer.scalar`; see `tracer.recording.Backend`."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._builder = recording.builder
        self._known: dict[int, tuple[weakref.ref[scalar.Scalar], ValueDraft]] = {}
        self._nodes: dict[int, int] = {}
        self._lines: dict[Any, int] = {}
        self._results = names.Results(_is_author)

    def start(self) -> None:
        """Joins the observers of the engine."""
        scalar.observers.append(self)

    def stop(self) -> None:
        """Leaves them."""
        if self in scalar.observers:
            scalar.observers.remove(self)
        self._results.finish()
        self._known.clear()

    def pause(self) -> None:
        """Nothing to do: an observer that does not record costs next to nothing."""

    def resume(self) -> None:
        """Nothing to do."""

    def refresh(self) -> None:
        """Nothing to do: what is recorded is asked for each operation."""

    def write(self) -> None:
        """Nothing to do: nothing was held back."""

    def forget(self, first: int) -> set[int]:
        """Lets go of scalars that died."""
        self._known = {key: entry for key, entry in self._known.items() if entry[0]() is not None}
        self._nodes = {value: node for value, node in self._nodes.items() if node >= first}
        return set()

    def introduce(self, name: str, nest: Any) -> None:
        """Names the scalars in an argument."""
        found = list(_scalars(nest))
        for index, item in enumerate(found):
            draft = self._value(item, None)
            draft.name = draft.name or (name if len(found) == 1 else f"{name}[{index}]")

    def known(self, nest: Any) -> list[int]:
        """Ids of the values of the scalars in a nest."""
        found = (self._find(item) for item in _scalars(nest))
        return list(dict.fromkeys(draft.id for draft in found if draft is not None))

    # What the engine tells.

    def operation(self, out: scalar.Scalar) -> None:
        """An operation made `out` from its operands."""
        if not self._recording.recording or not self._recording.forward_begins():
            return
        frame = _author_frame()
        inputs = tuple([self._value(operand, frame).id for operand in out.operands])
        draft = self._add(out, "result")
        target = f"scalar.{_TARGETS.get(out.op, out.op)}"
        scope = self._builder.scope(kind="function", name=out.op, type=f"tracer.{target}")
        scope.inputs, scope.outputs = inputs, (draft.id,)
        draft.name = out.name
        if frame is not None:
            self._describe(scope, draft, frame, out.op)
        node = self._builder.node(out.op, target, inputs, (draft.id,), scope=scope.id)
        self._nodes[draft.id] = node.id

    def _describe(self, scope: ScopeDraft, draft: ValueDraft, frame: FrameType, op: str) -> None:
        here = names.site(frame)
        scope.source = here.source
        line = (frame.f_code, frame.f_lasti)
        scope.call = self._lines.get(line, 0)
        self._lines[line] = scope.call + 1
        direct = here.called is None or here.called == op
        self._results.assign(frame, [draft], None if direct else (id(frame), frame.f_lasti))

    def backward_started(self, root: scalar.Scalar) -> None:
        """A backward begins."""

    def backward_finished(self, root: scalar.Scalar, order: Sequence[scalar.Scalar]) -> None:
        """A backward from `root` has passed through the scalars of `order`, whose gradients are final."""
        visited: set[int] = set()
        roots: list[int] = []
        frame = _author_frame()
        if self._recording.recording:
            roots = [self._value(root, frame).id]
            for item in order:
                draft = self._find(item)
                if draft is not None:
                    self._recording.gradient(draft.id, _number(item.grad))
                    visited.update({self._nodes[draft.id]} if draft.id in self._nodes else ())
        self._recording.backward_ended(roots, visited, frame.f_lineno if frame is not None else None)
        self._recording.author_resumes()

    # Scalars.

    def _find(self, item: scalar.Scalar) -> ValueDraft | None:
        found = self._known.get(id(item))
        if found is None or found[0]() is not item:
            return None
        self._builder.values.setdefault(found[1].id, found[1])  # may have been forgotten with an earlier pass
        return found[1]

    def _value(self, item: scalar.Scalar, frame: FrameType | None) -> ValueDraft:
        """The value of a scalar that is used; a new version where its number was assigned since."""
        draft = self._find(item)
        if draft is not None and (draft.kind == "result" or draft.data is None or draft.data.value == item.data):
            return draft
        old, name = draft, item.name
        if name is None and type(item) is not Constant:  # which no variable holds
            name = names.variable(frame, item, _is_author)
        draft = self._add(item, "input" if item.requires_grad or name is not None else "constant")
        draft.name = name
        if old is not None:
            draft.name, draft.version_of = old.name, old.id
        return draft

    def _add(self, item: scalar.Scalar, kind: Any) -> ValueDraft:
        draft = self._builder.value(kind=kind, dtype="float", nbytes=_NUMBER_BYTES, data=_number(item.data))
        draft.requires_grad = item.requires_grad
        self._known[id(item)] = (weakref.ref(item), draft)
        return draft
