"""MP4: the slides of a deck as a film for players and lectures, made by ffmpeg."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from render import deck, text
from render.animation import HOLD, checked_pace
from render.errors import RenderError
from render.film import stills
from render.formats import png, register
from render.steps import USUAL, Telling

if TYPE_CHECKING:
    from render.drawing import Drawing

# Frames a second, the first with which every step is seen: pictures that stand still need no more, and each costs time
# to encode; players lose their way at fewer than these.
_RATES: Final = (5, 10, 20)


@register(
    "mp4",
    suffixes=(".mp4",),
    mime="video/mp4",
    help_text="film of the slides, 1280 × 720 pixels",
    binary=True,
    deck=True,
)
def write(
    drawing: Drawing,
    *,
    pace: float = 1.6,
    scale: float | None = None,
    telling: Telling = USUAL,
) -> bytes:
    """A film in which each step stays for a while, the last one longer.

    Args:
        drawing: What to write.
        pace: Seconds a step takes.
        scale: Pixels of the image for one (1/96 inch) of the picture: 2 unless given, 1 in a film (1280 × 720).
        telling: How it is told.

    Raises:
        RenderError: There is no ffmpeg, where the message says how to get one; the scale is not a positive number, or
            asks for pictures of more than 40 million pixels.
    """
    ffmpeg, step, larger = program(), checked_pace(pace), png.checked("scale", 1.0 if scale is None else scale)
    shown = deck.told(drawing, telling)
    return _film(ffmpeg, stills(shown, larger), step, text.clean(shown.title))


def program() -> str:
    """The path of ffmpeg: the machine's own, or that of the package imageio-ffmpeg.

    Raises:
        RenderError: There is neither.
    """
    found = shutil.which("ffmpeg")
    if found is not None:
        return found
    try:
        from imageio_ffmpeg import get_ffmpeg_exe
    except ImportError:
        raise RenderError(
            "a film in MP4 is made by ffmpeg, which is not installed: pip install 'graphtrace[video]', "
            "or your system's own (apt-get install ffmpeg, brew install ffmpeg); .gif and .apng need nothing"
        ) from None
    return str(get_ffmpeg_exe())


def _film(ffmpeg: str, frames: Iterator[bytes], pace: float, title: str) -> bytes:
    """The film, made while its frames are still being drawn."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as said:
        film = Path(folder, "film.mp4")
        making = subprocess.Popen(_command(ffmpeg, pace, title, film), stdin=subprocess.PIPE, stderr=said)
        assert making.stdin is not None
        with contextlib.suppress(BrokenPipeError), making.stdin as pipe:  # it says below why it went
            for frame in frames:
                pipe.write(frame)
        if making.wait():
            said.seek(0)
            told = said.read().decode("utf-8", "replace").strip().splitlines()
            raise RenderError(f"ffmpeg could not make the film: {told[-1] if told else 'it says not why'}")
        return film.read_bytes()


def _command(ffmpeg: str, pace: float, title: str, film: Path) -> list[str]:
    """H.264 in the form that every player knows, with no trace of when and where it was made."""
    rate = next(rate for rate in _RATES if rate * pace >= 1)
    even = "crop=trunc(iw/2)*2:trunc(ih/2)*2"  # the halved colours of yuv420p have no room for an odd row
    made = f"{even},format=yuv420p,fps={rate},tpad=stop_mode=clone:stop_duration={max(0.0, HOLD - pace):.3f}"
    read = ["-f", "image2pipe", "-c:v", "png", "-framerate", f"{1 / pace:.6f}", "-i", "pipe:0", "-vf", made]
    code = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-tune", "animation"]
    form = ["-movflags", "+faststart", "-metadata", f"title={title}"]
    exact = ["-fflags", "+bitexact", "-flags:v", "+bitexact"]
    return [ffmpeg, "-v", "error", "-y", *read, *code, *form, *exact, str(film)]
