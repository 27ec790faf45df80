"""Formats: how a picture is written; each lives in a file here and registers itself with its suffix.

A format function takes a `Drawing` and asks it for the stage it spells: `scene` (placed), `composed` (not placed),
`view` or `graph`. Options of its own are its keyword-only arguments.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from render.errors import RenderError, wrong_choice
from render.options import NAMES

Write = Callable[..., "str | bytes"]
_Write = TypeVar("_Write", bound=Write)


@dataclass(frozen=True, slots=True)
class Format:
    """A registered format.

    Attributes:
        name: What the user calls it.
        suffixes: Of files in this format, with the dot; the first is the usual one.
        mime: MIME type.
        binary: Whether `write` gives bytes.
        help: One line on what it is for.
        write: Takes a Drawing and the format's own options, gives the file's content.
    """

    name: str
    suffixes: tuple[str, ...]
    mime: str
    binary: bool
    help: str
    write: Write

    @property
    def options(self) -> Mapping[str, inspect.Parameter]:
        """The format's own options: the keyword-only arguments of `write`."""
        found = inspect.signature(self.write).parameters.values()
        return {each.name: each for each in found if each.kind is inspect.Parameter.KEYWORD_ONLY}

    def check(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """`given`, once it is sure that all of it are options of this format.

        Raises:
            RenderError: One is not; the message lists those that are.
        """
        for name in given:
            if name not in self.options:
                raise wrong_choice(f"option for {self.name}", name, (*NAMES, *self.options))
        return given


_FOUND: dict[str, Format] = {}


def register(
    name: str, *, suffixes: tuple[str, ...], mime: str, help_text: str, binary: bool = False
) -> Callable[[_Write], _Write]:
    """Decorates a function as the writer of a format (arguments as in `Format`)."""

    def add(write: _Write) -> _Write:
        _FOUND[name] = Format(name, suffixes, mime, binary, help_text, write)
        return write

    return add


@lru_cache(maxsize=1)
def formats() -> Mapping[str, Format]:
    """Every format by name, in alphabetical order."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda each: each.name):
        importlib.import_module(f"{__name__}.{module.name}")
    return MappingProxyType(dict(sorted(_FOUND.items())))


def get(name: str) -> Format:
    """The format of that name.

    Raises:
        RenderError: There is none; the message lists those there are.
    """
    if name not in formats():
        raise wrong_choice("format", name, formats())
    return formats()[name]


def for_path(path: Path) -> Format:
    """The format that a file's suffix asks for.

    Raises:
        RenderError: There is no suffix, or no format has it; the message lists those there are.
    """
    suffix = path.suffix.lower()
    known = {each: found for found in formats().values() for each in found.suffixes}
    if not suffix:
        raise RenderError(f"{path} has no suffix to choose a format by (add one of {', '.join(known)})")
    if suffix not in known:
        raise wrong_choice("suffix", suffix, known)
    return known[suffix]
