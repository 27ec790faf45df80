"""Sizes of pages as users write them, and the pages that each purpose has."""

from __future__ import annotations

import pytest

import render
from render import RenderError
from render.options import checked
from render.page import PURPOSES, size
from tests.graphs import rnn_cell


@pytest.mark.parametrize(
    ("given", "inches"),
    [
        ("13.33x7.5", (13.33, 7.5)),
        ("13.33 × 7.5 in", (13.33, 7.5)),
        ("25.4cmx127mm", (10, 5)),
        ("25.4x12.7cm", (10, 5)),
        ("25.4cm x 12.7", (10, 5)),
        ("1280X720PX", (40 / 3, 7.5)),
        ("241.2pt", (3.35, 0)),
        ("3.35in", (3.35, 0)),
        (".5x.5", (0.5, 0.5)),
        ((6.0, 4.0), (6, 4)),
        (None, None),
    ],
)
def test_a_size_is_read_as_users_write_it(given: str | None, inches: tuple[float, float] | None) -> None:
    assert size(given) == (None if inches is None else pytest.approx(inches))


@pytest.mark.parametrize(
    "given", ["", "x", "12x", "x7", "wide", "1e3x2", "-3x4", "12x8ft", "12x8x3", "nanxinf", "12, 8"]
)
def test_what_is_no_size_is_refused_with_an_example(given: str) -> None:
    with pytest.raises(RenderError, match=r"cannot be read: write width x height, such as 13.33x7.5"):
        size(given)


@pytest.mark.parametrize("given", ["0x5", "5x0", "0", "0x0cm", "201x5", "5x9999999"])
def test_sizes_of_zero_and_of_houses_are_refused(given: str) -> None:
    with pytest.raises(RenderError, match="must be more than 0, and at most 200 in"):
        size(given)


def test_a_purpose_says_how_large_page_and_text_are_and_a_size_changes_the_page() -> None:
    (slide,) = checked(purpose="slide").targets
    assert (slide.width, slide.height, slide.least) == (pytest.approx(13.33, abs=0.01), 7.5, 12)
    assert [(each.width, each.least, each.most) for each in checked(purpose="paper").targets] == [
        (3.35, 7, 9),
        (7, 7, 9),
    ]
    (own,) = checked(purpose="paper", size="5x4").targets
    assert (own.width, own.height, own.least, own.short) == (5, 4, 7, False)
    (wide,) = checked(purpose="paper", size="3.35in").targets
    assert (wide.width, wide.short) == (3.35, True)
    assert checked().targets == ()
    assert checked(size="8x4").targets[0].least == 9


def test_paper_is_grey_unless_the_user_chose() -> None:
    assert checked(purpose="paper").theme.name == "print"
    assert checked(purpose="paper", theme="colourblind").theme.name == "colourblind"
    assert checked(purpose="slide").theme.name == checked().theme.name == "light"


@pytest.mark.parametrize("purpose", [name for name in PURPOSES if name != "screen"])
def test_every_format_has_the_size_asked_for(purpose: str) -> None:
    drawing = render.draw(rnn_cell(), purpose=purpose)
    width, height = drawing.scene.width / 96, drawing.scene.height / 96
    svg = str(drawing.render("svg"))
    assert f'width="{round(width, 4):g}in" height="{round(height, 4):g}in"' in svg
    png = bytes(drawing.render("png", dpi=72))
    wide, high = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    assert (wide, high) == (pytest.approx(72 * width, abs=1.01), pytest.approx(72 * height, abs=1.01))
    tikz = str(drawing.render("tikz"))
    assert "x=0.75bp" in tikz
    assert f"rectangle ({drawing.scene.width:.2f}".rstrip("0").rstrip(".") in tikz


def test_a_pdf_page_has_the_size_asked_for() -> None:
    pypdf = pytest.importorskip("pypdf")
    import io

    page = pypdf.PdfReader(io.BytesIO(bytes(render.render(rnn_cell(), "pdf", purpose="slide")))).pages[0]
    assert (float(page.mediabox.width), float(page.mediabox.height)) == pytest.approx((960, 540), abs=0.01)


def test_there_is_no_split_without_a_page() -> None:
    with pytest.raises(RenderError, match="no page to split for: say which with --for"):
        render.draw(rnn_cell(), split=True)
