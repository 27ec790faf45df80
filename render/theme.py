"""Themes as data: every colour and outline of a picture, by what it stands for; each a TOML file in `themes`.

Text keeps a contrast of 7:1 (WCAG 2.2, success criterion 1.4.6) on whatever it is set upon.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from render.errors import RenderError, wrong_choice
from render.scene import Direction, Outline

if TYPE_CHECKING:
    from typing import TypeAlias

Document: TypeAlias = dict[str, Any]
OUTLINES: Final[tuple[Outline, ...]] = get_args(Outline)
_FOLDER: Final = Path(__file__).parent / "themes"
_COMPLETE: Final = "light"  # the theme that has every key
_WIDEST: Final = 8.0  # pixels of a border; more hides what it surrounds


@dataclass(frozen=True, slots=True)
class Paint:
    """How one kind of box is painted.

    Attributes:
        fill: Six-digit hex colour.
        stroke: Six-digit hex colour of the border.
        width: Of the border, in pixels.
        dashed: Whether the border is dashed.
    """

    fill: str
    stroke: str
    width: float = 1.4
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours and fonts of a picture.

    Attributes:
        name: What the user calls it.
        help: One line on what it is for.
        background: Of the whole picture.
        text: Names.
        muted: Shapes and other details.
        edge: Arrows of values.
        gradient: Arrows of gradients; a hue that nothing else has.
        gradient_text: The same hue, dark or light enough to read.
        error: Border and message of what failed.
        tensors: Paint by kind of value, and of `loss`.
        families: Fill of an operation by its family.
        operation: Border of operations (its fill is that of closed modules).
        group: Open modules.
        outlines: Of `tensor`, `operation` and `module` (a closed one): `rect`, `rounded` or `pill`.
        direction: The way values flow unless the user says; empty to choose by the depth of the graph.
        heat: What amounts are painted in: the colour of `low` ones, of those in the `middle` and of `high` ones.
        categories: What kinds are painted in, by number.
        records: Whether the lines of a tensor stand side by side, with rules between them.
        font: CSS font family list.
    """

    name: str
    help: str
    background: str
    text: str
    muted: str
    edge: str
    gradient: str
    gradient_text: str
    error: str
    tensors: Mapping[str, Paint]
    families: Mapping[str, str]
    operation: Paint
    group: Paint
    outlines: Mapping[str, Outline]
    heat: Mapping[str, str]
    categories: Mapping[str, str]
    direction: Direction | Literal[""]
    records: bool
    font: str


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """The names of the themes that come with graphtrace, in alphabetical order."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def themes() -> Mapping[str, Theme]:
    """Every theme that comes with graphtrace, by name."""
    return {name: theme(name) for name in names()}


def theme(name: str | os.PathLike[str] | Theme) -> Theme:
    """The theme of that name, or in that file (a `Theme` is handed back as it is).

    Args:
        name: Of a theme that comes with graphtrace, or the path of a TOML file, which ends in `.toml`.

    Raises:
        RenderError: There is none, or the file has a wrong key or value; the message says what is allowed.
    """
    if isinstance(name, Theme):
        return name
    path = os.fspath(name)
    if path.lower().endswith(".toml"):
        return _theme(Path(path).stem, _merged(_read(Path(path)), path))
    if path not in names():
        raise wrong_choice("theme", path, (*names(), "a file such as mine.toml"))
    return _own(path)


@cache
def _own(name: str) -> Theme:
    return _theme(name, _document(name))


def _theme(name: str, document: Document) -> Theme:
    tensors = {kind: Paint(**paint) for kind, paint in document["tensors"].items()}
    boxes = {box: Paint(**document[box]) for box in ("operation", "group")}
    return Theme(**{**document, **boxes, "name": name, "tensors": MappingProxyType(tensors)})


# Files. `light` has every key; others say what they are based upon, and only what differs.


@cache
def _document(name: str) -> Document:
    """What a theme that comes with graphtrace says, with what it is based upon."""
    document = _read(_FOLDER / f"{name}.toml")
    return document if name == _COMPLETE else _merged(document, name)


def _read(path: Path) -> Document:
    if sys.version_info >= (3, 11):  # here, since a command that draws nothing needs neither
        import tomllib
    else:
        import tomli as tomllib
    try:
        document: Document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RenderError(f"there is no theme file {path}") from None
    except OSError as error:
        raise RenderError(f"theme file {path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # of TOML, or of UTF-8
        raise RenderError(f"{path} is no TOML file: {error}") from None
    return document


def _merged(document: Document, where: str) -> Document:
    """What a theme says, and what its base says of the rest."""
    base = document.pop("base", _COMPLETE)
    if base not in names():
        raise RenderError(f"{where}: {wrong_choice('base', base, names())}")
    return _over(_document(base), document, f"{where}: ", "")


def _over(base: Document, document: Document, where: str, section: str) -> Document:
    """`base` with the values of `document` in their places, once each is sure to be of its kind."""
    found = dict(base)
    for key, value in document.items():
        if key not in base:
            raise RenderError(f"{where}{wrong_choice('key', section + key, [section + each for each in base])}")
        if isinstance(base[key], dict):
            if not isinstance(value, dict):
                raise RenderError(f"{where}{section}{key} must be a table, such as {_example(key, base[key])}")
            found[key] = _over(base[key], value, where, f"{section}{key}.")
        else:
            found[key] = _checked(base[key], value, f"{where}{section}{key}", section)
    return found


def _checked(like: object, value: Any, where: str, section: str) -> Any:
    """`value`, which must be of the kind of `like`: a colour, a choice, a width, a text, or yes or no."""
    choices = OUTLINES if section == "outlines." else ("LR", "TB", "") if where.endswith(" direction") else None
    if isinstance(like, bool):
        allowed, right = "true or false", isinstance(value, bool)
    elif isinstance(like, float):
        right = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= _WIDEST
        allowed = f"a width in pixels, up to {_WIDEST:g}"
    elif choices is not None:
        allowed, right = "one of " + ", ".join(choice or '""' for choice in choices), value in choices
    elif str(like).startswith("#"):
        right = isinstance(value, str) and re.fullmatch("#[0-9a-fA-F]{6}", value) is not None
        allowed = f'a colour of six hexadecimal digits, such as "{like}"'
    else:
        allowed, right = "a text", isinstance(value, str) and value.isprintable() and value != ""
    if not right:
        raise RenderError(f"{where} is {value!r} (must be {allowed})")
    return value


def _example(key: str, table: Document) -> str:
    name, value = next(iter(table.items()))
    return f"{key} = {{ {name} = {value!r} }}".replace("'", '"')
