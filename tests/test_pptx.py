"""PPTX, read back by python-pptx and checked against the schema: native shapes, glued connectors, groups, alt texts."""

from __future__ import annotations

import io
import math
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pypdf
import pytest
from pptx import Presentation
from pptx.oxml.ns import qn

import render
from render import deck as decks
from render.pptx.routes import spans
from render.scene import Edge
from tests.graphs import GRAPHS, residual_net, rnn_cell, shared
from tests.programs import run
from tracer.graph import Graph

every_graph = pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS)


def still(graph: Graph, **options: Any) -> Any:
    """One slide with the whole picture."""
    return deck(graph, animate=False, **options)


def deck(graph: Graph, **options: Any) -> Any:
    data = render.render(graph, "pptx", **options)
    assert isinstance(data, bytes)
    return Presentation(io.BytesIO(data))


def flat(shapes: Any) -> Iterator[Any]:
    """Every shape of a slide, groups and what lies in them."""
    for shape in shapes:
        yield shape
        if shape.shape_type is not None and shape.shape_type.name == "GROUP":
            yield from flat(shape.shapes)


def by_name(slide: Any) -> dict[str, Any]:
    return {shape.name: shape for shape in flat(slide.shapes)}


def ends(connector: Any) -> list[tuple[int, int]]:
    """The id of the shape and the number of the site at both ends."""
    found = connector._element.find(".//" + qn("p:cNvCxnSpPr"))
    return [
        (int(found.find(qn(tag)).get("id")), int(found.find(qn(tag)).get("idx"))) for tag in ("a:stCxn", "a:endCxn")
    ]


def site(shape: Any, number: int) -> tuple[float, float]:
    """Where a site of a shape lies on the slide, in metric units."""
    custom = shape._element.find(".//" + qn("a:custGeom"))
    if custom is not None:
        guides = {each.get("name"): each.get("fmla").split() for each in custom.iter(qn("a:gd"))}
        at = custom.findall(".//" + qn("a:cxn"))[number].find(qn("a:pos"))
        shares = [int(guides[at.get(axis)][2]) / int(guides[at.get(axis)][3]) for axis in "xy"]
    elif "ellipse" in shape._element.xml:
        turn = math.pi * (-0.5 - number / 4)
        shares = [0.5 + math.cos(turn) / 2, 0.5 + math.sin(turn) / 2]
    else:
        shares = list(((0.5, 0), (0, 0.5), (0.5, 1), (1, 0.5))[number])
    return shape.left + shares[0] * shape.width, shape.top + shares[1] * shape.height


@every_graph
def test_every_box_is_a_shape_with_its_words_and_every_edge_is_there(build: Callable[[], Graph]) -> None:
    scene, (slide,) = render.picture(build()), still(build()).slides
    shapes = by_name(slide)
    for box in scene.boxes:
        words = [run.text + run.subscript for line in box.lines for run in line]
        if not box.across:
            assert shapes[f"!!{box.id}"].text_frame.text.replace("\n", "").replace(" ", "") == "".join(words).replace(
                " ", ""
            )
    assert {f"!!{edge.id}" for edge in scene.edges} <= shapes.keys()


@every_graph
def test_connectors_hold_on_to_the_sites_where_they_end(build: Callable[[], Graph]) -> None:
    scene, (slide,) = render.picture(build()), still(build()).slides
    shapes = by_name(slide)
    numbers = {shape.shape_id: shape for shape in shapes.values()}
    edges = {f"!!{edge.id}": edge for edge in scene.edges}
    for shape in (each for each in shapes.values() if each._element.tag == qn("p:cxnSp")):
        (first, leave), (second, enter) = ends(shape)
        if shape.name in edges and f"{shape.name}p1" not in shapes:
            assert numbers[first].name == f"!!{edges[shape.name].tail}"
        if shape.name in edges:
            assert numbers[second].name == f"!!{edges[shape.name].head}"
        start, end = site(numbers[first], leave), site(numbers[second], enter)
        middle = (shape.left + shape.width / 2, shape.top + shape.height / 2)
        assert middle == pytest.approx(((start[0] + end[0]) / 2, (start[1] + end[1]) / 2), abs=2 * 9525)


def test_nearly_every_arrow_is_a_connector() -> None:
    edges = [edge for build in GRAPHS.values() for edge in render.picture(build()).edges if edge.path]
    free = [edge for edge in edges if not spans(edge)]
    assert len(edges) > 150
    assert len(free) < 0.05 * len(edges)


