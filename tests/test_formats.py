"""Every format on every graph: well-formed, escaped, the same bytes again; and files written at once or not at all."""

from __future__ import annotations

import io
import os
import re
import shutil
import struct
import subprocess
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import render
from render.formats import formats
from render.formats.dot import plain
from render.formats.svg import escape
from render.steps import Telling
from render.words import words
from tests.graphs import GRAPHS, HOSTILE, chain, mlp, residual_net, rnn_cell, square
from tracer.graph import Graph, load

SVG = "{http://www.w3.org/2000/svg}"
FILMS = ("apng", "gif", "mp4")  # whose frames take long to draw: two graphs will do
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
every_graph = pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS)


def svg(graph: Graph, **options: object) -> str:
    return str(render.render(graph, "svg", **options))


# All formats.


@every_graph
@pytest.mark.parametrize("name", [name for name in formats() if name not in FILMS])
def test_a_format_writes_every_graph_the_same_way_twice(name: str, build: Callable[[], Graph]) -> None:
    first, second = render.render(build(), name), render.render(build(), name)
    assert first == second
    assert isinstance(first, bytes if formats()[name].binary else str)
    assert first


@pytest.mark.parametrize("build", [GRAPHS["empty"], GRAPHS["hostile"]], ids=["empty", "hostile"])
@pytest.mark.parametrize("name", FILMS)
def test_films_are_the_same_twice_and_stand_anything(name: str, build: Callable[[], Graph]) -> None:
    if name == "mp4" and shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    assert render.render(build(), name) == render.render(build(), name)


@pytest.mark.parametrize("name", [name for name, each in formats().items() if not each.binary and name != "json"])
@every_graph
def test_no_control_character_is_written(name: str, build: Callable[[], Graph]) -> None:
    written = str(render.render(build(), name))
    assert not re.findall("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\ud800-\udfff]", written)
    written.encode("utf-8")


@pytest.mark.parametrize("name", formats())
def test_a_deep_chain_is_written(name: str) -> None:
    if name == "png":
        with pytest.raises(render.RenderError, match=r"million pixels \(at most 40\): .*--depth.*\.svg"):
            render.render(chain(5_000), name, level="function")
    elif formats()[name].is_deck:
        with pytest.raises(
            render.RenderError, match=r"5,000 operations .* \(a deck has room for 400\): draw a part, --view focus"
        ):
            render.render(chain(5_000), name, level="function")
    else:
        least = 100 if name == "model-explorer-data" else 50_000  # the heat map of a graph without gradients is empty
        assert len(render.render(chain(5_000), name, level="function")) > least


@pytest.mark.parametrize("name", formats())
def test_every_format_has_its_own_suffix(name: str) -> None:
    found = formats()[name]
    others = [suffix for other in formats().values() if other.name != name for suffix in other.suffixes]
    assert found.suffixes
    assert not set(found.suffixes) & set(others)
    assert found.help
    assert "/" in found.mime


# SVG.


@every_graph
def test_svg_is_xml_with_words_for_those_who_cannot_see_it(build: Callable[[], Graph]) -> None:
    root = ET.fromstring(svg(build()))
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert (root.get("aria-labelledby"), root.get("aria-describedby")) == (
        root.find(f"{SVG}title").get("id"),  # type: ignore[union-attr]
        root.find(f"{SVG}desc").get("id"),  # type: ignore[union-attr]
    )
    assert float(root.get("width") or 0) > 0
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    used = set(re.findall(r"url\(#([^)]+)\)", svg(build())))
    assert used <= set(ids)


@every_graph
def test_svg_draws_nothing_but_shapes_and_text(build: Callable[[], Graph]) -> None:
    tags = {element.tag.removeprefix(SVG) for element in ET.fromstring(svg(build(), embed=False)).iter()}
    assert tags <= {"svg", "title", "desc", "defs", "marker", "path", "rect", "g", "text", "tspan"}


@every_graph
def test_svg_fits_no_line_of_several_parts(build: Callable[[], Graph]) -> None:
    texts = list(ET.fromstring(svg(build())).iter(f"{SVG}text"))
    assert not [each for each in texts if each.get("textLength") and len(each)]


