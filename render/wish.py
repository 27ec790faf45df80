"""A wish: where to draw and how, checked before the program runs, which may take an hour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from render import draw, files, formats
from render.errors import RenderError
from tracer.graph import DRAWABLE, Graph

WORTH_KEEPING: Final = 8192  # elements of a tensor whose numbers are kept for a deck that computes with them


@dataclass(frozen=True)
class Wish:
    """Where and how to draw.

    Attributes:
        outs: Files to write; none for one SVG in the current folder.
        open_it: Whether to open them.
        options: As for `render.draw`.
        own: Options of single formats; each file takes those that its format has.
        given: Which of `options` the user wrote.
    """

    outs: tuple[Path, ...]
    open_it: bool
    options: dict[str, Any]
    own: dict[str, Any]
    given: tuple[str, ...] = ()

    def checked(self, name: str) -> Wish:
        """The same with absolute paths (a script may change the folder), once it is sure that all of it is possible."""
        outs = self.outs or (Path(f"{name}.svg"),)
        chosen = {formats.for_path(files.checked(out)).name: out for out in outs}
        for option in self.own:
            if not set(chosen) & set(formats.options()[option].formats):
                raise RenderError(self._not_of_these(option, chosen))
            if option in formats.OF_STEPS and not any(map(self.is_told, outs)):
                raise RenderError(formats.no_steps(option))
        empty = draw(Graph(), **self.options)  # an empty picture meets every check
        _ = empty.scene
        for name, out in chosen.items():
            empty.render(name, **self.own_of(out))
        read = {"theme": empty.options.theme, "color_by": empty.options.color_by}
        options = {**self.options, **read}  # now: the script may change the folder
        return replace(self, outs=tuple(out.absolute() for out in outs), options=options)

    @property
    def timed(self) -> bool:
        """Whether the program is to be timed, for its picture is coloured by it; of a `checked` wish."""
        quantity = self.options["color_by"]
        return quantity is not None and quantity.name == "time"

    @property
    def elements(self) -> int:
        """Of how many elements at most tensors keep their numbers: what backward is explained with is computed."""
        return WORTH_KEEPING if self.own.get("explain") else DRAWABLE

    def own_of(self, out: Path) -> dict[str, Any]:
        """The options of the format that this file is in."""
        found = formats.for_path(out)
        unused = frozenset() if found.tells(self.own) else formats.OF_STEPS
        return {name: value for name, value in self.own.items() if name in found.options and name not in unused}

    def is_told(self, out: Path) -> bool:
        """Whether this file tells its picture step by step."""
        return formats.for_path(out).tells(self.own)

    def _not_of_these(self, option: str, chosen: Iterable[str]) -> str:
        having = ", ".join(formats.options()[option].formats)
        allowed = "; ".join(f"{name} has {', '.join(formats.get(name).flags) or 'none'}" for name in chosen)
        return f"{formats.flag(option)} is an option of {having}, which is not written here ({allowed})"