def test_a_way_that_no_connector_follows_is_a_free_curve() -> None:
    loop = Edge("e1", "a", "b", path=((0, 0), (200, -200), (-200, -200), (30, 0)))
    assert spans(loop) == ()


WAY_BACK = (
    (668, 155), (686, 155), (686, 250), (668, 250), (543, 250), (418, 250), (293, 250),
    (282, 250), (276, 230), (287, 230), (289, 230), (291, 230), (299, 230),
)  # fmt: skip


@pytest.mark.parametrize("turned", [False, True])
def test_the_way_back_of_a_loop_is_followed_squarely_from_end_to_end(turned: bool) -> None:
    path = tuple((float(y), float(x)) if turned else (float(x), float(y)) for x, y in WAY_BACK)
    row = spans(Edge("e1", "a", "b", back=True, path=path))
    assert [span.way for span in row] == (
        ["down", "right", "up", "left", "down"] if turned else ["right", "down", "left", "up", "right"]
    )
    assert all(span.axis is None for span in row)
    assert row[0].start == path[0]
    assert all(before.end == after.start for before, after in pairwise(row))


def test_no_arrow_of_a_loop_that_is_drawn_once_hangs_free(tmp_path: Path) -> None:
    code = "import torch\nw, h = torch.ones(2, requires_grad=True), torch.ones(2)\n"
    code += "for t in range(5):\n    h = torch.tanh(w * h + w)\nh.sum().backward()\n"
    drawn = render.picture(run(tmp_path, code)[0].graphs[0], view="roll", show="gradients")
    assert any(edge.back for edge in drawn.edges)
    assert [edge.id for edge in drawn.edges if not spans(edge)] == []


def test_a_long_way_is_followed_by_connectors_over_knots() -> None:
    shapes = by_name(still(residual_net()).slides[0])
    pieces = [name for name in shapes if re.search(r"e[\d_]+p1$", name)]
    assert pieces
    knot = shapes[pieces[0].replace("p1", "k1")]
    assert ends(shapes[pieces[0]])[1][0] == knot.shape_id


def test_modules_are_groups_of_what_lies_in_them() -> None:
    shapes = by_name(still(residual_net()).slides[0])
    scene = decks.still(render.draw(residual_net())).slides[0].whole
    for box in (each for each in scene.boxes if each.group is not None):
        name = f"!!{box.id}g" if box.kind == "group" else f"!!{box.id}"
        assert name in {shape.name for shape in shapes[f"!!{box.group}g"].shapes}


@every_graph
def test_every_shape_has_words_for_those_who_cannot_see_it(build: Callable[[], Graph]) -> None:
    for slide in deck(build()).slides:
        for shape in flat(slide.shapes):
            if not shape.is_placeholder:
                assert shape._element.find(".//" + qn("p:cNvPr")).get("descr")


@every_graph
def test_the_schema_is_kept_and_no_id_is_used_twice(build: Callable[[], Graph], tmp_path: Path) -> None:
    from openxml_audit import validate_pptx

    path = render.save(build(), tmp_path / "x.pptx")
    result = validate_pptx(path)
    assert [str(error) for error in result.errors] == []
    for slide in Presentation(path).slides:
        numbers = [element.get("id") for element in slide._element.iter(qn("p:cNvPr"))]
        assert len(numbers) == len(set(numbers))


def test_the_document_says_what_it_is_and_nothing_of_the_machine() -> None:
    found = deck(rnn_cell())
    about = found.core_properties
    assert (about.title, about.language, about.author) == ("rnn_cell", "en-US", "graphtrace")
    assert (found.slide_width, found.slide_height) == (12_192_000, 6_858_000)
    data = render.render(rnn_cell(), "pptx")
    assert isinstance(data, bytes)
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert not [name for name in names if "printer" in name or "thumbnail" in name]


def test_shared_weights_feed_several_boxes() -> None:
    shapes = by_name(still(shared()).slides[0])
    weight = next(shape for name, shape in shapes.items() if shape.has_text_frame and shape.text_frame.text[:1] == "W")
    leaving = [each for each in shapes.values() if each._element.tag == qn("p:cxnSp")]
    assert sum(ends(each)[0][0] == weight.shape_id for each in leaving) >= 1


# Decks.