def test_svg_escapes_what_users_wrote() -> None:
    written = svg(GRAPHS["hostile"]())
    assert "<script" not in written
    assert "&lt;script&gt;" in written
    assert "<b>" not in written
    assert "потеря · 損失" in written
    assert escape("\"a' <&>\x00\ud800") == "&quot;a&#39; &lt;&amp;&gt;"


def test_svg_tells_those_who_cannot_see_it_what_happened() -> None:
    told = (ET.fromstring(svg(rnn_cell())).findtext(f"{SVG}desc") or "").splitlines()
    assert told[0].startswith("Computation graph of rnn_cell: 7 operations.")
    assert {"parameter W_h 20×20 |grad| 3.85", "next_h 20×1 |grad| 4.47 = tanh(next_h)"} <= set(told)
    assert len(told) == 1 + 4 + 7
    assert (ET.fromstring(svg(chain(150), level="function")).findtext(f"{SVG}desc") or "").endswith(
        "\nand 50 more operations"
    )


def test_svg_ids_differ_between_pictures_on_one_page() -> None:
    def ids(graph: Graph) -> set[str]:
        return {element.get("id") or "" for element in ET.fromstring(svg(graph)).iter() if element.get("id")}

    assert not ids(rnn_cell()) & ids(square())
    assert all(re.fullmatch(r"g[0-9a-f]{8}-[\w-]+", each) for each in ids(rnn_cell()))


def test_svg_gives_every_box_a_tooltip() -> None:
    root = ET.fromstring(svg(rnn_cell()))
    tips = [group.findtext(f"{SVG}title") or "" for group in root.iter(f"{SVG}g")]
    assert len(tips) == 16
    assert all(tips)
    assert "W_h\nparameter · 20×20\ngradient: norm 3.85" in tips
    assert any("cell.py:9" in tip for tip in tips)


def test_svg_fits_a_notebook_cell() -> None:
    bundle = render.mimebundle(rnn_cell())
    assert bundle.keys() == {"image/svg+xml", "text/plain"}
    assert "max-width:100%" in bundle["image/svg+xml"].partition(">")[0]
    assert "<metadata>" not in bundle["image/svg+xml"]  # it would be in the notebook file a second time
    assert "next_h" in bundle["text/plain"]
    assert rnn_cell()._repr_mimebundle_() == bundle


def test_a_legend_tells_what_the_arrows_mean() -> None:
    words = [element.text for element in ET.fromstring(svg(rnn_cell())).iter(f"{SVG}text")]
    assert words[-3:] == ["value", "gradient", "|grad| norm of the gradient"]


# PNG.


def test_a_large_png_is_made_at_a_smaller_scale() -> None:
    data = render.render(chain(300), "png", level="function")
    scene = render.draw(chain(300), level="function").scene
    assert max(scene.width, scene.height) > 16_000
    assert max(struct.unpack(">II", data[16:24])) == pytest.approx(32_000, rel=0.02)


def test_png_has_the_size_of_the_picture_times_the_scale() -> None:
    scene = render.picture(square())
    for scale in (1, 2.5):
        data = render.render(square(), "png", scale=scale)
        assert isinstance(data, bytes)
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", data[16:24])
        assert width == pytest.approx(scene.width * scale, abs=scale + 1)
        assert height == pytest.approx(scene.height * scale, abs=scale + 1)


@pytest.mark.parametrize("value", [0, -1, float("nan"), "2", True])
@pytest.mark.parametrize("name", ["scale", "dpi"])
def test_png_refuses_a_scale_that_is_none(name: str, value: object) -> None:
    with pytest.raises(render.RenderError, match=f"{name} must be a positive number"):
        render.render(square(), "png", **{name: value})


def test_png_of_so_many_dots_per_inch_says_so_itself() -> None:
    data = render.render(square(), "png", dpi=300)
    assert isinstance(data, bytes)
    assert struct.unpack(">I", data[16:20])[0] == pytest.approx(render.picture(square()).width * 300 / 96, abs=4)
    at = data.index(b"pHYs")
    across, down, unit = struct.unpack(">IIB", data[at + 4 : at + 13])
    assert (across, down, unit) == (round(300 / 0.0254), round(300 / 0.0254), 1)
    assert struct.unpack(">I", data[at + 13 : at + 17])[0] == zlib.crc32(data[at : at + 13])
    with pytest.raises(render.RenderError, match="dpi=300 and scale=3 contradict each other"):
        render.render(square(), "png", dpi=300, scale=3)


