"""Formats: how a picture is written; each lives in a file here and registers itself with its suffix.

A format function takes a `Drawing` and asks it for the stage it spells: `scene` (placed), `composed` (not placed),
`view` or `graph`. Options of its own are its keyword-only arguments, which the command line takes over with the words
of its docstring. An argument whose default is a dataclass stands for options that several formats share, its fields.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from render.errors import RenderError, wrong_choice
from render.options import OPTIONS
from render.words import words

Write = Callable[..., "str | bytes"]
_Write = TypeVar("_Write", bound=Write)
_LANG: Final = inspect.Parameter("lang", inspect.Parameter.KEYWORD_ONLY, default="en", annotation="str")
_SAID: Final = "Language of the words that are not the author's: en or ru."
_KINDS: Final[Mapping[str, type]] = {each.__name__: each for each in (bool, int, float, str)}


@dataclass(frozen=True, slots=True)
class Format:
    """A registered format.

    Attributes:
        name: What the user calls it.
        suffixes: Of files in this format, with the dot; the first is the usual one. May have two parts (`.scene.json`).
        mime: MIME type.
        binary: Whether `write` gives bytes.
        help: One line on what it is for.
        write: Takes a Drawing and the format's own options, gives the file's content.
        deck: Whether it writes all `parts` of a Drawing, one after the other.
        worded: Whether it has words of ours that can be in another language, though it tells no steps.
    """

    name: str
    suffixes: tuple[str, ...]
    mime: str
    binary: bool
    help: str
    write: Write
    deck: bool = False
    worded: bool = False

    @property
    def options(self) -> Mapping[str, inspect.Parameter]:
        """The format's own options: the keyword-only arguments of `write`, and the fields of those that are records."""
        found = {name: each for name, each in self._arguments.items() if not is_dataclass(each.default)}
        grouped = {name: each for group in self._groups.values() for name, each in _fields(group).items()}
        return {**found, **grouped, **({"lang": _LANG} if self.worded else {})}

    @property
    def _arguments(self) -> Mapping[str, inspect.Parameter]:
        found = inspect.signature(self.write).parameters.values()
        return {each.name: each for each in found if each.kind is inspect.Parameter.KEYWORD_ONLY}

    @property
    def _groups(self) -> Mapping[str, Any]:
        """The arguments that are records, by name, as they are where nothing is asked."""
        return {name: each.default for name, each in self._arguments.items() if is_dataclass(each.default)}

    def written(self, drawing: Any, given: Mapping[str, Any]) -> str | bytes:
        """The content of a file.

        Args:
            drawing: What to write.
            given: Some of `options`, checked.
        """
        if "lang" in given and not self.tells(given) and given["lang"] != drawing.lang:
            drawing = replace(drawing, lang=words(given["lang"]).lang)  # of its legend
        own = {name: value for name, value in given.items() if name in self._arguments}
        groups = {
            name: replace(group, **{field: given[field] for field in _fields(group) if field in given})
            for name, group in self._groups.items()
        }
        return self.write(drawing, **own, **groups)

    def described(self, option: str) -> str:
        """What the docstring of `write`, or of the record that the option is a field of, says of it."""
        owner = next((type(group) for group in self._groups.values() if option in _fields(group)), self.write)
        for line in (inspect.getdoc(owner) or "").splitlines():
            if line.strip().startswith(f"{option}: "):
                return line.partition(": ")[2]
        return _SAID if option == "lang" else ""

    @property
    def is_deck(self) -> bool:
        """Whether it tells a picture step by step without being asked to."""
        animate = self.options.get("animate")
        return "by" in self.options and (animate is None or animate.default is True)

    def tells(self, given: Mapping[str, Any]) -> bool:
        """Whether it tells a picture step by step with these options."""
        return "by" in self.options and bool(given.get("animate", self.is_deck))

    @property
    def flags(self) -> tuple[str, ...]:
        """Its own options as one writes them on the command line, each to change what is done without it."""
        return tuple(flag(f"no_{name}" if each.default is True else name) for name, each in self.options.items())

    def check(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """`given`, once it is sure that all of it are options of this format.

        Raises:
            RenderError: One is not; the message lists those that are. Or it says how the steps are told of a picture
                that is not told step by step.
        """
        for name in given:
            if name not in self.options:
                raise wrong_choice(f"option for {self.name}", name, (*OPTIONS, *self.options))
            if name in OF_STEPS and given[name] and not self.tells(given):
                raise RenderError(no_steps(name))
        return given


# The options that are of no use to a picture that stands still.
OF_STEPS: Final = frozenset({"by", "motion", "explain"})


def no_steps(option: str) -> str:
    """The message for such an option where nothing is told step by step."""
    return f"{flag(option)} is about steps, and the picture stands still: add --animate, or write .html or .pptx"


_FOUND: dict[str, Format] = {}


def register(
    name: str,
    *,
    suffixes: tuple[str, ...],
    mime: str,
    help_text: str,
    binary: bool = False,
    deck: bool = False,
    worded: bool = False,
) -> Callable[[_Write], _Write]:
    """Decorates a function as the writer of a format (arguments as in `Format`)."""

    def add(write: _Write) -> _Write:
        _FOUND[name] = Format(name, suffixes, mime, binary, help_text, write, deck, worded)
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
    _, suffix = split(path)
    known = {each: found for found in formats().values() for each in found.suffixes}
    if not suffix:
        raise RenderError(f"{path} has no suffix to choose a format by (add one of {', '.join(known)})")
    if suffix.lower() not in known:
        raise wrong_choice("suffix", suffix.lower(), known)
    return known[suffix.lower()]


def split(path: Path) -> tuple[str, str]:
    """A file's name in two: its stem, and the longest suffix that a format has (`.scene.json` rather than `.json`)."""
    known = (suffix for found in formats().values() for suffix in found.suffixes)
    ends = [suffix for suffix in known if path.stem and path.name.lower().endswith(suffix)]
    length = len(max(ends, key=len, default=path.suffix))
    if length == len(path.name):  # a name that is all suffix
        length = len(path.suffix)
    return path.name[: len(path.name) - length], path.name[len(path.name) - length :]


def flag(option: str) -> str:
    """The name of an option on the command line: `no_embed` is `--no-embed`."""
    return f"--{option.replace('_', '-')}"


@dataclass(frozen=True, slots=True)
class Option:
    """An option that one format or several have, as the command line offers it.

    Attributes:
        name: Of the keyword-only argument.
        kind: `bool`, `int`, `float` or `str`.
        help: Its line in the docstring of the (first) format.
        formats: Names of the formats that have it.
    """

    name: str
    kind: type
    help: str
    formats: tuple[str, ...]


def options() -> Mapping[str, Option]:
    """The options of all formats by name, in alphabetical order."""
    found: dict[str, Option] = {}
    for each in formats().values():
        for name, parameter in each.options.items():
            kind = _KINDS[str(parameter.annotation).partition(" |")[0]]
            first = found.get(name, Option(name, kind, each.described(name), ()))
            found[name] = replace(first, formats=(*first.formats, each.name))
    return dict(sorted(found.items()))


def _fields(group: Any) -> Mapping[str, inspect.Parameter]:
    """The fields of a record as arguments."""
    return {
        each.name: inspect.Parameter(
            each.name, inspect.Parameter.KEYWORD_ONLY, default=getattr(group, each.name), annotation=each.type
        )
        for each in fields(group)
    }
