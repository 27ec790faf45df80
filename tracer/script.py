"""Runs a program unmodified under a recording: a script, a module (`python -m`) or a function, just as Python would."""

from __future__ import annotations

import builtins
import contextlib
import difflib
import importlib.util
import inspect
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Literal, Union

from tracer import recording
from tracer.graph import DRAWABLE
from tracer.recording import PassComplete, Recording
from tracer.shadows import own_modules, script_modules_first
from tracer.tracebacks import hide_our_frames


class ScriptError(ValueError):
    """A program that cannot be started; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Script:
    """`python path`: a file of Python.

    Attributes:
        path: As the user wrote it.
        code: Compiled, so that a script that cannot run is refused before anything happens.
    """

    path: str
    code: CodeType

    @property
    def name(self) -> str:
        """What to call it: the file without folder and suffix."""
        return Path(self.path).stem

    @property
    def folder(self) -> str:
        """What stands first on `sys.path`; links are followed, as Python does."""
        return os.path.dirname(os.path.realpath(self.path))

    def load(self) -> Callable[[], object]:
        """A call of it runs the script as `__main__`."""
        file = self.code.co_filename
        main = _main_module(__file__=file, __cached__=None, __loader__=SourceFileLoader("__main__", file))
        return lambda: exec(self.code, vars(main))


@dataclass(frozen=True, slots=True)
class Module:
    """`python -m path`: a module, or the `__main__` of a package.

    Attributes:
        path: Dotted name.
    """

    path: str

    @property
    def name(self) -> str:
        """What to call it: the last part of the dotted name."""
        return self.path.rpartition(".")[2]

    @property
    def folder(self) -> str:
        """What stands first on `sys.path`."""
        return os.getcwd()

    def load(self) -> Callable[[], object]:
        """A call of it runs the module as `__main__`; the packages around it are imported now."""
        spec = _find(self.path)
        if spec.submodule_search_locations is not None:
            spec = _find(f"{self.path}.__main__")
        code = spec.loader.get_code(spec.name) if hasattr(spec.loader, "get_code") else None
        if code is None:
            raise ScriptError(f"-m {self.path}: there is no Python source to run in {spec.origin}")
        package = spec.parent
        main = _main_module(
            __file__=spec.origin, __cached__=spec.cached, __loader__=spec.loader, __package__=package, __spec__=spec
        )
        sys.argv[0] = spec.origin or self.path
        return lambda: exec(code, vars(main))


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a module, called without arguments.

    Attributes:
        path: `package.module:function`.
    """

    path: str

    @property
    def name(self) -> str:
        """What to call it: the name of the function."""
        return self.path.rpartition(":")[2].rpartition(".")[2]

    @property
    def folder(self) -> str:
        """What stands first on `sys.path`."""
        return os.getcwd()

    def load(self) -> Callable[[], object]:
        """The function; its module is imported now, and not recorded."""
        module, _, name = self.path.partition(":")
        _find(module)
        found: Any = sys.modules.get(module) or _imported(module)
        for part in name.split("."):
            if not hasattr(found, part):
                raise ScriptError(f"{self.path}: {module} has no {name!r}")
            found = getattr(found, part)
        if not callable(found):
            raise ScriptError(f"{self.path}: {name} is no function but {type(found).__name__}")
        _check_takes_nothing(self.path, found)
        return found  # type: ignore[no-any-return]