def test_png_has_a_background_unless_it_is_to_be_transparent() -> None:
    from PIL import Image

    for transparent, alpha in ((False, 255), (True, 0)):
        data = render.render(square(), "png", transparent=transparent)
        assert isinstance(data, bytes)
        corner = Image.open(io.BytesIO(data)).convert("RGBA").getpixel((0, 0))
        assert isinstance(corner, tuple)
        assert corner[3] == alpha


def test_png_that_is_too_large_says_how_to_get_there() -> None:
    with pytest.raises(render.RenderError, match=r"take scale=\d+(\.\d+)?, close modules"):
        render.render(rnn_cell(), "png", scale=12)


# DOT.


@needs_dot
@every_graph
def test_dot_is_accepted_by_graphviz(build: Callable[[], Graph]) -> None:
    source = str(render.render(build(), "dot"))
    done = subprocess.run(
        ["dot", "-Tcanon"], input=source, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@needs_dot
@pytest.mark.parametrize("words", [*HOSTILE, "<b>bold</b>", "<<i>x</i>>", "ends in \\", '\\"', "\\N \\G \\l", "a->b"])
def test_dot_shows_labels_as_they_stand(words: str) -> None:
    import graphviz

    dot = graphviz.Digraph()
    dot.node("n", label=plain(words), fontname="Arial")
    drawn = subprocess.run(
        ["dot", "-Tsvg"], input=dot.source, capture_output=True, text=True, encoding="utf-8", check=True
    )
    shown = "".join(element.text or "" for element in ET.fromstring(drawn.stdout).iter(f"{SVG}text"))
    assert shown.replace("\u00a0", " ") == render.text.clean(words)


def test_dot_has_clusters_stable_ids_and_free_gradients() -> None:
    source = str(render.render(residual_net(), "dot"))
    assert source.count("subgraph cluster_s") == 2
    assert "n7" in source
    gradients = [line for line in str(render.render(rnn_cell(), "dot")).splitlines() if "constraint=false" in line]
    assert len(gradients) == 11
    assert all("style=dashed" in line for line in gradients)


# JSON and text.


def test_json_is_the_whole_graph_whatever_is_drawn(tmp_path: Path) -> None:
    path = render.save(rnn_cell(), tmp_path / "cell.json", level="module", hide="backward")
    assert load(path) == rnn_cell()


def test_json_of_any_text_can_be_saved_and_read_back(tmp_path: Path) -> None:
    graph = GRAPHS["hostile"]()
    assert load(render.save(graph, tmp_path / "x.json")) == Graph.from_json(graph.to_json())
    assert load(tmp_path / "x.json").nodes[0].op == graph.nodes[0].op


def test_text_is_a_tree_of_modules_with_operations_in_order() -> None:
    assert str(render.render(mlp(), "text")) == (
        "mlp\n"
        "├── input x 64×64\n"
        "├── parameter fc1.weight 32×64 |grad| 0.21\n"
        "├── parameter fc1.bias 32 |grad| 0.21\n"
        "├── parameter fc2.weight 10×32 |grad| 0.4\n"
        "├── parameter fc2.bias 10 |grad| 0.4\n"
        "├── input y 64\n"
        "├── MLP\n"
        "│   ├── fc1 Linear\n"
        "│   │   └── %1 64×32 |grad| 0.031 = linear(x, fc1.weight, fc1.bias)\n"
        "│   ├── h 64×32 |grad| 0.044 = relu(%1)\n"
        "│   └── fc2 Linear\n"
        "│       └── logits 64×10 |grad| 0.12 = linear(h, fc2.weight, fc2.bias)\n"
        "├── loss 2.35 grad 1 = cross_entropy(logits, y)\n"
        "└── guess 64 = argmax(logits)\n"
    )


def test_text_is_no_wider_than_asked() -> None:
    lines = str(render.render(residual_net(), "text", width=60)).splitlines()
    assert max(map(len, lines)) <= 60


# Saving.


@pytest.mark.parametrize("suffix", [suffix for each in formats().values() for suffix in each.suffixes])
def test_save_chooses_the_format_by_the_suffix(tmp_path: Path, suffix: str) -> None:
    path = render.save(square(), tmp_path / f"x{suffix.upper()}")
    written = render.render(square(), next(n for n, each in formats().items() if suffix in each.suffixes))
    assert path.read_bytes() == (written if isinstance(written, bytes) else written.encode())
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x.svgg", "unknown suffix: '.svgg' (must be one of .apng, .csv, .dot, .gv, .gif"),
        ("x.svgg", "did you mean '.svg'?"),
        ("x", "has no suffix to choose a format by (add one of .apng, .csv"),
        (".svg", "has no suffix to choose a format by"),
        ("x.scene.jsn", "unknown suffix: '.jsn'"),
        ("missing/x.svg", "does not exist (make it first)"),
        ("file/x.svg", "is a file, not a folder"),
        ("folder.svg", "it is a folder"),
    ],
)
def test_save_says_why_it_cannot(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(render.RenderError) as caught:
        render.save(square(), tmp_path / name)
    assert message in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_save_into_a_read_only_folder_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(render.RenderError, match="is read-only"):
            render.save(square(), tmp_path / "x.svg")
    finally:
        tmp_path.chmod(0o755)


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"before")
    with pytest.raises(render.RenderError):
        render.save(rnn_cell(), path, scale=100)
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["x.png"]


