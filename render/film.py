"""Films: the slides of a deck as pictures of pixels, one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from render.animation import HOLD, checked_pace
from render.formats.png import pixels

if TYPE_CHECKING:
    from PIL.Image import Image

    from render.deck import Deck, Decks

_COLORS: Final = 256  # of a palette


def stills(deck: Deck | Decks, scale: float) -> Iterator[bytes]:
    """Each slide, then the whole picture with nothing stressed, as PNG files `scale` times 1280 × 720 pixels large."""
    return (pixels(slide.scene, scale, transparent=False) for slide in (*deck.slides, deck.ending))


def paletted(files: Sequence[bytes]) -> list[Image]:
    """Pictures of one size with one palette: that of their commonest colours, so that surfaces keep theirs exactly."""
    from PIL import Image

    frames = [Image.open(BytesIO(each)).convert("RGB") for each in files]
    found: Counter[Any] = Counter()
    for frame in frames:
        found.update({color: count for count, color in frame.getcolors(frame.width * frame.height) or ()})
    palette = Image.new("P", (1, 1))
    palette.putpalette([channel for color, _ in found.most_common(_COLORS) for channel in color])
    return [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]


def assembled(deck: Deck | Decks, pace: float, kind: str, *, loop: bool) -> bytes:
    """An animated GIF or PNG.

    Args:
        deck: Its slides.
        pace: Seconds a step takes.
        kind: `GIF` or `PNG`, as Pillow has it.
        loop: Whether it begins again.
    """
    out, step = BytesIO(), checked_pace(pace)
    first, *others = paletted([*stills(deck, 1.0)])
    seconds = [*[step] * len(others), max(step, HOLD)]
    again = {"loop": 0} if loop else {"loop": 1} if kind == "PNG" else {}
    more = {"disposal": 1} if kind == "GIF" else {}
    first.save(
        out, kind, save_all=True, append_images=others, optimize=True,
        duration=[round(1000 * each) for each in seconds], **again, **more,
    )  # fmt: skip
    return out.getvalue()
