"""PDF, read back by a library of its own: one page of the picture's size, text that can be selected, fonts inside."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdf
import pytest
from reportlab.pdfbase.ttfonts import TTFont

import render
from render import metrics
from tests.graphs import GRAPHS, chain, residual_net, rnn_cell
from tracer.graph import Graph


def page(graph: Graph, **options: Any) -> pypdf.PageObject:
    data = render.render(graph, "pdf", **options)
    assert isinstance(data, bytes)
    (only,) = pypdf.PdfReader(io.BytesIO(data)).pages
    return only


@pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS)
def test_pdf_is_one_page_of_the_size_of_the_picture(build: Callable[[], Graph]) -> None:
    scene, found = render.picture(build()), page(build())
    assert float(found.mediabox.width) == pytest.approx(scene.width * 72 / 96, abs=0.01)
    assert float(found.mediabox.height) == pytest.approx(scene.height * 72 / 96, abs=0.01)


@pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS)
def test_pdf_has_every_word_of_the_picture_as_text(build: Callable[[], Graph]) -> None:
    scene, text = render.picture(build()), page(build()).extract_text().replace("\n", "").replace(" ", "")
    runs = [run for box in scene.boxes for line in box.lines for run in line]
    runs += [run for label in scene.labels for run in label.runs]
    for run in runs:
        for part in (run.text, run.subscript):
            if all(character < "\u2e80" for character in part):  # the library does not read back the others
                assert part.replace(" ", "") in text


def test_pdf_embeds_its_fonts() -> None:
    fonts = page(residual_net())["/Resources"]["/Font"]
    described = [font.get_object()["/FontDescriptor"].get_object() for font in fonts.values()]
    assert sorted(each["/FontName"].partition("+")[2] for each in described) == ["Arimo", "Arimo-Bold"]
    assert all("/FontFile2" in each for each in described)


def test_pdf_tells_who_cannot_see_it_what_it_shows() -> None:
    data = render.render(rnn_cell(), "pdf")
    assert isinstance(data, bytes)
    told = pypdf.PdfReader(io.BytesIO(data)).metadata
    assert told is not None
    assert told.title == "rnn_cell"
    assert "7 operations" in (told.subject or "")


def test_pdf_sets_east_asian_words_in_fonts_that_readers_have() -> None:
    fonts = [font.get_object()["/BaseFont"] for font in page(GRAPHS["hostile"]())["/Resources"]["/Font"].values()]
    assert "/HeiseiKakuGo-W5" in fonts


def test_pdf_of_a_picture_larger_than_any_page_is_scaled_down() -> None:
    found = page(chain(1_000), level="function")
    assert float(found.mediabox.height) == pytest.approx(14_400)
    assert 0 < float(found.mediabox.width) < 100


def test_pdf_has_a_background_unless_it_is_to_be_transparent() -> None:
    whole, bare = (page(rnn_cell(), theme="dark", transparent=each).get_contents() for each in (False, True))
    assert whole is not None
    assert bare is not None
    assert len(bare.get_data()) < len(whole.get_data())


@pytest.mark.parametrize(("face", "table"), [("Regular", metrics.REGULAR), ("Bold", metrics.BOLD)])
def test_the_shipped_font_has_every_character_that_is_measured(face: str, table: dict[int, str]) -> None:
    font = TTFont(face, str(Path(render.__file__).parent / "fonts" / f"Arimo-{face}.ttf")).face
    measured = {ord(character): advance for advance, characters in table.items() for character in characters}
    assert [chr(code) for code in measured if code not in font.charToGlyph] == []
    wider = [chr(code) for code, advance in measured.items() if abs(font.charWidths[code] - advance * 1000 / 2048) > 1]
    assert wider == ["·", "Ѝ"]  # by a twentieth of their size
    assert set(map(ord, "∂∞≤≥≠≈√∑∏→←")) <= font.charToGlyph.keys()


# Decks.


def test_a_deck_is_a_page_of_a_slide_for_each_step_with_an_outline() -> None:
    data = render.render(rnn_cell(), "pdf", animate=True, lang="ru")
    assert isinstance(data, bytes)
    reader, steps = pypdf.PdfReader(io.BytesIO(data)), render.draw(rnn_cell()).storyboard(lang="ru").steps
    assert len(reader.pages) == len(steps)
    assert {(float(page.mediabox.width), float(page.mediabox.height)) for page in reader.pages} == {(960.0, 540.0)}
    assert [str(entry.title).rpartition(" · ")[2] for entry in reader.outline] == [step.title for step in steps]
    assert reader.root_object["/Lang"] == "ru"


def test_a_deck_has_code_and_cyrillic_in_embedded_fonts(tmp_path: Path) -> None:
    from tests.programs import run

    script = "import torch\nx = torch.ones(2)  # единицы\ny = x * 2\n"
    data = render.render(run(tmp_path, script)[0].graphs[0], "pdf", animate=True)
    assert isinstance(data, bytes)
    (page, *_) = pypdf.PdfReader(io.BytesIO(data)).pages
    assert "# единицы" in page.extract_text()
    fonts = [font.get_object()["/FontDescriptor"].get_object() for font in page["/Resources"]["/Font"].values()]
    assert any(each["/FontName"].endswith("+Cousine") for each in fonts)
    assert all("/FontFile2" in each for each in fonts)


def test_the_shipped_face_of_code_has_cyrillic_and_one_width() -> None:
    font = TTFont("code", str(Path(render.__file__).parent / "fonts" / "Cousine-Regular.ttf")).face
    assert set(map(ord, "абвгдеёжзийклмнопрстуфхцчшщъыьэюяЁЯ…×→∂−≤")) <= font.charToGlyph.keys()
    assert {round(font.charWidths[ord(each)] * 2048 / 1000) for each in "iWшЖ0…"} == {metrics.MONO}