def test_one_drawing_serves_several_files(tmp_path: Path) -> None:
    drawing = render.draw(rnn_cell())
    paths = [drawing.save(tmp_path / f"cell.{suffix}") for suffix in ("svg", "png", "dot", "json", "txt")]
    assert all(path.stat().st_size > 400 for path in paths)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("pgn", {}, "unknown format: 'pgn' (must be one of apng, csv, dot, gif, html"),
        ("pgn", {}, "did you mean 'png'?"),
        ("svg", {"scale": 2}, "unknown option for svg: 'scale' (must be one of level, depth"),
        ("svg", {"scale": 2}, "embed, transparent, animate"),
        ("png", {"scal": 2}, "did you mean 'scale'?"),
        ("svg", {"levle": "module"}, "did you mean 'level'?"),
    ],
)
def test_a_wrong_format_or_option_says_what_is_right(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(render.RenderError) as caught:
        render.render(square(), name, **options)
    assert message in str(caught.value)


def test_every_format_that_tells_steps_has_the_options_of_all_and_passes_them_on() -> None:
    shared = [field.name for field in fields(Telling)]
    telling = [found for found in formats().values() if "by" in found.options]
    assert {found.name for found in telling} >= {"html", "pptx", "gif", "apng", "mp4", "svg", "pdf", "tikz"}
    for found in telling:
        assert [name for name in found.options if name in shared] == shared
        assert all(found.described(name) for name in found.options), found.name
        with pytest.raises(render.RenderError, match="unknown language: 'xx'"):
            found.written(render.draw(square()), {"lang": "xx"})


@pytest.mark.parametrize("name", [name for name, each in formats().items() if {"by", "animate"} <= each.options.keys()])
@pytest.mark.parametrize("asked", [{"explain": True}, {"by": "op"}, {"motion": "flow"}], ids=str)
def test_how_steps_are_told_is_nothing_to_ask_of_a_picture_that_stands_still(name: str, asked: dict[str, Any]) -> None:
    with pytest.raises(render.RenderError, match=r"is about steps, and the picture stands still: add --animate"):
        render.render(rnn_cell(), name, animate=False, **asked)


def test_a_still_picture_has_its_legend_in_the_language_that_was_asked_for() -> None:
    assert words("ru")("norm") in str(render.render(rnn_cell(), "svg", lang="ru"))
    assert words("ru")("norm") in str(render.render(rnn_cell(), "html", lang="ru", animate=False))
    assert words("en")("norm") in str(render.render(rnn_cell(), "svg"))
    assert render.render(rnn_cell(), "png", lang="ru", scale=1.0) != render.render(rnn_cell(), "png", scale=1.0)


@pytest.mark.parametrize("name", ["svg", "png", "pdf", "tikz", "dot", "mermaid", "scene"])
def test_every_picture_can_have_its_words_in_another_language(name: str) -> None:
    closed = render.draw(residual_net(), level="module", depth=1)
    english, russian = (closed.render(name, lang=lang) for lang in ("en", "ru"))
    assert english == closed.render(name)
    assert russian != english
    with pytest.raises(render.RenderError, match="unknown language: 'xx'"):
        closed.render(name, lang="xx")
