"""PNG: the SVG picture as pixels, made by resvg without any system library or browser."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from render.errors import RenderError
from render.formats import register
from render.formats.svg import spell

if TYPE_CHECKING:
    from render.drawing import Drawing
    from render.scene import Scene

MAX_PIXELS: Final = 40_000_000  # about 160 MB while it is drawn
_FAMILY: Final = "Arimo"  # drawn to Arial's metrics; shipped, so that a machine without fonts has words too
FONTS: Final = Path(__file__).parent.parent / "fonts"
_SCALE: Final = 2.0
_LONGEST: Final = 32_000  # pixels of a side; most programs open no longer ones
_LEGIBLE: Final = 0.5  # of the scale; below, words are too small to read
_DPI: Final = 96.0  # what a CSS pixel is; resvg's own default of 0 makes it refuse sizes in points


@register(
    "png",
    suffixes=(".png",),
    mime="image/png",
    help_text="pixels, for where vector pictures do not go",
    binary=True,
    worded=True,
)
def write(
    drawing: Drawing, *, scale: float | None = None, dpi: float | None = None, transparent: bool = False
) -> bytes:
    """The picture as a PNG file, which says how large it is meant to be printed.

    Args:
        drawing: What to write.
        scale: Pixels of the image for one pixel (1/96 inch) of the picture; 2 unless given, less for a large picture.
        dpi: Pixels of the image per inch, in place of a scale.
        transparent: Leaves the background out.

    Raises:
        RenderError: The image would have more than 40 million pixels, a number is not positive, or both are given.
    """
    for name, value in (("scale", scale), ("dpi", dpi)):
        if value is not None:
            checked(name, value)
    if dpi is not None and scale is not None:
        raise RenderError(f"dpi={dpi:g} and scale={scale:g} contradict each other: leave one out")
    if dpi is not None:
        scale = dpi / _DPI
    return pixels(drawing.scene, _fitting(drawing.scene) if scale is None else scale, transparent)


def _fitting(scene: Scene) -> float:
    """The usual scale, or the largest at which a large picture fits, as long as it can be read."""
    largest = min(math.sqrt(MAX_PIXELS / (scene.width * scene.height)), _LONGEST / max(scene.width, scene.height))
    largest = math.floor(100 * largest) / 100
    return min(_SCALE, largest) if largest >= _LEGIBLE else _SCALE


def checked(name: str, value: float) -> float:
    """The value of an option, if it is a positive number.

    Raises:
        RenderError: It is not.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf:
        return value
    raise RenderError(f"{name} must be a positive number, not {value!r}")


def pixels(scene: Scene, scale: float, transparent: bool) -> bytes:
    """A scene as a PNG file, `scale` times as many pixels wide as it is; without its background if `transparent`.

    Raises:
        RenderError: It would have more than 40 million pixels.
    """
    count = scene.width * scene.height * scale**2
    if count > MAX_PIXELS:
        raise RenderError(_too_large(count, scale))
    import resvg_py

    background = "" if transparent else scene.background
    svg = spell(replace(scene, font=f"{_FAMILY}, {scene.font}", background=background))
    fonts = [str(FONTS / name) for name in ("Arimo-Regular.ttf", "Arimo-Bold.ttf", "Cousine-Regular.ttf")]
    return _with_density(
        bytes(resvg_py.svg_to_bytes(svg_string=svg, dpi=_DPI, zoom=float(scale), font_files=fonts)), scale
    )


def _with_density(png: bytes, scale: float) -> bytes:
    """The file with a pHYs chunk (PNG specification, 11.3.4.3) before its pixels: so many pixels per metre."""
    per_metre = round(scale * _DPI / 0.0254)
    chunk = b"pHYs" + struct.pack(">IIB", per_metre, per_metre, 1)
    at = png.index(b"IDAT") - 4
    return png[:at] + struct.pack(">I", 9) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[at:]


def _too_large(pixels: float, scale: float) -> str:
    """What to do instead: a smaller scale where that still reads, fewer boxes, or a vector format."""
    fitting = math.floor(100 * scale * math.sqrt(MAX_PIXELS / pixels)) / 100
    smaller = f"take scale={fitting:g}, " if fitting >= _LEGIBLE else ""
    return (
        f"the picture would have {pixels / 1e6:,.0f} million pixels (at most {MAX_PIXELS / 1e6:.0f}): "
        f"{smaller}close modules with --depth or --level module, or write .svg, which has no such limit"
    )
