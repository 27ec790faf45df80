"""Views: functions from Graph to Graph that leave out, close, fold or rename; each lives in a file here and registers.

A view never changes its argument, keeps the ids of what it keeps and leaves `values` whole, so that every id a record
mentions still resolves. Options are the keyword-only arguments of its function; `render.views.asking` reads them.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TypeVar

from render.errors import wrong_choice
from tracer.graph import Graph


@dataclass(frozen=True, slots=True)
class View:
    """A registered view.

    Attributes:
        name: What the user calls it.
        help: One line on what it does.
        apply: The function; its keyword-only arguments are the view's options.
        level: Whether it says at what level to draw, so that calls are not closed to functions beforehand.
        phases: Whether it needs the operations of backward and of the optimizer, which are otherwise left out.
        bare: Whether it does something without options.
    """

    name: str
    help: str
    apply: Callable[..., Graph]
    level: bool = False
    phases: bool = False
    bare: bool = True


_FOUND: dict[str, View] = {}
_Apply = TypeVar("_Apply", bound=Callable[..., Graph])


def register(
    name: str, *, help_text: str, level: bool = False, phases: bool = False, bare: bool = True
) -> Callable[[_Apply], _Apply]:
    """Decorates a function as the view `name` (arguments as in `View`)."""

    def add(apply: _Apply) -> _Apply:
        _FOUND[name] = View(name, help_text, apply, level, phases, bare)
        return apply

    return add


@lru_cache(maxsize=1)
def views() -> Mapping[str, View]:
    """Every view by name, in alphabetical order."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda each: each.name):
        importlib.import_module(f"{__name__}.{module.name}")
    return MappingProxyType(dict(sorted(_FOUND.items())))


def get(name: str) -> View:
    """The view of that name.

    Raises:
        RenderError: There is none; the message lists those there are.
    """
    if name not in views():
        raise wrong_choice("view", name, views())
    return views()[name]
