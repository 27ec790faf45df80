"""PNG: the SVG picture as pixels, made by resvg without any system library or browser."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from render.errors import RenderError
from render.formats import register
from render.formats.svg import spell

if TYPE_CHECKING:
    from render.drawing import Drawing

MAX_PIXELS: Final = 40_000_000  # about 160 MB while it is drawn
_FAMILY: Final = "Arimo"  # drawn to Arial's metrics; shipped, so that a machine without fonts has words too
_FONTS: Final = Path(__file__).parent.parent / "fonts"
_DPI: Final = 96.0  # what a CSS pixel is; resvg's own default of 0 makes it refuse sizes in points


@register(
    "png", suffixes=(".png",), mime="image/png", help_text="pixels, for where vector pictures do not go", binary=True
)
def write(drawing: Drawing, *, scale: float = 2.0) -> bytes:
    """The picture as a PNG file.

    Args:
        drawing: What to write.
        scale: Pixels of the image for one pixel of the SVG picture.

    Raises:
        RenderError: The image would have more than 40 million pixels, or `scale` is no positive number.
    """
    if isinstance(scale, bool) or not isinstance(scale, (int, float)) or not 0 < scale < math.inf:
        raise RenderError(f"scale must be a positive number, not {scale!r}")
    scene = drawing.scene
    pixels = scene.width * scene.height * scale**2
    if pixels > MAX_PIXELS:
        raise RenderError(_too_large(pixels, scale))
    import resvg_py

    svg = spell(replace(scene, font=f"{_FAMILY}, {scene.font}"))
    fonts = [str(_FONTS / name) for name in ("Arimo-Regular.ttf", "Arimo-Bold.ttf")]
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, dpi=_DPI, zoom=float(scale), font_files=fonts))


def _too_large(pixels: float, scale: float) -> str:
    """What to do instead: a smaller scale where that still reads, fewer boxes, or a vector format."""
    fitting = math.floor(100 * scale * math.sqrt(MAX_PIXELS / pixels)) / 100
    smaller = f"take scale={fitting:g}, " if fitting >= 0.5 else ""
    return (
        f"the picture would have {pixels / 1e6:,.0f} million pixels (at most {MAX_PIXELS / 1e6:.0f}): "
        f"{smaller}close modules with --depth or --level module, or write .svg, which has no such limit"
    )
