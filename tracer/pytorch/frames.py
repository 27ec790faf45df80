"""Which frames are the author's: not Python's own, torch's or ours, and not those of a data loader at work."""

from __future__ import annotations

import os
import sys
import sysconfig
from types import CodeType, FrameType
from typing import Final

import torch

_TORCH: Final = os.path.dirname(torch.__file__) + os.sep
_STDLIB: Final = sysconfig.get_path("stdlib") + os.sep
_SITE: Final = tuple(os.path.join(_STDLIB, name) + os.sep for name in ("site-packages", "dist-packages"))
_OURS: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LOADING: Final = os.path.join(_TORCH, "utils", "data") + os.sep
_CAPTURE: Final = os.path.join(_OURS, "pytorch") + os.sep
_SERVANTS: Final = (os.path.join(_STDLIB, "multiprocessing"), os.path.join(_TORCH, "multiprocessing"), _LOADING)
_ENTRIES: Final = (os.path.join(_OURS, "tracing.py"), os.path.join(_OURS, "script.py"))
_AUTHOR, _INTERNAL, _DATA, _ENTRY = 0, 1, 2, 3
_CALLS_MODES: Final = (
    os.path.join(_TORCH, "overrides.py"),
    os.path.join(_TORCH, "_compile.py"),
    os.path.join(_TORCH, "_dynamo", "eval_frame.py"),
    os.path.join(_TORCH, "_ops.py"),
)
# By the id of a code object, which is kept with it: to hash one takes longer than to look at its file name.
_known: dict[int, tuple[int, bool, CodeType]] = {}


def _look(code: CodeType) -> tuple[int, bool, CodeType]:
    """The kind of a code object, and whether it is ours or torch's for calling a mode."""
    name = code.co_filename
    internal = name.startswith((_TORCH, _OURS, "<frozen ", "<eval_with_key>")) or (
        name.startswith(_STDLIB) and not name.startswith(_SITE)
    )
    kind = _DATA if name.startswith(_LOADING) else _INTERNAL if internal else _AUTHOR
    machinery = name.startswith((_CAPTURE, *_CALLS_MODES))
    found = _known[id(code)] = (_ENTRY if name in _ENTRIES else kind, machinery, code)
    return found


def is_author(code: CodeType) -> bool:
    """Whether a code object is the author's (or of a library that is neither torch nor ours)."""
    return (_known.get(id(code)) or _look(code))[0] == _AUTHOR


def is_machinery(code: CodeType) -> bool:
    """Whether a code object is ours, or torch's for calling a mode."""
    return (_known.get(id(code)) or _look(code))[1]


def is_servant(code: CodeType) -> bool:
    """Whether what a code object starts serves processes or data loaders, and is no step of a program."""
    return code.co_filename.startswith(_SERVANTS)


def author_frame_inside(frame: FrameType | None, around: CodeType) -> FrameType | None:
    """The innermost frame of the author's from `frame` up to one that runs `around`; None where there is none."""
    while frame is not None and frame.f_code is not around:
        if is_author(frame.f_code):
            return frame
        frame = frame.f_back
    return None


def author_frame(depth: int) -> tuple[FrameType | None, bool, bool]:
    """The innermost frame of the author's.

    Args:
        depth: How many frames above the caller to start at.

    Returns:
        The frame (None where there is none inside the program that is recorded), whether it is the one to start at,
        and whether a data loader stands between.
    """
    frame: FrameType | None = sys._getframe(depth + 1)
    first, loading = frame, False
    while frame is not None:
        kind = (_known.get(id(frame.f_code)) or _look(frame.f_code))[0]
        if kind == _AUTHOR:
            return frame, frame is first, loading
        if kind == _ENTRY:
            break  # what called us is not part of the program that we run
        loading = loading or kind == _DATA
        frame = frame.f_back
    return None, False, loading
