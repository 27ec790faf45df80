"""Starts and stops the backends around any code, keeps time of the passes, and hands out their graphs."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import TracebackType
from typing import Any, Final, Literal, Protocol

from tracer import passes
from tracer.builder import Builder, Segment
from tracer.graph import Graph, Stats
from tracer.imports import AfterImport

# Framework -> module and class that records it. A backend is one entry here; it is loaded when the framework is, so
# that a program pays for no framework it does not use. Our own engine costs nothing, and is loaded at once.
BACKENDS: Final[Mapping[str, tuple[str, str]]] = {
    "tracer.scalar": ("tracer.scalar_backend", "ScalarBackend"),
    "torch": ("tracer.pytorch.capture", "TorchBackend"),
}


class NothingRecorded(LookupError):  # noqa: N818 - reads as the sentence it is
    """A graph was asked for, but no operation ran while recording."""


class PassComplete(BaseException):
    """Ends the program once the selected pass is complete; a BaseException, so that `except Exception` lets it by."""


@dataclass
class Materials:
    """What a run was computed from, besides its own results; kept by `record(keep=True)`.

    Attributes:
        values: Copies of the tensors that no node made (inputs, parameters, buffers, constants), by value id, as they
            were when they were first met. Those that shared memory share it here.
        states: States of the random generator before each kernel that draws from one, by node id.
    """

    values: dict[int, Any] = field(default_factory=dict)
    states: dict[int, Any] = field(default_factory=dict)


class Backend(Protocol):
    """What records one framework; made when the framework is first imported."""

    def __init__(self, recording: Recording) -> None: ...

    def start(self) -> None:
        """Begins to watch."""

    def stop(self) -> None:
        """Removes every hook, mode and patch. Must not fail when called twice."""

    def pause(self) -> None:
        """Stops recording operations, but goes on counting passes, as cheaply as it can."""

    def resume(self) -> None:
        """Records operations again."""

    def forget(self) -> None:
        """Lets go of what the builder has forgotten, so that memory stays bounded."""

    def introduce(self, name: str, nest: Any) -> None:
        """Names what a nest of containers holds after the argument it is passed as."""

    def known(self, nest: Any) -> list[int]:
        """Ids of the values that a nest of containers holds, in order, without repeats."""


class Recording:
    """A run under observation: `with tracer.record() as run: ...`, then `run.graph`.

    Nothing the program computes is changed. Recordings may be nested, and one object may be entered once.

    Attributes:
        builder: Where the backends put what they see.
        passes: Passes seen so far, also those that are not kept; once the selected one is complete, only those that
            end in a backward are counted, for watching modules would slow the program down.
        grads: By segment number, the gradients that arrived, by value id.
        notes: Sentences a reader of the graph should know.
        recording: Whether operations are being recorded at the moment.
        materials: What the run was computed from, with `keep`; None without.

    Args:
        select: As for `record`.
        stop: As for `record`.
        keep: As for `record`.
        name: What to call the graphs.
        script: The script that runs, for their `meta`.
    """

    def __init__(
        self,
        select: Literal["all", "first", "last"] | int,
        *,
        stop: bool = False,
        keep: bool = False,
        name: str = "graph",
        script: str | None = None,
    ) -> None:
        if not (select in ("all", "first", "last") or (type(select) is int and select > 0)):
            raise ValueError(f"select is {select!r} (must be 'all', 'first', 'last' or the number of a pass from 1)")
        self.builder = Builder()
        self.passes = 0
        self.grads: dict[int, dict[int, passes.Gradient]] = {}
        self.materials = Materials() if keep else None
        self.notes: list[str] = []
        self.recording = False
        self.name = name
        self._script = script
        self._select = select
        self._wanted = 1 if select == "first" else select if isinstance(select, int) else None
        self._stop = stop
        self._backends: list[Backend] = []
        self._closing = False
        self._calls: dict[int, bool] = {}
        self._counts = False
        self._resumed = False
        self._finder: AfterImport | None = None
        self._graphs: tuple[Graph, ...] | None = None
        self._run: tuple[Graph, tuple[Segment, ...], dict[int, dict[int, passes.Gradient]]] | None = None
        self._entered = False

    # What the user asks for.

    @property
    def graphs(self) -> tuple[Graph, ...]:
        """The graph of every pass that was kept, in order; empty while recording and when nothing was recorded."""
        return self._graphs or ()

    @property
    def graph(self) -> Graph:
        """The graph of the last pass.

        Raises:
            NothingRecorded: No operation ran inside the recording, or it has not ended yet.
        """
        if not self.graphs:
            reason = "the recording has not ended yet" if self._entered and self._graphs is None else "no operation ran"
            raise NothingRecorded(f"nothing was recorded: {reason}; compute with tensors (or tracer.scalar) inside it")
        return self.graphs[-1]

    @cached_property
    def whole(self) -> Graph:
        """Everything that was recorded as one graph, not cut into passes; empty when nothing was."""
        if self._run is None:
            raise NothingRecorded("nothing was recorded: the recording has not ended yet")
        return passes.whole(*self._run)

    @property
    def finished(self) -> bool:
        """Whether the selected pass is complete, so that nothing more is to be recorded."""
        return self._wanted is not None and self.passes >= self._wanted

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
            self._backends.pop().stop()

    def _finish(self, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, (PassComplete, SystemExit, GeneratorExit)):
            self.builder.segment.error = f"{type(error).__name__}: {error}"
        if self._counts:
            self.passes += 1
        meta: dict[str, Any] = {"notes": tuple(self.notes)} if self.notes else {}
        if self._script is not None:
            meta["script"] = self._script
        torch = sys.modules.get("torch")
        if torch is not None and hasattr(torch, "__version__"):
            meta["torch"] = str(torch.__version__)
        with our_modules():
            run = self.builder.freeze(self.name, meta)
            segment_of = {node.id: node.segment for node in self.builder.nodes.values()}
            found = passes.split(run, self.builder.segments, segment_of, self.grads)
            self._run = run, tuple(self.builder.segments), self.grads
        self._graphs = self._keep(found)
        self.passes = max(self.passes, len(found))
        self.builder = Builder()
        self.grads = {}

    def _keep(self, found: tuple[Graph, ...]) -> tuple[Graph, ...]:
        if self._select == "all" or not found:
            return found
        if self._wanted is None:
            return (_numbered(found[-1], max(self.passes, len(found))),)
        if self.passes and self._wanted > max(self.passes, len(found)):
            return ()
        return (_numbered(found[0], self._wanted),)

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
            self.builder.next_segment()  # what came before, on being switched on, was the update of the pass before
        return self.recording

    def outermost_call(self, module: int, continues: bool) -> None:
        """Before an outermost module call.

        Args:
            module: Tells modules apart.
            continues: Whether it is given something that this pass has computed.
        """
        if self._closing or (
            self._calls and not any(self._calls.values()) and (module in self._calls or not continues)
        ):
            self._advance()
        self._counts = True

    def outermost_returned(self, module: int, requires_grad: bool) -> None:
        """After an outermost module call; `requires_grad` says whether a backward may follow."""
        self._calls[module] = requires_grad

    def backward_ended(self, roots: list[int], visited: set[int], line: int | None) -> None:
        """After a backward from the values `roots`, through the forward nodes `visited`, called at a `line`."""
        if self._closing:
            self._advance()
        self._counts = True
        self._closing = True
        if self.recording:
            self.builder.segment.roots.extend(roots)
            self.builder.segment.visited.update(visited)
            self.builder.segment.line = line

    def gradient(self, value: int, grad: Stats | None, made: int | None = None) -> None:
        """The gradient of a value arrived, which is the value `made` where that is known."""
        self.grads.setdefault(self.builder.segment.number, {})[value] = grad, made

    def author_resumes(self) -> None:
        """The program is between two operations, where modes may be taken off or put on."""
        if self._wanted is None:
            return
        if not self.recording and self._closing and self.passes + 1 == self._wanted - 1:
            self._advance()  # the next pass is the one that is wanted: record it from its first operation
        was, self.recording = self.recording, self.passes == self._wanted - 1
        self._resumed = self._resumed or (self.recording and not was)
        for backend in self._backends:
            backend.resume() if self.recording else backend.pause()

    def _advance(self) -> None:
        """The pass under way is over."""
        self._closing = False
        self._calls.clear()
        if not self._counts:
            return
        self._counts = False
        self.passes += 1
        if self.passes == self._wanted:
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
        self.builder.forget_before(keep)
        for number in [number for number in self.grads if number < keep]:
            del self.grads[number]
        for backend in self._backends:
            backend.forget()


def _numbered(graph: Graph, number: int) -> Graph:
    return replace(graph, meta={**graph.meta, "pass": number})


def record(
    select: Literal["all", "first", "last"] | int = "all", *, stop: bool = False, keep: bool = False
) -> Recording:
    """Records what runs inside a `with` block, in torch or on the scalar engine, one pass or many.

    A pass is one forward computation and, where the program takes it, its backward and the update after it. Outside
    the selected pass recording is off, so that a long training loop runs at its own speed.

    Args:
        select: Which passes to keep: `all`, `first`, `last`, or a number from 1.
        stop: End the block once the selected pass is complete, by raising `PassComplete`, which leaves the block.
        keep: Keep copies of the tensors that came from outside and of the states of random generators, as `materials`,
            so that `tracer.pytorch.replay` can run the graph again. Without it no tensor is kept.

    Returns:
        A context manager; after the block its `graph` is the last pass and `graphs` holds every pass kept.

    Raises:
        ValueError: `select` is none of these.

    Example:
        >>> import tracer
        >>> from tracer.scalar import Scalar
        >>> with tracer.record() as run:
        ...     x = Scalar(3.0)
        ...     y = x * x
        ...     y.backward()
        >>> [node.op for node in run.graph.nodes]
        ['*']
        >>> run.graph.named("x")[0].grad.value
        6.0
    """
    frame = inspect.currentframe()
    caller = frame.f_back if frame is not None else None
    name = "graph"
    if caller is not None and caller.f_code.co_name != "<module>":
        name = caller.f_code.co_name
    return Recording(select, stop=stop, keep=keep, name=name)


@contextlib.contextmanager
def _plain_modules() -> Iterator[None]:
    yield


# How our own modules are imported in the middle of a user's program; `tracer.script` replaces it while a script with
# modules of the same names runs.
our_modules: Callable[[], contextlib.AbstractContextManager[None]] = _plain_modules
