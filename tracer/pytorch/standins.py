"""Calls torch as if from the frame that called it, so that a warning names the author's line and not ours.

Python files a warning under the file, line and module of the frame it is raised in, and shows each such place once.
Between the author's line and torch stand our modes; so the call is made by a stand-in: a function whose code bears
the file and line of the frame that was there without us, with that frame's module as its globals.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from types import CodeType, FrameType, FunctionType
from typing import Any, Final

import torch

from tracer.pytorch.frames import is_machinery

NAME: Final = "<graphtrace>"  # of every stand-in's code, by which tracebacks tell it from the author's frame
_call: Final[Any] = lambda func, args, kwargs: func(*args, **kwargs)  # noqa: E731 - one line, so one line number
_HANDLER: Final = torch.overrides.handle_torch_function.__code__
_made: dict[tuple[CodeType, int], FunctionType] = {}


def caller(depth: int) -> FrameType | None:
    """The frame that would call torch if it were not for us.

    Args:
        depth: How many frames above the one that asks to start at.
    """
    frame: FrameType | None = sys._getframe(depth + 1)
    while frame is not None and is_machinery(frame.f_code):
        if frame.f_code is _HANDLER and frame.f_back is not None:
            frame = frame.f_back  # the function itself, which asked the mode before it did anything
        frame = frame.f_back
    return frame


def call_as(frame: FrameType | None, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Calls `func` as `frame` would."""
    if frame is None:
        return func(*args, **kwargs)
    key = (frame.f_code, frame.f_lasti)
    stand_in = _made.get(key)
    if stand_in is None or stand_in.__globals__ is not frame.f_globals:
        stand_in = _made[key] = _stand_in(frame)
    return stand_in(func, args, kwargs)


def forget() -> None:
    """Lets go of the modules whose globals the stand-ins use."""
    _made.clear()


def _stand_in(frame: FrameType) -> Any:
    code = _call.__code__.replace(co_filename=frame.f_code.co_filename, co_firstlineno=frame.f_lineno, co_name=NAME)
    make: Callable[..., Any] = FunctionType
    return make(code, frame.f_globals, NAME)
