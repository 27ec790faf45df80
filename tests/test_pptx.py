"""PPTX, read back by python-pptx and checked against the schema: native shapes, glued connectors, groups, alt texts."""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pptx import Presentation
from pptx.oxml.ns import qn

import render
from render.pptx.routes import spans
from render.scene import Edge
from tests.graphs import GRAPHS, residual_net, rnn_cell, shared
from tracer.graph import Graph

every_graph = pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS)


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
    scene, (slide,) = render.picture(build()), deck(build()).slides
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
    scene, (slide,) = render.picture(build()), deck(build()).slides
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


def test_a_long_way_is_followed_by_connectors_over_knots() -> None:
    shapes = by_name(deck(residual_net()).slides[0])
    pieces = [name for name in shapes if re.search(r"e[\d_]+p1$", name)]
    assert pieces
    knot = shapes[pieces[0].replace("p1", "k1")]
    assert ends(shapes[pieces[0]])[1][0] == knot.shape_id


def test_modules_are_groups_of_what_lies_in_them() -> None:
    shapes = by_name(deck(residual_net()).slides[0])
    scene = render.picture(residual_net())
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
    shapes = by_name(deck(shared()).slides[0])
    weight = next(shape for name, shape in shapes.items() if shape.has_text_frame and shape.text_frame.text[:1] == "W")
    leaving = [each for each in shapes.values() if each._element.tag == qn("p:cxnSp")]
    assert sum(ends(each)[0][0] == weight.shape_id for each in leaving) >= 1
