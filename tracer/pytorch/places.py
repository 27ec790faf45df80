"""Instructions of a program that torch is called from, with what is worked out once for each: `Place`.

Above all a stand-in, which calls torch as if from there, so that a warning names the author's line and not ours. Python
files a warning under the file, line and module of the frame it is raised in, and shows each such place once. Between
the author's line and torch stand our modes; so the call is made by a function whose code bears the file and line of the
frame that was there without us, with that frame's module as its globals.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, FrameType, FunctionType
from typing import Any, Final

import torch

from tracer.pytorch.frames import is_author, is_machinery

NAME: Final = "<graphtrace>"  # of every stand-in's code, by which tracebacks tell it from the author's frame
_call: Final[Any] = lambda func, args, kwargs={}: func(*args, **kwargs)  # noqa: E731 - one line, so one line number
_HANDLER: Final = torch.overrides.handle_torch_function.__code__
# By the id of a code object, which is kept with them (to hash one takes longer than all the rest), and instruction.
_known: dict[int, tuple[CodeType, dict[int, Place]]] = {}


class Place:
    """An instruction of a program.

    Attributes:
        author: Whether it is the author's.
        as_author: `(func, args, kwargs={})`: calls `func` as if from there.
        code: The code of `as_author`.
        globals: Of the module, which tells apart two runs of the same code.
    """

    __slots__ = ("as_author", "author", "code", "globals")

    def __init__(self, frame: FrameType) -> None:
        self.code = _call.__code__.replace(
            co_filename=frame.f_code.co_filename, co_firstlineno=frame.f_lineno, co_name=NAME
        )
        make: Callable[..., Any] = FunctionType
        self.as_author = make(self.code, frame.f_globals, NAME, _call.__defaults__)
        self.author = is_author(frame.f_code) and frame.f_code.co_name != NAME
        self.globals = frame.f_globals


def place(frame: FrameType) -> Place:
    """The place that `frame` is at."""
    code = frame.f_code
    known = _known.get(id(code))
    if known is None:
        known = _known[id(code)] = (code, {})
    found = known[1].get(frame.f_lasti)
    if found is None or found.globals is not frame.f_globals:
        found = known[1][frame.f_lasti] = Place(frame)
    return found


def caller(frame: FrameType | None) -> Callable[..., Any]:
    """Calls a function as `frame` would, or the first above it that is not of our machinery, or torch's for modes."""
    while frame is not None and is_machinery(frame.f_code):
        if frame.f_code is _HANDLER and frame.f_back is not None:
            frame = frame.f_back  # the function itself, which asked the mode before it did anything
        frame = frame.f_back
    return place(frame).as_author if frame is not None else _call  # type: ignore[no-any-return]


def forget() -> None:
    """Lets go of the modules whose globals the stand-ins use."""
    _known.clear()