Program = Union[Script, Module, Function]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended.

    Attributes:
        recording: What was recorded, up to a failure if there was one.
        code: Its exit code, as Python would give it.
        error: The exception that ended it (not SystemExit), already shown to the user; None when it ran to its end.
        child: Whether this is a process that the program forked, which has nothing more to do.
        variables: What its variables hold at its end, where that was to be kept.
    """

    recording: Recording
    code: int
    error: BaseException | None = None
    child: bool = False
    variables: Mapping[str, Any] = field(default_factory=dict)


def script(path: str) -> Script:
    """The program in a file.

    Raises:
        ScriptError: It does not exist, is a folder or is not Python; a syntax error is worded as Python words it.
    """
    if os.path.isdir(path):
        raise ScriptError(f"{path} is a folder: name a script in it, or run a package with -m")
    try:
        source = Path(path).read_bytes()
    except FileNotFoundError:
        near = difflib.get_close_matches(path, sorted(map(str, Path(path).parent.glob("*.py"))), n=1)
        raise ScriptError(f"there is no file {path}" + (f"; did you mean {near[0]!r}?" if near else "")) from None
    except OSError as error:
        raise ScriptError(f"{path} cannot be read: {error.strerror}") from None
    try:
        # The path is put together as Python does for __file__: absolute, otherwise as it was written.
        return Script(path, compile(source, os.path.join(os.getcwd(), path), "exec", dont_inherit=True))
    except (SyntaxError, ValueError) as error:
        if Path(path).suffix not in ("", ".py", ".pyw"):
            raise ScriptError(f"{path} is neither a Python script nor a saved graph (.json)") from None
        shown = "".join(traceback.format_exception_only(error)).rstrip()
        raise ScriptError(f"{path} is not valid Python:\n{shown}") from None


def run(
    program: Program,
    args: Sequence[str] = (),
    *,
    select: Literal["all", "first", "last"] | int = "first",
    stop: bool = False,
    timed: bool = False,
    elements: int = DRAWABLE,
    keep: bool = False,
) -> Outcome:
    """Runs a program as Python would, and records it.

    Its output, input, exit code and traceback are its own; when it raises, `sys.excepthook` has shown the traceback
    before this returns. Afterwards `sys.argv`, `sys.path`, `sys.modules` and `sys.excepthook` are what they were.

    Args:
        program: What to run.
        args: Its command line arguments.
        select: Which passes to keep, as for `tracer.record`.
        stop: End the program once the selected pass is complete.
        timed: Note what each kernel takes, as for `tracer.record`.
        elements: Of what size tensors keep their numbers, as for `tracer.record`.
        keep: Hand back its variables; else they are gone with it, and what they held.

    Raises:
        ScriptError: It could not be started.
    """
    process, others = os.getpid(), threading.enumerate()
    error: BaseException | None = None
    with _interpreter_state(), script_modules_first(program.folder):
        sys.argv = [program.path, *args]
        run = Recording(select, stop=stop, timed=timed, elements=elements, name=program.name, script=program.path)
        try:
            call = program.load()
            with run:
                _call(call, others)
        except ScriptError:
            raise
        except BaseException as caught:
            error = caught
        code = _last_words(error)
        failed = None if isinstance(error, (SystemExit, PassComplete)) else error
        variables = dict(vars(sys.modules["__main__"])) if keep else {}
        return Outcome(run, code, failed, os.getpid() != process, variables)


@contextlib.contextmanager
def _interpreter_state() -> Iterator[None]:
    """Puts back what a program takes over, and lends our own modules to the recording meanwhile."""
    argv, main, hook = sys.argv, sys.modules["__main__"], sys.excepthook
    recording.our_modules, plain = own_modules, recording.our_modules
    try:
        yield
    finally:
        sys.argv, sys.modules["__main__"], sys.excepthook = argv, main, hook
        recording.our_modules = plain


def _main_module(**attributes: object) -> ModuleType:
    """A fresh `__main__`, known to `sys.modules` so that pickle and dataclasses find it."""
    main = ModuleType("__main__")
    vars(main).update({"__annotations__": {}, "__builtins__": builtins, **attributes})
    sys.modules["__main__"] = main
    return main


def _call(call: Callable[[], object], others: Sequence[threading.Thread]) -> None:
    """Calls, then waits for the threads it left running, as Python does before it exits."""
    try:
        call()
    except SystemExit:
        _join_threads(others)
        raise
    _join_threads(others)


def _join_threads(others: Sequence[threading.Thread]) -> None:
    pools = sys.modules.get("concurrent.futures.thread")
    # Idle workers of a pool wait until the interpreter itself exits.
    idle = getattr(pools, "_threads_queues", {})
    for thread in threading.enumerate():
        if not thread.daemon and thread not in others and thread not in idle:
            thread.join()


def _last_words(error: BaseException | None) -> int:
    """Shows what Python shows when a program ends with `error`, and gives the exit code."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # it may have closed or replaced them
        sys.stdout.flush()
    if error is None or isinstance(error, PassComplete):
        return 0
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        sys.stderr.write(f"{error.code}\n")
        return 1
    hide_our_frames(error)
    sys.excepthook(type(error), error, error.__traceback__)
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def _find(name: str) -> Any:
    """The spec of a module; packages around it are imported."""
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        if not f"{name}.".startswith(f"{error.name}."):
            raise  # a package around it imports something that is missing: the user's own error
        spec = None
    except ValueError:  # it is loaded already and has no spec
        spec = None
    if spec is None or spec.loader is None:
        raise ScriptError(f"there is no module {name} (looked in {os.getcwd()} and in what is installed)")
    return spec


def _imported(name: str) -> ModuleType:
    __import__(name)  # unlike importlib.import_module, leaves no frames of its own in a traceback
    return sys.modules[name]


def _check_takes_nothing(path: str, function: Callable[..., object]) -> None:
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise ScriptError(
            f"{path} cannot be called without arguments ({error}): name a function that needs none and calls it"
        ) from None
    except ValueError:
        pass  # a built-in without a signature
