"""Starts and stops the backends around any code, keeps time of the passes, and hands out their graphs."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import Any, Final, Literal

from tracer.backends import BACKENDS, Backend
from tracer.builder import Builder, Segment
from tracer.graph import DRAWABLE, Graph, Stats
from tracer.imports import AfterImport
from tracer.materials import Materials
from tracer.passes import Gradient, segment_of, split, whole
from tracer.records import collector_paused

# What carries the graph of all that ran until it was raised; other exceptions end a program on purpose.
CARRIERS: Final = (Exception, KeyboardInterrupt)


def in_words(error: BaseException) -> str:
    """An exception as `Class: message`; its class alone where there is no message, or its author's code gives none."""
    try:
        message = str(error)
    except Exception:
        message = ""
    name = type(error).__name__
    return f"{name}: {message}" if message else name


class NothingRecorded(LookupError):  # noqa: N818 - reads as the sentence it is
    """A graph was asked for, but no operation ran while recording."""


class PassComplete(BaseException):
    """Ends the program once the selected pass is complete; a BaseException, so that `except Exception` lets it by."""


class Recording:
    """A run under observation: `with tracer.record() as run: ...`, then `run.graph`.

    Nothing the program computes is changed. Recordings may be nested, and one object may be entered once.

    Attributes:
        builder: Where the backends put what they see.
        passes: Passes seen, also those that are not kept; once the selected one is complete, only those that
            end in a backward are counted, for watching modules would slow the program down.
        grads: By segment number, the gradients that arrived, by value id.
        notes: Sentences a reader of the graph should know.
        heeds: Whether `forward_begins` must be asked before the next forward operation.
        materials: What the run was computed from, with `keep`; None without.
        seconds: What each kernel took, by its id, with `timed`; None without.
        elements: As for `record`.

    Args:
        select: As for `record`.
        stop: As for `record`.
        keep: As for `record`.
        timed: As for `record`.
        elements: As for `record`.
        name: What to call the graphs.
        script: The script that runs, for their `meta`.
    """

    def __init__(
        self,
        select: Literal["all", "first", "last"] | int,
        *,
        stop: bool = False,
        keep: bool = False,
        timed: bool = False,
        elements: int = DRAWABLE,
        name: str = "graph",
        script: str | None = None,
    ) -> None:
        if not (select in ("all", "first", "last") or (type(select) is int and select > 0)):
            raise ValueError(f"select is {select!r} (must be 'all', 'first', 'last' or the number of a pass from 1)")
        self.builder = Builder()
        self.heeds = False
        self.grads: dict[int, dict[int, Gradient]] = {}
        self.materials = Materials() if keep else None
        self.seconds: dict[int, float] | None = {} if timed else None
        self.elements = elements
        self.notes: list[str] = []
        self.name = name
        self._script = script
        self._select = select
        self._wanted = 1 if select == "first" else select if isinstance(select, int) else None
        self._stop = stop
        self._backends: list[Backend] = []
        self._stopped: list[Backend] = []
        self._meta: dict[str, Any] = {}
        self._passes = 0
        self._recording = False
        self._closing = False
        self._calls: dict[int, bool] = {}
        self._counts = False
        self._resumed = False
        self._finder: AfterImport | None = None
        self._entered = self._ended = False

    # What the user asks for.

    @property
    def graphs(self) -> tuple[Graph, ...]:
        """The graph of every pass that was kept, in order; empty while recording and when nothing was recorded."""
        return self._found if self._ended else ()

    @property
    def passes(self) -> int:
        """Passes seen; once the recording has ended, also those of a program without modules and backward."""
        return max(self._passes, len(self._all)) if self._ended else self._passes

    @property
    def graph(self) -> Graph:
        """The graph of the last pass.

        Raises:
            NothingRecorded: No operation ran inside the recording, or it has not ended yet.
        """
        if not self.graphs:
            reason = "the recording has not ended yet" if self._entered and not self._ended else "no operation ran"
            raise NothingRecorded(f"nothing was recorded: {reason}; compute with tensors (or tracer.scalar) inside it")
        return self.graphs[-1]

    @cached_property
    def whole(self) -> Graph:
        """Everything that was recorded as one graph, not cut into passes; empty when nothing was."""
        if not self._ended:
            raise NothingRecorded("nothing was recorded: the recording has not ended yet")
        run, segments, _, grads = self._frozen
        with collector_paused():
            return whole(run, segments, grads)

    @property
    def finished(self) -> bool:
        """Whether the selected pass is complete, so that nothing more is to be recorded."""
        return self._wanted is not None and self._passes >= self._wanted

    @property
    def recording(self) -> bool:
        """Whether operations are being recorded at the moment."""
        return self._recording

    @recording.setter
    def recording(self, on: bool) -> None:
        if on is not self._recording:
            self._recording = on
            for backend in self._backends:
                backend.refresh()

    def introduce(self, name: str, nest: Any) -> None:
        """Names what a nest of containers holds after the argument it is passed as."""
        for backend in self._backends:
            backend.introduce(name, nest)

    def known(self, nest: Any) -> tuple[int, ...]:
        """Ids of the values that a nest of containers holds, while recording."""
        return tuple(value for backend in self._backends for value in backend.known(nest))

    def __enter__(self) -> Recording:
        if self._entered:
            raise RuntimeError("this recording was used before: call tracer.record() for a new one")
        self._entered = True
        self.recording = self._wanted is None or self._wanted == 1
        later = [name for name in BACKENDS if name not in sys.modules and not name.startswith("tracer.")]
        self._finder = AfterImport(dict.fromkeys(later, self._load))
        try:
            for framework in BACKENDS:
                if framework not in later:
                    self._load(framework)
            self._finder.install()
        except BaseException:
            self._shut()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shut()
        self._finish(error)
        if isinstance(error, CARRIERS):
            self._hand_over(error)

    def _hand_over(self, error: BaseException) -> None:
        """The exception that ends the block carries the graph of the pass that it ended, as `graph`."""
        if self.graphs:
            with contextlib.suppress(AttributeError, TypeError):  # a class may have no room for it
                error.graph = self.graph  # type: ignore[attr-defined]

    def _load(self, framework: str) -> None:
        module, name = BACKENDS[framework]
        with our_modules():
            backend: Backend = getattr(importlib.import_module(module), name)(self)
        self._backends.append(backend)
        backend.start()
        if not self.recording:
            backend.pause()

    def _shut(self) -> None:
        self.recording = False
        if self._finder is not None:
            self._finder.remove()
        while self._backends:
            self._stopped.append(self._backends[-1])
            self._backends.pop().stop()

    def _finish(self, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, (PassComplete, SystemExit, GeneratorExit)):
            self.builder.segment.error = in_words(error)
        if self._counts:
            self._passes += 1
        if self.notes:
            self._meta["notes"] = tuple(self.notes)
        if self._script is not None:
            self._meta["script"] = self._script
        torch = sys.modules.get("torch")
        if torch is not None and hasattr(torch, "__version__"):
            self._meta["torch"] = str(torch.__version__)
        self._ended = True

    # The program has gone on meanwhile: what was written down is read only when a graph is asked for.

    @cached_property
    def _frozen(self) -> tuple[Graph, tuple[Segment, ...], dict[int, int], dict[int, dict[int, Gradient]]]:
        """The whole run, its segments, the segment of each node, and the gradients that arrived in each."""
        with our_modules(), collector_paused():
            while self._stopped:
                self._stopped.pop().write()
            run = self.builder.freeze(self.name, self._meta)
            segments = tuple(self.builder.segments)
        self.builder, grads, self.grads = Builder(), self.grads, {}
        return run, segments, segment_of(run, segments), grads

    @cached_property
    def _all(self) -> tuple[Graph, ...]:
        """Every pass that was recorded."""
        with our_modules(), collector_paused():
            return split(*self._frozen)

    @cached_property
    def _found(self) -> tuple[Graph, ...]:
        """The passes that were selected."""
        if self._select == "all" or not self._all:
            return self._all
        if self._wanted is None:
            return (_numbered(self._all[-1], self.passes),)
        if self._passes and self._wanted > self.passes:
            return ()
        return (_numbered(self._all[0], self._wanted),)

    # What the backends tell.

    def forward_begins(self) -> bool:
        """Before a forward operation: after a backward, the first one starts the next pass.

        Returns:
            Whether the operation is to be recorded: it may begin a pass that is not wanted.
        """
        if self._closing:
            self._advance()
        elif self._resumed:
            self._resumed = False
            self._heed()
            self.builder.next_segment()  # what came before, on being switched on, was the update of the pass before
        return self.recording

    def outermost_call(self, module: int, continues: Callable[[], bool]) -> None:
        """Before an outermost module call.

        Where no backward can follow, the same module on new data starts over; another one (a teacher and its student, a
        target network and the one that learns) belongs to the same pass.

        Args:
            module: Tells modules apart.
            continues: Tells whether it is given something computed from what a call of this pass has returned.
        """
        again = module in self._calls and not any(self._calls.values())
        if self._closing or (again and not continues()):
            self._advance()
        self._counts = True

    def outermost_returned(self, module: int, requires_grad: bool) -> None:
        """After an outermost module call; `requires_grad` says whether a backward may follow."""
        self._calls[module] = requires_grad

    def backward_ended(self, roots: list[int], visited: set[int], line: int | None) -> None:
        """After a backward from the values `roots`, through the forward nodes `visited`, called at a `line`.

        The set of nodes may still be filled when the backend writes what it holds back.
        """
        if self._closing:
            self._advance()
        self._counts = True
        self._closing = True
        self._heed()
        if self.recording:
            self.builder.segment.roots.extend(roots)
            self.builder.segment.visits.append(visited)
            self.builder.segment.line = line

    def note(self, sentence: str) -> None:
        """Notes what a reader of the graph should know, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def gradient(self, value: int, grad: Stats | None, made: int | None = None) -> None:
        """The gradient of a value arrived, which is the value `made` where that is known."""
        self.grads.setdefault(self.builder.segment.number, {})[value] = grad, made

    def author_resumes(self) -> None:
        """The program is between two operations, where modes may be taken off or put on."""
        if self._wanted is None:
            return
        if not self.recording and self._closing and self._passes + 1 == self._wanted - 1:
            self._advance()  # the next pass is the one that is wanted: record it from its first operation
        was, self.recording = self.recording, self._passes == self._wanted - 1
        self._resumed = self._resumed or (self.recording and not was)
        self._heed()
        for backend in self._backends:
            backend.resume() if self.recording else backend.pause()

    def _advance(self) -> None:
        """The pass under way is over."""
        self._closing = False
        self._heed()
        self._calls.clear()
        if not self._counts:
            return
        self._counts = False
        self._passes += 1
        if self._passes == self._wanted:
            self.recording = False
            if self._stop:
                raise PassComplete
        if self.recording:
            self.builder.next_segment()
            if self._select == "last":
                self._forget()

    def _forget(self) -> None:
        """Keeps the pass that just ended, should it be the last, and drops what came before."""
        keep = len(self.builder.segments) - 2
        first = self.builder.segments[keep].first
        used = {scope for backend in self._backends for scope in backend.forget(first)}
        self.builder.forget_before(first, used)
        for number in [number for number in self.grads if number < keep]:
            del self.grads[number]

    def _heed(self) -> None:
        self.heeds = self._closing or self._resumed


def _numbered(graph: Graph, number: int) -> Graph:
    return replace(graph, meta={**graph.meta, "pass": number})


@contextlib.contextmanager
def _plain_modules() -> Iterator[None]:
    yield


# How our own modules are imported in the middle of a user's program; `tracer.script` replaces it while a script with
# modules of the same names runs.
our_modules: Callable[[], contextlib.AbstractContextManager[None]] = _plain_modules
