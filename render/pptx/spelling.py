"""What all shapes share: lengths, colours, outlines, and texts made safe."""

from __future__ import annotations

from typing import Final

from render import text

PIXEL: Final = 9_525  # English metric units in a pixel of 1/96 inch
_POINTS: Final = 75  # hundredths of a point in a pixel
_MAX_WORDS: Final = 2_000  # characters of an alternative text
_ENTITIES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


def emu(pixels: float) -> int:
    """A length on the slide in English metric units."""
    return round(pixels * PIXEL)


def points(pixels: float) -> int:
    """A size of type in hundredths of a point."""
    return max(100, round(pixels * _POINTS))


def safe(words: str) -> str:
    """Any text between tags or in an attribute; its lines stay apart, what XML forbids is gone."""
    lines = [text.clean(line) for line in words.splitlines()]
    return "&#10;".join(line.translate(_ENTITIES) for line in lines if line)


def named(number: int, name: str, words: str) -> str:
    """What every shape is called.

    Args:
        number: Its id, unique on the slide.
        name: By which Morph finds it on the next slide: `!!` and its id in the scene.
        words: Alternative text.
    """
    return f'<p:cNvPr id="{number}" name="{safe(name)}" descr="{safe(text.elide(words, _MAX_WORDS))}"/>'


def moved(left: float, top: float, width: float, height: float, *, turned: str = "") -> str:
    """The place of a shape, in pixels of the slide; `turned` are attributes for flips and rotation."""
    return (
        f'<a:xfrm{turned}><a:off x="{emu(left)}" y="{emu(top)}"/><a:ext cx="{emu(width)}" cy="{emu(height)}"/></a:xfrm>'
    )


def filled(color: str) -> str:
    """A plain colour; none for the empty text."""
    return f'<a:solidFill><a:srgbClr val="{color[1:].upper()}"/></a:solidFill>' if color else "<a:noFill/>"


def outline(color: str, width: float, *, dashed: bool = False, arrow: bool = False) -> str:
    """A line, its width in pixels; none where that is 0."""
    if not width:
        return "<a:ln><a:noFill/></a:ln>"
    dash = '<a:prstDash val="dash"/>' if dashed else ""
    head = '<a:tailEnd type="triangle"/>' if arrow else ""
    return f'<a:ln w="{emu(width)}">{filled(color)}{dash}<a:round/>{head}</a:ln>'
