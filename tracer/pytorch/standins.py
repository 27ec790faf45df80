"""Calls torch as if from the frame that called it, so that a warning names the author's line and not ours.

Python files a warning under the file, line and module of the frame it is raised in, and shows each such place once.
Between the author's line and torch stand our modes; so the call is made by a stand-in: a function whose code bears
the file and line of the frame that was there without us, with that frame's module as its globals.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, FrameType, FunctionType
from typing import Any, Final

import torch

from tracer.pytorch.frames import is_machinery

NAME: Final = "<graphtrace>"  # of every stand-in's code, by which tracebacks tell it from the author's frame
_call: Final[Any] = lambda func, args, kwargs={}: func(*args, **kwargs)  # noqa: E731 - one line, one line number
_HANDLER: Final = torch.overrides.handle_torch_function.__code__
# By the id of a code object, which is kept with them (to hash one takes longer than all the rest), and instruction.
_made: dict[int, tuple[CodeType, dict[int, FunctionType]]] = {}


def stand_in(frame: FrameType | None) -> Callable[..., Any]:
    """A function `(func, args, kwargs={})` that calls `func` as `frame` would, or the first above it not of ours."""
    while frame is not None and is_machinery(frame.f_code):
        if frame.f_code is _HANDLER and frame.f_back is not None:
            frame = frame.f_back  # the function itself, which asked the mode before it did anything
        frame = frame.f_back
    if frame is None:
        return _call  # type: ignore[no-any-return]
    code = frame.f_code
    known = _made.get(id(code))
    if known is None:
        known = _made[id(code)] = (code, {})
    made = known[1].get(frame.f_lasti)
    if made is None or made.__globals__ is not frame.f_globals:
        made = known[1][frame.f_lasti] = _make(frame)
    return made


def forget() -> None:
    """Lets go of the modules whose globals the stand-ins use."""
    _made.clear()


def _make(frame: FrameType) -> Any:
    code = _call.__code__.replace(co_filename=frame.f_code.co_filename, co_firstlineno=frame.f_lineno, co_name=NAME)
    make: Callable[..., Any] = FunctionType
    return make(code, frame.f_globals, NAME, _call.__defaults__)
