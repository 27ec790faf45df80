"""Slides as a frame of beamer: each thing once, with its overlays; and compiled, where LaTeX is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pypdf
import pytest

import render
from render.beamer import layered, specification
from tests.graphs import GRAPHS, rnn_cell
from tests.test_formats_markup import _depth


def test_what_is_on_several_slides_is_written_once_in_its_place() -> None:
    slides = [["ground", "a"], ["ground", "edge", "a", "b"], ["ground", "edge", "A", "b"]]
    assert layered(slides) == [
        ("ground", [1, 2, 3]),
        ("edge", [2, 3]),
        ("A", [3]),
        ("a", [1, 2]),
        ("b", [2, 3]),
    ]
    assert layered([]) == []


@pytest.mark.parametrize(
    ("numbers", "spelled"),
    [([1, 2, 3, 4], ""), ([2, 3, 4], "<2->"), ([1], "<1>"), ([1, 2, 4], "<1-2,4->"), ([1, 3], "<1,3>")],
)
def test_slides_are_spelled_as_ranges(numbers: list[int], spelled: str) -> None:
    assert specification(numbers, 4) == spelled


@pytest.mark.parametrize("name", ["rnn_cell", "hostile", "empty"])
def test_a_frame_has_an_overlay_for_each_step_and_balanced_braces(name: str) -> None:
    written = str(render.render(GRAPHS[name](), "tikz", animate=True))
    count = len(render.draw(GRAPHS[name]()).storyboard().steps)
    body = written.partition("\\begin{document}")[2]
    assert f"\\begin{{frame}}<1-{count}>[plain]" in body
    assert _depth(body) == 0
    for on in re.findall(r"\\only<([\d,-]+)>", body):
        assert max(int(number) for number in re.findall(r"\d+", on)) <= count
    written.encode("utf-8")


def test_it_is_compiled_by_latex(tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None or not shutil.which("kpsewhich"):
        pytest.skip("LaTeX is not installed")
    if not subprocess.run(["kpsewhich", "beamer.cls"], capture_output=True, text=True, check=False).stdout:
        pytest.skip("beamer is not installed")
    render.save(rnn_cell(), tmp_path / "deck.tex", animate=True, lang="ru")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "deck.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    pages = pypdf.PdfReader(tmp_path / "deck.pdf").pages
    assert len(pages) == len(render.draw(rnn_cell()).storyboard().steps)
    assert "grad" in pages[-1].extract_text()
