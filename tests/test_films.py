"""Films: how many frames they have, how large and how long, and that the last one has the picture as it is."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

import render
from render import deck
from render.animation import HOLD
from render.formats import mp4
from render.formats.png import pixels
from tests.graphs import rnn_cell, square
from tracer.graph import Graph

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def film(name: str, **options: Any) -> bytes:
    data = render.render(square(), name, **options)
    assert isinstance(data, bytes)
    return data


def shot(slide: deck.Slide, scale: float = 1.0) -> Image.Image:
    return Image.open(io.BytesIO(pixels(slide.scene, scale, False))).convert("RGB")


def told(graph: Graph) -> deck.Deck:
    found = deck.told(render.draw(graph))
    assert isinstance(found, deck.Deck)
    return found


def still_picture(whole: deck.Deck, scale: float = 1.0) -> tuple[Image.Image, tuple[int, ...]]:
    """The picture of a deck by itself, as PNG has it, and where it stands on the slide."""
    place = whole.plan.figure
    box = tuple(round(scale * side) for side in (place.x, place.y, place.x + place.width, place.y + place.height))
    return Image.open(io.BytesIO(pixels(whole.board.scene, scale, False))).convert("RGB"), box


def difference(first: Image.Image, second: Image.Image) -> float:
    """On average over all pixels and colours, of 255."""
    found = ImageStat.Stat(ImageChops.difference(first, second)).mean
    return sum(found) / len(found)


@pytest.mark.parametrize("name", ["gif", "apng"])
def test_a_film_has_a_frame_for_each_step_and_ends_with_the_picture_as_it_is(name: str) -> None:
    data, whole = render.render(rnn_cell(), name), told(rnn_cell())
    assert isinstance(data, bytes)
    found = Image.open(io.BytesIO(data))
    assert found.n_frames == len(render.draw(rnn_cell()).storyboard().steps) + 1
    assert found.size == (1280, 720)
    assert difference(found.convert("RGB"), shot(whole.slides[0])) < 1.0
    still, place = still_picture(whole)
    found.seek(found.n_frames - 2)
    stressed = difference(found.convert("RGB").crop(place), still)
    found.seek(found.n_frames - 1)
    assert difference(found.convert("RGB").crop(place), still) < min(1.0, stressed)
    assert difference(found.convert("RGB"), shot(whole.ending)) < 1.0


@pytest.mark.parametrize("name", ["gif", "apng"])
def test_a_film_goes_at_the_pace_asked_for_and_stays_at_its_end(name: str) -> None:
    found = Image.open(io.BytesIO(film(name, pace=0.5)))
    lengths = []
    for number in range(found.n_frames):
        found.seek(number)
        lengths.append(float(found.info["duration"]) / 1000)
    assert lengths == pytest.approx([*[0.5] * (found.n_frames - 1), HOLD])


@pytest.mark.parametrize(("loop", "often"), [(True, 0), (False, None)])
def test_a_gif_begins_again_unless_it_is_told_not_to(loop: bool, often: int | None) -> None:
    assert Image.open(io.BytesIO(film("gif", loop=loop))).info.get("loop") == often


def test_surfaces_keep_their_colours_exactly() -> None:
    found = Image.open(io.BytesIO(film("gif"))).convert("RGB")
    assert found.getpixel((2, 2)) == (255, 255, 255)


@pytest.mark.parametrize("name", ["gif", "apng", "mp4"])
@pytest.mark.parametrize("pace", [0.0, -1.0, 61.0, float("nan")])
def test_a_pace_that_nobody_can_watch_is_refused(name: str, pace: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mp4, "program", lambda: "ffmpeg")
    with pytest.raises(render.RenderError, match=r"pace must be from 0\.1 to 60 seconds a step"):
        film(name, pace=pace)


@needs_ffmpeg
def test_an_mp4_has_an_even_size_the_right_length_and_the_picture_as_it_is_at_its_end(tmp_path: Path) -> None:
    path = render.save(square(), tmp_path / "x.mp4", pace=0.5)
    steps = len(render.draw(square()).storyboard().steps)
    asked = ["-show_entries", "stream=width,height,nb_frames,pix_fmt", "-of", "csv=p=0"]
    facts = subprocess.run(["ffprobe", "-v", "error", *asked, str(path)], capture_output=True, text=True, check=True)
    width, height, form, frames = facts.stdout.strip().split(",")
    assert (int(width), int(height), form) == (1280, 720, "yuv420p")
    assert int(frames) == pytest.approx(5 * (0.5 * steps + HOLD), abs=2)
    last = tmp_path / "last.png"
    command = ["ffmpeg", "-v", "error", "-sseof", "-0.5", "-i", str(path), "-frames:v", "1", str(last)]
    subprocess.run(command, check=True)
    still, place = still_picture(told(square()), 1.0)
    assert difference(Image.open(last).convert("RGB").crop(place), still) < 3.0


@needs_ffmpeg
def test_an_mp4_is_as_large_as_asked_for_with_an_even_number_of_pixels(tmp_path: Path) -> None:
    path = render.save(square(), tmp_path / "x.mp4", scale=0.503)  # 643.8 × 362.2
    asked = ["-show_entries", "stream=width,height", "-of", "csv=p=0"]
    facts = subprocess.run(["ffprobe", "-v", "error", *asked, str(path)], capture_output=True, text=True, check=True)
    width, height = map(int, facts.stdout.strip().split(","))
    assert width % 2 == height % 2 == 0
    assert (width, height) == (pytest.approx(643.8, abs=2), pytest.approx(362.2, abs=2))


@needs_ffmpeg
@pytest.mark.parametrize("scale", [0, -1, float("nan"), True])
def test_the_size_of_an_mp4_is_a_positive_number(scale: float) -> None:
    with pytest.raises(render.RenderError, match="scale must be a positive number"):
        film("mp4", scale=scale)


def test_without_ffmpeg_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    with pytest.raises(render.RenderError, match=r"pip install 'graphtrace\[video\]'.*apt-get install ffmpeg"):
        film("mp4")


def test_what_ffmpeg_cannot_do_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\necho no such encoder: libx264 >&2\nexit 1\n", encoding="ascii")
    broken.chmod(0o755)
    monkeypatch.setattr(mp4, "program", lambda: str(broken))
    with pytest.raises(render.RenderError, match="ffmpeg could not make the film: no such encoder"):
        film("mp4")
