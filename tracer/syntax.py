"""A frame -> the node of the syntax tree that it is executing; of a file, only the function is parsed that it runs.

`executing` parses whole files: 0.03 s for each of those that a model of transformers lies in, where one function of
fifty is called.
"""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Sequence
from types import CodeType, FrameType
from typing import Any, Final

from executing import Source

_DEFINITION: Final = re.compile(r"\s*(async\s+)?def\s")
_BEGINS: Final = re.compile(r"\s*(@|(async\s+)?def\s)")
_GOES_ON: Final = re.compile(r"\s*([)\]}#]|$)")  # a line that ends no block, however little it is indented


def node(frame: FrameType) -> Any:
    """What `frame` is executing; None where that cannot be told."""
    found: Any = _Part.executing(frame)
    if found.node is None:
        found = Source.executing(frame)
    if found.node is None and len(found.statements or ()) == 1:  # Python 3.10 does not tell `x += y` from its parts
        return next((each for each in found.statements if isinstance(each, ast.AugAssign)), None)
    return found.node


class _Part(Source):
    """Of a file, the function that a frame is in, at its own lines; the whole where that cannot be told apart."""

    @classmethod
    def for_frame(cls, frame: FrameType, use_cache: bool = True) -> Source:
        code = frame.f_code
        lines = _lines(frame)
        bounds = _bounds(code, lines)
        if bounds is not None:
            first, end = bounds
            around = ["\n"] * first
            if lines[first][:1].isspace():
                around[-1] = f"class {_class(code)}:\n"
            part = cls._for_filename_and_lines(code.co_filename, (*around, *lines[first:end]))
            if part.tree is not None:
                return part
        return Source.for_frame(frame)


def _lines(frame: FrameType) -> Sequence[str]:
    """The lines of the file that a frame is in, as they are now; those known last where there is no such file."""
    name = frame.f_code.co_filename
    before = linecache.cache.get(name)
    linecache.checkcache(name)
    lines = linecache.getlines(name, frame.f_globals)
    if not lines and before is not None:
        linecache.cache[name] = before
        lines = linecache.getlines(name)
    return lines


def _bounds(code: CodeType, lines: Sequence[str]) -> tuple[int, int] | None:
    """The first line, from 0, of the function that code stands in, and the line after it; None outside of any.

    A line that seems to end a function while a bracket or a text is open makes a part that cannot be parsed.
    """
    first = code.co_firstlineno - 1
    if not 0 <= first < len(lines) or code.co_name == "<module>":
        return None
    if not _BEGINS.match(lines[first]):  # a lambda, or a comprehension
        inner = _indent(lines[first])
        around = (at for at in range(first - 1, -1, -1) if _DEFINITION.match(lines[at]) and _indent(lines[at]) < inner)
        found = next(around, None)
        if found is None:
            return None
        first = found
    outer = _indent(lines[first])
    start = next((at for at in range(first, len(lines)) if _DEFINITION.match(lines[at])), first)
    after = range(start + 1, len(lines))
    end = next((at for at in after if _indent(lines[at]) <= outer and not _GOES_ON.match(lines[at])), len(lines))
    return first, end


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _class(code: CodeType) -> str:
    """The class that a function lies in, after which Python names its `__attributes`; `_` where it is in none."""
    around = getattr(code, "co_qualname", "").split(".")[:-1]
    while around[-1:] == ["<locals>"]:
        del around[-2:]
    return around[-1] if around else "_"
