"""An exception -> the same exception with the traceback it would have without us.

Between the author's call and torch stand our modes and torch's machinery for calling them; where a torch function is
written in Python it appears twice, once before it asked the mode and once when the mode called it.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Final

_PACKAGE: Final = Path(__file__).parent
# Files that stand in for the untraced program. The scalar engine is no such file: it is a library like any other.
_OURS: Final = (str(_PACKAGE / "pytorch") + "/", *(str(_PACKAGE / f"{name}.py") for name in ("script", "recording")))
_STAND_IN: Final = "<graphtrace>"  # code of ours that bears the file of the author's frame (tracer/pytorch/places.py)
_ASKS: Final = "torch/overrides.py"
_ON_THE_WAY: Final = (_ASKS, "torch/_compile.py", "torch/_dynamo/eval_frame.py", "torch/_ops.py")


def hide_our_frames(error: BaseException) -> None:
    """Takes our frames out of the tracebacks of `error` and of the errors it came from."""
    pending: list[BaseException | None] = [error]
    seen: list[BaseException] = []
    while pending:
        each = pending.pop()
        if each is None or any(each is other for other in seen):
            continue
        seen.append(each)
        each.__traceback__ = _chain(_visible(_frames(each.__traceback__)))
        pending += (each.__cause__, each.__context__)


def _frames(trace: TracebackType | None) -> list[TracebackType]:
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    return frames


def _chain(frames: list[TracebackType]) -> TracebackType | None:
    trace: TracebackType | None = None
    for each in reversed(frames):
        trace = TracebackType(trace, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return trace


def _visible(frames: list[TracebackType]) -> list[TracebackType]:
    """Those frames that an untraced run would have, outermost first."""
    kept: list[TracebackType] = []
    seams: list[int] = []  # where the function before was called again by us
    just_left_ours = False
    for each in frames:
        if _is_ours(each):
            while kept and _file(kept[-1]).endswith(_ON_THE_WAY):
                if _file(kept.pop()).endswith(_ASKS):
                    seams.append(len(kept))
            just_left_ours = True
        elif not (just_left_ours and _file(each).endswith(_ON_THE_WAY)):
            kept.append(each)
            just_left_ours = False
    for seam in reversed(seams):
        repeated = _overlap(kept[:seam], kept[seam:])
        del kept[seam - repeated : seam]
    return kept


def _overlap(before: list[TracebackType], after: list[TracebackType]) -> int:
    """How many of the last frames of `before` run the same code, in order, as the first of `after`."""
    for size in (3, 2, 1):  # a torch function and at most two wrappers around it
        codes = [each.tb_frame.f_code for each in before[-size:]]
        if len(before) >= size and codes == [each.tb_frame.f_code for each in after[:size]]:
            return size
    return 0


def _is_ours(trace: TracebackType) -> bool:
    return trace.tb_frame.f_code.co_name == _STAND_IN or _file(trace).startswith(_OURS)


def _file(trace: TracebackType) -> str:
    return trace.tb_frame.f_code.co_filename.replace("\\", "/")
