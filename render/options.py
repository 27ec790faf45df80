"""What can be asked of a picture, whatever its format: checked here, once, with the choices in the message."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Final, Literal

from render.errors import RenderError, wrong_choice
from render.scene import Direction
from render.theme import Theme, theme
from render.views.levels import CHOICES

Style = Literal["data", "operations"]
DIRECTIONS: Final[tuple[Direction, ...]] = ("LR", "TB")

ITEMS: Final[dict[str, str]] = {
    "shapes": "sizes of tensors",
    "dtypes": "types of elements",
    "values": "numbers in the tensors, or their mean",
    "gradients": "norms of gradients and the way they flow",
    "names": "the author's variables",
    "source": "file and line of each operation",
    "params": "parameters and buffers as boxes of their own",
    "backward": "operations of backward and of the optimizer",
    "constants": "constants, and numbers the author wrote",
    "views": "operations that only show a tensor in another form (t, view, [])",
}
# What no user asks for by name: `numbers`, a scalar's own value, and `norms`, the norm of a gradient in words.
_ALWAYS: Final = frozenset({"shapes", "names", "constants", "views", "numbers", "norms"})
_BELOW: Final = {"values": "numbers", "gradients": "norms"}  # who hides the one, hides the other
DEFAULT_ITEMS: Final[dict[Style, frozenset[str]]] = {
    "data": _ALWAYS | {"gradients", "params"},
    "operations": _ALWAYS,
}


@dataclass(frozen=True, slots=True)
class Options:
    """How to draw a graph.

    Attributes:
        level: `auto`, `module`, `function`, `kernel` or `autograd`.
        depth: Modules nested deeper than this are closed; None for no limit.
        show: Items to draw although they are left out by default.
        hide: Items to leave out although they are drawn by default.
        direction: `LR` (left to right), `TB` (top to bottom), or None to choose by the depth of the graph.
        theme: A theme or its name.
        engine: Name of the layout engine.
    """

    level: str = "auto"
    depth: int | None = None
    show: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    direction: Direction | None = None
    theme: Theme = field(default_factory=lambda: theme("light"))
    engine: str = "layered"

    def items(self, style: Style) -> frozenset[str]:
        """The items to draw in a style."""
        hidden = {*self.hide, *(_BELOW[item] for item in self.hide if item in _BELOW)}
        return (DEFAULT_ITEMS[style] | set(self.show)) - hidden


NAMES: Final = tuple(each.name for each in fields(Options))


def checked(
    *,
    level: str = "auto",
    depth: int | None = None,
    show: str | Iterable[str] = (),
    hide: str | Iterable[str] = (),
    direction: str | None = None,
    theme: str | os.PathLike[str] | Theme = "light",
    engine: str = "layered",
) -> Options:
    """The options as a user gives them, checked.

    Args:
        level: As in `Options`.
        depth: As in `Options`.
        show: Items, or one text with commas between them.
        hide: Items, or one text with commas between them.
        direction: `LR` or `TB`, in any case; None to choose by the depth of the graph.
        theme: A theme, its name, or a TOML file with one.
        engine: Name of a layout engine.

    Raises:
        RenderError: A choice that is not there; the message lists those that are.
    """
    if level not in CHOICES:
        raise wrong_choice("level", level, CHOICES)
    shown, hidden = _items("show", show), _items("hide", hide)
    both = [item for item in shown if item in hidden]
    if both:
        raise RenderError(f"{both[0]!r} is both to be shown and to be hidden: leave it out of one")
    flow = next((each for each in DIRECTIONS if direction is not None and each == str(direction).upper()), None)
    if direction is not None and flow is None:
        raise wrong_choice("direction", direction, DIRECTIONS)
    _check_engine(engine)
    return Options(level, depth, shown, hidden, flow, _theme(theme), engine)


_theme = theme  # the argument of `checked` has the same name


def _items(where: str, given: str | Iterable[str]) -> tuple[str, ...]:
    names = given.split(",") if isinstance(given, str) else list(given)
    names = [str(name).strip() for name in names if str(name).strip()]
    for name in names:
        if name not in ITEMS:
            raise wrong_choice(f"item to {where}", name, ITEMS)
    return tuple(dict.fromkeys(names))


def _check_engine(engine: str) -> None:
    from render.layout import ENGINES

    if engine not in ENGINES:
        raise wrong_choice("layout engine", engine, ENGINES)
