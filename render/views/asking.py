"""What a user asks of the views: from `collapse:depth=2` to a view with its options, every one checked."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from render.errors import RenderError, wrong_choice
from render.views import View, get
from render.views.subgraph import note
from tracer.graph import Graph

_YES: Final = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
Wish = Union[str, tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a view.

    Attributes:
        name: As the user writes it.
        kind: `str`, `int`, `bool`, `Literal`, or `tuple` for words that may be given several times.
        choices: What it may be, where those can be listed.
        default: What it is when it is not given.
        help: What it does.
    """

    name: str
    kind: object
    choices: tuple[str, ...]
    default: Any
    help: str

    @property
    def usage(self) -> str:
        """How it is written: `depth=N`."""
        spelled = {int: "N", tuple: "PATTERN", bool: "yes|no"}
        return f"{self.name}={'|'.join(self.choices) or spelled.get(self.kind, 'NAME')}"  # type: ignore[call-overload]


@dataclass(frozen=True, slots=True)
class Asked:
    """A view with the options it is to be applied with."""

    view: View
    options: Mapping[str, Any]

    def apply(self, graph: Graph) -> Graph:
        """What the view makes of a graph."""
        made = self.view.apply(graph, **self.options)
        # A level or a phase that was asked for is drawn instead of the usual one.
        if made is not graph or not graph.nodes or self.view.phases or self.view.level:
            return made
        return note(graph, f"view {self.view.name!r} changes nothing here")


def options(view: View) -> Mapping[str, Option]:
    """The options of a view by name, read off its function's keyword-only arguments and docstring."""
    hints, told = get_type_hints(view.apply), _told(view.apply)
    found = {}
    for each in inspect.signature(view.apply).parameters.values():
        if each.kind is inspect.Parameter.KEYWORD_ONLY:
            kind, choices = _kind(hints[each.name])
            found[each.name] = Option(each.name, kind, choices, each.default, told.get(each.name, ""))
    return found


def asked(wishes: str | Iterable[Wish]) -> tuple[Asked, ...]:
    """The views that a user asks for, in order.

    Args:
        wishes: Texts such as `collapse:depth=2,type=Linear`, or pairs of a name and options: `("collapse", {"depth":
            2})`. One text alone is one view.

    Raises:
        RenderError: A view or option that is not there, or a value it cannot have; the message lists what is allowed.
    """
    found = [wishes] if isinstance(wishes, str) else list(wishes)
    return tuple(_asked(each) for each in found)


def _asked(wish: Wish) -> Asked:
    name, given = _spelled(wish) if isinstance(wish, str) else wish
    view = get(name)
    known = options(view)
    for option in given:
        if option not in known:
            if not known:
                raise RenderError(f"view {name!r} has no options: leave out {option!r}")
            raise wrong_choice(f"option of view {name!r}", option, known)
    if not view.bare and not any(given.values()):
        raise RenderError(f"view {name!r} needs to know what: write {name}:{f' or {name}:'.join(_usages(known))}")
    return Asked(view, {option: _value(view, known[option], value) for option, value in given.items()})


def _usages(known: Mapping[str, Option]) -> list[str]:
    return [option.usage for option in known.values()]


def agree(views: Iterable[Asked], *, level: str, depth: int | None, hide: Iterable[str]) -> None:
    """Checks that nothing else that is asked of a picture says the opposite of its views.

    Raises:
        RenderError: A level or a depth beside a view that sets it; a view that draws what is to be hidden.
    """
    views = tuple(views)
    levels = dict.fromkeys(each.view.name for each in views if each.view.level)
    if "autograd" in levels and len(levels) > 1:  # its boxes are no calls that another could close
        raise RenderError(f"views {' and '.join(map(repr, levels))} both say what a box stands for: leave out one")
    for each in views:
        name, known = each.view.name, options(each.view)
        if each.view.level and level != "auto":
            instead = f", or write {name}:to={level}s" if f"{level}s" in _choices(known, "to") else ""
            raise RenderError(
                f"level {level!r} and view {name!r} both say what a box stands for: leave out one{instead}"
            )
        if each.view.level and depth is not None:
            instead = f", or write {name}:depth={depth}" if "depth" in known else ""
            raise RenderError(f"depth and view {name!r} both say what is closed: leave out one{instead}")
        if "backward" in hide and (name == "backward" or "backward" in each.options.get("keep", ())):
            raise RenderError(f"view {name!r} draws what is to be hidden, 'backward': leave out one")


def _choices(known: Mapping[str, Option], name: str) -> tuple[str, ...]:
    return known[name].choices if name in known else ()


def _spelled(text: str) -> tuple[str, dict[str, Any]]:
    """Name and options of `name:option=value,option=value`; an option given again becomes a list."""
    name, _, rest = text.partition(":")
    given: dict[str, Any] = {}
    for word in filter(None, (each.strip() for each in rest.split(","))):
        option, equals, value = (each.strip() for each in word.partition("="))
        if not equals or not value:
            raise RenderError(f"{text!r} cannot be read at {word!r}: write a view as {name.strip()}:option=value")
        given[option] = [*given[option], value] if option in given else [value]
    return name.strip(), given


def _value(view: View, option: Option, given: Any) -> Any:
    """A value as the view's function takes it: what was written as text is converted."""
    words = list(given) if isinstance(given, (list, tuple)) else [given]
    if given is None and option.default is None:
        return None
    read = [_CONVERT[option.kind](word) for word in words]
    shown = words[0] if len(words) == 1 else tuple(words)
    if None in read or (option.kind is not tuple and len(read) != 1):
        raise RenderError(f"{view.name}:{option.name} must be {_WANTED[option.kind]}, not {shown!r}")
    for word in read if option.choices else ():
        if word not in option.choices:
            raise wrong_choice(f"value of {view.name}:{option.name}", word, option.choices)
    return tuple(read) if option.kind is tuple else read[0]


def _number(given: Any) -> int | None:
    if isinstance(given, str) and re.fullmatch(r"[0-9]{1,9}", given, flags=re.ASCII):
        return int(given)
    return given if isinstance(given, int) and not isinstance(given, bool) and given >= 0 else None


def _word(given: Any) -> str | None:
    return given if isinstance(given, str) else None


def _flag(given: Any) -> bool | None:
    return given if isinstance(given, bool) else _YES.get(given.lower()) if isinstance(given, str) else None


_CONVERT: Final[Mapping[object, Callable[[Any], Any]]] = {
    int: _number, str: _word, bool: _flag, Literal: _word, tuple: _word,
}  # fmt: skip
_WANTED: Final = {
    int: "one whole number from 0 up", str: "one word", bool: "yes or no", Literal: "one word", tuple: "words",
}  # fmt: skip


def _kind(hint: Any) -> tuple[object, tuple[str, ...]]:
    """What an annotation asks for, and the choices it lists; `X | None` asks for X."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return Literal, parts
    if origin is tuple:
        return tuple, _kind(parts[0])[1]
    if NoneType in parts:
        return _kind(next(each for each in parts if each is not NoneType))
    return hint, ()


def _told(function: Callable[..., object]) -> Mapping[str, str]:
    """What the docstring's `Args:` say of each argument, on one line."""
    section = re.search(r"^Args:\n((?:[ ]{4}.*\n?|\n)*)", inspect.getdoc(function) or "", flags=re.M)
    entries = re.findall(r"^[ ]{4}(\w+): (.*(?:\n[ ]{8}.*)*)", section[1] if section else "", flags=re.M)
    return {name: " ".join(text.split()) for name, text in entries}
