"""A picture carries its graph and is drawn again from it; one that carries none, or a trap, is refused."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

import render
import tracer
from cli import main
from render.embedding import without_folders
from tests.commands import graphtrace, python
from tests.graphs import GRAPHS, rnn_cell, square
from tracer import embedded
from tracer.graph import Graph, GraphError, Source


def svg(graph: Graph, **options: object) -> str:
    return str(render.render(graph, "svg", **options))


@pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS)
def test_a_picture_gives_its_graph_back(build: Callable[[], Graph], tmp_path: Path) -> None:
    path = render.save(build(), tmp_path / "x.svg", theme="dark", hide="params", level="module")
    kept = tracer.load(path)
    assert kept == tracer.Graph.from_json(without_folders(build()).to_json())
    assert svg(kept) == svg(without_folders(build()))


def test_a_picture_names_no_folder_of_the_machine_it_was_drawn_on(tmp_path: Path) -> None:
    graph = rnn_cell()
    scopes = [replace(scope, source=Source("/home/me/secret/cell.py", 3)) for scope in graph.scopes]
    graph = replace(graph, scopes=tuple(scopes), meta={**graph.meta, "script": "/home/me/secret/cell.py"})
    kept = tracer.load(render.save(graph, tmp_path / "x.svg"))
    assert {scope.source.file for scope in kept.scopes if scope.source} == {"cell.py"}
    assert "/home" not in kept.to_json()


def test_a_picture_without_its_graph_is_the_same_picture() -> None:
    with_graph = svg(rnn_cell())
    assert "<metadata>" not in svg(rnn_cell(), embed=False)
    assert re.sub("<metadata>.*\n", "", with_graph) == svg(rnn_cell(), embed=False)


def test_the_command_draws_a_picture_again_without_torch(tmp_path: Path) -> None:
    render.save(rnn_cell(), tmp_path / "fig.svg")
    command = "from cli import main; main('render fig.svg --theme dark -o fig2.svg'.split(), standalone_mode=False)"
    result = python("-c", f"{command}; import sys; print('torch' in sys.modules)", cwd=tmp_path)
    assert result.stdout == "False\n", result.stderr
    assert (tmp_path / "fig2.svg").read_text(encoding="utf-8") == svg(rnn_cell(), theme="dark")
    assert graphtrace("render", "fig2.svg", "-o", "fig3.svg", "--no-embed", cwd=tmp_path).returncode == 0
    assert (tmp_path / "fig3.svg").read_text(encoding="utf-8") == svg(rnn_cell(), embed=False)


def test_title_and_caption_are_kept_unless_they_are_given_anew(tmp_path: Path) -> None:
    path = render.save(rnn_cell(), tmp_path / "fig.svg", title="The <cell>", caption="One step.")
    kept = tracer.load(path)
    assert svg(kept, theme="dark") == svg(
        without_folders(rnn_cell()), theme="dark", title="The <cell>", caption="One step."
    )
    again = render.draw(tracer.load(render.save(kept, tmp_path / "again.svg", title="Another", caption="")))
    assert (again.options.title, again.options.caption) == ("Another", "")
    command = graphtrace("render", "fig.svg", "-o", "fig2.svg", "--theme", "dark", cwd=tmp_path)
    assert command.returncode == 0
    assert (tmp_path / "fig2.svg").read_text(encoding="utf-8") == svg(kept, theme="dark")


@pytest.mark.parametrize("wrong", ["title", ["title"], {"title": 3, "caption": None, "theme": "dark"}])
def test_words_that_are_none_are_no_title(wrong: object) -> None:
    graph = replace(square(), meta={"words": wrong})
    assert svg(graph, embed=False) == svg(replace(square(), meta={}), embed=False)


def test_the_command_does_not_write_over_the_picture_unasked(tmp_path: Path) -> None:
    path = render.save(square(), tmp_path / "fig.svg")
    before = path.read_bytes()
    result = CliRunner().invoke(main, ["render", str(path), "--theme", "dark"])
    assert result.exit_code == 2
    assert "is a picture already: name the new one with -o" in result.stderr
    assert path.read_bytes() == before


# Pictures that are none of ours, or meant to harm.


def carrying(*packed: str) -> str:
    graphs = "".join(f'<graph xmlns="urn:graphtrace">{each}</graph>' for each in packed)
    return f'<svg xmlns="http://www.w3.org/2000/svg"><metadata>{graphs}</metadata></svg>'


def packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
TRAPS: dict[str, tuple[Callable[[], str], str]] = {
    "truncated": (lambda: svg(square())[:-300], "no complete SVG picture"),
    "foreign": (lambda: '<svg xmlns="http://www.w3.org/2000/svg"/>', "carries no graph: it is not of graphtrace"),
    "not embedded": (lambda: svg(square(), embed=False), "was written with --no-embed"),
    "HTML": (lambda: "<!doctype html><p>hello", "no complete SVG picture"),
    "entities": (lambda: f'<!DOCTYPE x [<!ENTITY e0 "ha">{ENTITIES}]><svg>&e11;</svg>', "document type"),
    "an external entity": (lambda: '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>', "document type"),
    "empty": (lambda: carrying(""), "is damaged"),
    "no base64": (lambda: carrying("%%%"), "is damaged"),
    "no zlib": (lambda: carrying("aGVsbG8="), "is damaged"),
    "half a graph": (lambda: carrying(packed(square().to_json())[:200]), "is damaged: it ends too early"),
    "no UTF-8": (lambda: carrying(base64.b64encode(zlib.compress(b"\xff")).decode()), "is damaged"),
    "no JSON": (lambda: carrying(packed("hello")), "not a graphtrace graph"),
    "another schema": (lambda: carrying(packed(json.dumps({"schema": "onnx/1"}))), "not one this version reads"),
    "two graphs": (lambda: carrying(*2 * [packed(square().to_json())]), "carries 2 graphs"),
    "deep nesting": (lambda: "<a>" * 200_000, "no complete SVG picture"),
}


@pytest.mark.parametrize("name", TRAPS)
def test_a_picture_that_cannot_be_drawn_again_is_refused(name: str, tmp_path: Path) -> None:
    make, message = TRAPS[name]
    path = tmp_path / "bad.svg"
    path.write_text(make(), encoding="utf-8")
    with pytest.raises(GraphError, match=message) as caught:
        tracer.load(path)
    assert str(caught.value).startswith(str(path))
    result = CliRunner().invoke(main, ["render", str(path), "-o", str(tmp_path / "out.svg")])
    assert (result.exit_code, "Traceback" in result.output) == (2, False)
    assert not (tmp_path / "out.svg").exists()


def test_a_picture_that_unpacks_to_more_than_is_allowed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "MAX_BYTES", 1 << 20)
    assert embedded.unpack(carrying(packed(" " * (1 << 20))).encode()) == " " * (1 << 20)
    with pytest.raises(GraphError, match="larger than 1 MB"):
        embedded.unpack(carrying(packed(" " * ((1 << 20) + 1))).encode())