CELL = """
    import torch

    x = torch.randn(1, 10)
    prev_h = torch.randn(1, 20)  # прошлое состояние
    W_h = torch.randn(20, 20, requires_grad=True)
    W_x = torch.randn(20, 10, requires_grad=True)

    i2h = torch.mm(W_x, x.t())
    h2h = torch.mm(W_h, prev_h.t())
    next_h = (i2h + h2h).tanh()
    loss = next_h.sum()
    loss.backward()
"""


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    return run(tmp_path_factory.mktemp("cell"), CELL)[0].graphs[0]


def test_a_deck_has_a_slide_for_each_step_with_title_and_notes(cell: Graph) -> None:
    steps = render.draw(cell).storyboard().steps
    found = deck(cell, lang="ru")
    slides = list(found.slides)
    titles = [slide.shapes.title.text_frame.text for slide in slides]
    assert len(slides) == len(steps) >= 12
    assert len(set(titles)) == len(titles)
    assert titles[-1].endswith("обратный проход через mm")
    assert all(slide.notes_slide.notes_text_frame.text for slide in slides)
    assert found.core_properties.language == "ru-RU"


def test_every_shape_has_one_place_one_name_and_one_id_in_the_whole_deck(cell: Graph) -> None:
    places: dict[str, Any] = {}
    for slide in deck(cell).slides:
        for name, shape in by_name(slide).items():
            if not name.startswith("!!page_"):
                place = (shape.shape_id, shape.left, shape.top, shape.width, shape.height)
                assert places.setdefault(name, place) == place
    assert len(places) > 30


def test_slides_grow_into_the_whole_picture(cell: Graph) -> None:
    counts = [sum(1 for _ in flat(slide.shapes)) for slide in deck(cell).slides]
    assert counts == sorted(counts)
    assert counts[-1] > 2 * counts[0]


def test_every_slide_after_the_first_morphs_and_fades_elsewhere(cell: Graph) -> None:
    first, *others = deck(cell).slides
    assert "morph" not in first._element.xml
    for slide in others:
        *_, last = slide._element
        assert last.tag.endswith("AlternateContent")
        assert [child.tag.rpartition("}")[2] for child in last] == ["Choice", "Fallback"]
        assert 'morph option="byObject"' in slide._element.xml


def test_code_is_text_with_the_running_line_marked_and_coloured(cell: Graph) -> None:
    slide = deck(cell).slides[5]
    shapes = by_name(slide)
    code = shapes["!!page_code"].text_frame
    assert "next_h = (i2h + h2h).tanh()" in code.text
    assert {run.font.name for paragraph in code.paragraphs for run in paragraph.runs} == {"Courier New"}
    colors = {str(run.font.color.rgb) for paragraph in code.paragraphs for run in paragraph.runs}
    assert len(colors) > 2
    marked = shapes["!!page_running"]
    line = (marked.top - shapes["!!page_code"].top) / (22 * 9525)
    assert code.paragraphs[round(line)].text.strip() in slide.shapes.title.text_frame.text or "h2h" in code.text


def test_no_text_is_smaller_than_twelve_points(cell: Graph) -> None:
    for slide in deck(cell).slides:
        sizes = [int(each.get("sz")) for each in slide._element.iter(qn("a:rPr"))]
        assert min(sizes) >= 1200


def test_a_deck_is_small(cell: Graph) -> None:
    assert len(render.render(cell, "pptx")) < 200_000


def test_hostile_code_and_names_are_shown_as_they_are(tmp_path: Path) -> None:
    script = f"""
        import torch
        # \u202eRTL\u202c <b>&amp; 🙂 \x07 {"x" * 5000}
        имя = torch.ones(2)
        out = имя * 2
    """
    (slide, *_) = deck(run(tmp_path, script)[0].graphs[0]).slides
    code = by_name(slide)["!!page_code"].text_frame.text
    assert "<b>&amp; 🙂" in code
    assert "имя = torch.ones(2)" in code
    assert "\u202e" not in code
    assert max(map(len, code.splitlines())) < 100


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_libreoffice_makes_a_page_of_every_slide(cell: Graph, tmp_path: Path) -> None:
    path = render.save(cell, tmp_path / "cell.pptx")
    home = f"-env:UserInstallation={(tmp_path / 'home').as_uri()}"
    command = ["soffice", home, "--headless", "--convert-to", "pdf", "--outdir", str(tmp_path), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if not (tmp_path / "cell.pdf").exists():
        pytest.skip(f"LibreOffice here reads no presentations: {done.stderr.strip()[-200:]}")
    pages = pypdf.PdfReader(tmp_path / "cell.pdf").pages
    assert len(pages) == len(Presentation(path).slides)
    assert "next_h" in pages[-1].extract_text()
