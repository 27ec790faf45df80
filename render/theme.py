"""Themes as data: every colour and size of a picture, by what it stands for.

Text keeps a contrast of 7:1 (WCAG 2.2, success criterion 1.4.6) on whatever it is set upon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from render.errors import wrong_choice


@dataclass(frozen=True, slots=True)
class Paint:
    """How one kind of box is painted.

    Attributes:
        fill: Six-digit hex colour.
        stroke: Six-digit hex colour of the border.
        width: Of the border, in pixels.
    """

    fill: str
    stroke: str
    width: float = 1.4


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
        operation: Border of operations (its fill is that of `other` and of closed modules).
        group: Open modules.
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
    font: str = "Arial, Helvetica, 'Liberation Sans', sans-serif"


LIGHT: Final = Theme(
    name="light",
    help="dark on white, for slides and pages",
    background="#ffffff",
    text="#1f2937",
    muted="#3d4450",
    edge="#1f2937",
    gradient="#d1410c",
    gradient_text="#802304",
    error="#8e001b",
    tensors=MappingProxyType(
        {
            "input": Paint("#e3f4e1", "#4d9a48"),
            "parameter": Paint("#fdebd3", "#c77a14", 2.4),
            "buffer": Paint("#fdf4e6", "#c77a14", 1.2),
            "constant": Paint("#f3f4f6", "#9aa3af", 1.0),
            "result": Paint("#ffffff", "#9aa3af"),
            "output": Paint("#e1edfb", "#2f6fb7"),
            "loss": Paint("#e1edfb", "#2f6fb7", 1.6),
        }
    ),
    families=MappingProxyType(
        {
            "matmul": "#fad9d7",
            "elementwise": "#e2dcf3",
            "activation": "#cdeeec",
            "reduction": "#f7ecc0",
            "view": "#eceef1",
            "other": "#e6edf5",
        }
    ),
    operation=Paint("#f0f2f5", "#6b7280", 1.2),
    group=Paint("#f7f8fa", "#cbd2da", 1.2),
)

DARK: Final = Theme(
    name="dark",
    help="light on near-black, for dark slides and notebooks",
    background="#111827",
    text="#f9fafb",
    muted="#d1d5db",
    edge="#d1d5db",
    gradient="#ff8a5c",
    gradient_text="#ffc9b3",
    error="#ffb3c0",
    tensors=MappingProxyType(
        {
            "input": Paint("#163a1c", "#6cc067"),
            "parameter": Paint("#4a2f0b", "#e39a3b", 2.4),
            "buffer": Paint("#33240f", "#e39a3b", 1.2),
            "constant": Paint("#1f2937", "#9aa3af", 1.0),
            "result": Paint("#1b2433", "#9aa3af"),
            "output": Paint("#16335a", "#6fa8e8"),
            "loss": Paint("#16335a", "#6fa8e8", 1.6),
        }
    ),
    families=MappingProxyType(
        {
            "matmul": "#55252a",
            "elementwise": "#3a2f5c",
            "activation": "#124442",
            "reduction": "#463c0c",
            "view": "#2b3442",
            "other": "#233247",
        }
    ),
    operation=Paint("#2b3442", "#a9b2bf", 1.2),
    group=Paint("#182131", "#4b5563", 1.2),
)

_PRINT_PAINTS: Final = {
    "input": Paint("#efefef", "#5a5a5a"),
    "parameter": Paint("#dedede", "#222222", 2.4),
    "buffer": Paint("#efefef", "#222222", 1.2),
    "constant": Paint("#f7f7f7", "#8a8a8a", 1.0),
    "result": Paint("#ffffff", "#6f6f6f"),
    "output": Paint("#ffffff", "#222222"),
    "loss": Paint("#ffffff", "#222222", 1.6),
}

PRINT: Final = replace(
    LIGHT,
    name="print",
    help="greys only, for black-and-white paper",
    text="#111111",
    muted="#333333",
    edge="#222222",
    gradient="#6b6b6b",
    gradient_text="#3a3a3a",
    error="#111111",
    tensors=MappingProxyType(_PRINT_PAINTS),
    families=MappingProxyType(
        {
            "matmul": "#dadada",
            "elementwise": "#e6e6e6",
            "activation": "#e0e0e0",
            "reduction": "#ececec",
            "view": "#f6f6f6",
            "other": "#f1f1f1",
        }
    ),
    operation=Paint("#f1f1f1", "#555555", 1.2),
    group=Paint("#fafafa", "#b5b5b5", 1.2),
)

THEMES: Final[Mapping[str, Theme]] = MappingProxyType({each.name: each for each in (LIGHT, DARK, PRINT)})


def theme(name: str | Theme) -> Theme:
    """The theme of that name (a `Theme` is handed back as it is).

    Raises:
        RenderError: There is none; the message lists those there are.
    """
    if isinstance(name, Theme):
        return name
    if name not in THEMES:
        raise wrong_choice("theme", name, THEMES)
    return THEMES[name]
