"""MP4: the slides of a deck as a film for players and lectures, made by ffmpeg."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from render import deck, text
from render.errors import RenderError
from render.film import durations, stills
from render.formats import register

if TYPE_CHECKING:
    from render.drawing import Drawing

_SCALE: Final = 1.5  # 1920 × 1080
_RATE: Final = 10  # frames a second: pictures that stand still need no more, and each costs time to encode


@register("mp4", suffixes=(".mp4",), mime="video/mp4", help_text="film of the slides, 1920 × 1080 pixels", binary=True)
def write(
    drawing: Drawing,
    *,
    pace: float = 1.6,
    by: str = "line",
    motion: str = "build",
    explain: bool = False,
    lang: str = "en",
) -> bytes:
    """A film in which each step stays for a while, the last one longer.

    Args:
        drawing: What to write.
        pace: Seconds a step takes.
        by: What makes a step: line, op, module or timestep.
        motion: How it is told: build (boxes appear) or flow (all is there, pale until data reaches it).
        explain: Tells backward by the chain rule, with its numbers.
        lang: Language of the words that are not the author's: en or ru.

    Raises:
        RenderError: There is no ffmpeg; the message says how to get one.
    """
    ffmpeg = program()
    shown = deck.told(drawing, by=by, motion=motion, explain=explain, lang=lang)
    seconds = durations(len(shown.slides), pace)
    with tempfile.TemporaryDirectory() as folder:
        return _film(ffmpeg, Path(folder), [*stills(shown, _SCALE)], seconds, text.clean(shown.title))


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


def _film(ffmpeg: str, folder: Path, frames: Sequence[bytes], seconds: Sequence[float], title: str) -> bytes:
    rows = ["ffconcat version 1.0"]
    for number, (frame, length) in enumerate(zip(frames, seconds, strict=True)):
        (folder / f"{number}.png").write_bytes(frame)
        rows += [f"file {number}.png", f"duration {length:.3f}"]
    (folder / "film.txt").write_text("\n".join((*rows, f"file {len(frames) - 1}.png", "")), encoding="ascii")
    done = subprocess.run(_command(ffmpeg, title, sum(seconds)), cwd=folder, capture_output=True, check=False)
    if done.returncode:
        told = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise RenderError(f"ffmpeg could not make the film: {told[-1] if told else 'it says not why'}")
    return (folder / "film.mp4").read_bytes()


def _command(ffmpeg: str, title: str, seconds: float) -> list[str]:
    """H.264 in the form that every player knows, with no trace of when and where it was made.

    The list names the last slide twice: it stays until its second mention, a frame before the end.
    """
    read = ["-f", "concat", "-i", "film.txt"]
    code = ["-r", str(_RATE), "-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-tune", "animation"]
    form = ["-pix_fmt", "yuv420p", "-movflags", "+faststart", "-metadata", f"title={title}"]
    exact = ["-fflags", "+bitexact", "-flags:v", "+bitexact"]
    return [
        ffmpeg,
        "-nostdin",
        "-v",
        "error",
        "-y",
        *read,
        *code,
        *form,
        "-t",
        f"{seconds + 1 / _RATE:.3f}",
        *exact,
        "film.mp4",
    ]
