"""Pictures that another program draws from text: Mermaid, TikZ and Netron's DOT."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import render
from render.formats import mermaid, tikz
from tests.graphs import GRAPHS, HOSTILE, chain, residual_net, rnn_cell, square
from tracer.graph import Graph

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
every_graph = pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS)


def written(graph: Graph, name: str, **options: Any) -> str:
    return str(render.render(graph, name, **options))


def has_latex() -> bool:
    """Whether there are LaTeX and the document class of figures."""
    if shutil.which("pdflatex") is None or shutil.which("kpsewhich") is None:
        return False
    return all(subprocess.run(["kpsewhich", each], capture_output=True, check=False).returncode == 0
               for each in ("standalone.cls", "tikz.sty", "helvet.sty"))  # fmt: skip


# Mermaid.

BOX = r'[sv]?\w+(\[\[|\(\[|\[|\()"[^"]*"(\]\]|\]\)|\]|\)):::style\d+'
ROW = re.compile(
    rf'flowchart (LR|TB)|accTitle: .*|accDescr: .*|{BOX}|subgraph \w+\["[^"]*"\]|end|\w+ (-->|-\.->)(\|"[^"]*"\|)? \w+'
    r"|classDef style\d+ [-#:,.\w]+|class \w+ style\d+|linkStyle [\d,]+ stroke:#\w{6}"
)


@every_graph
def test_mermaid_has_only_rows_that_it_knows(build: Callable[[], Graph]) -> None:
    first, *rows = written(build(), "mermaid").splitlines()
    assert first.startswith("%%{init:")
    assert [row for row in rows if not ROW.fullmatch(row.strip())] == []
    assert sum(row.strip().startswith("subgraph") for row in rows) == sum(row.strip() == "end" for row in rows)


@every_graph
def test_mermaid_has_the_boxes_and_arrows_of_the_picture(build: Callable[[], Graph]) -> None:
    scene, text = render.draw(build()).composed, written(build(), "mermaid")
    boxes = re.findall(r"^ +(?:subgraph )?(\w+)(?=[\[(]+\")", text, flags=re.M)
    assert sorted(boxes) == sorted(box.id for box in scene.boxes)
    arrows = re.findall(r"^ +(\w+) -\.?-+>.* (\w+)$", text, flags=re.M)
    assert arrows == [(edge.tail, edge.head) for edge in scene.edges if edge.kind == "value"]


@pytest.mark.parametrize("words", [*HOSTILE, '"];end', "%%{init: {}}%%", "`**x**`", "1. x", "#35;", "a\nend", "-->|x|"])
def test_mermaid_escapes_what_users_wrote(words: str) -> None:
    escaped = mermaid.escape(words)
    assert not set(escaped) & set("\"<>&%`[]{}()'\\\n")
    assert html.unescape(re.sub(r"#(\d+);", r"&#\1;", escaped)) == render.text.clean(words)


def test_mermaid_words_are_bold_and_have_subscripts() -> None:
    text = written(rnn_cell(), "mermaid")
    assert 'v3["<b>W<sub>x</sub></b><br/>20×10<br/>|grad| 3.21"]:::style2' in text
    assert 'v10[["<b>loss</b><br/>−2.45<br/>grad 1"]]' in text


def test_mermaid_that_is_too_large_for_github_says_so() -> None:
    unrolled = written(chain(600), "mermaid", level="function")
    assert unrolled.startswith("%% 601 arrows and")
    assert "GitHub draws at most 500" in unrolled
    assert "GitHub" not in written(residual_net(), "mermaid")


# TikZ.


@every_graph
def test_tikz_has_balanced_braces_and_no_stray_command(build: Callable[[], Graph]) -> None:
    text = written(build(), "tikz")
    body = text.partition("\\begin{document}")[2]
    assert _depth(body) == 0
    known = (
        "providecommand graphtracechar ifdefined Umathchar iffontchar font char else fi definecolor begin end fill "
        "path node fontsize selectfont bfseries color raisebox textbackslash textasciitilde textasciicircum textbar "
        "textless textgreater textasciigrave dots ensuremath times cdot sffamily ifcsname endcsname graphtracecyr "
        "fontencoding fontfamily ifnum numexpr relax"
    )
    assert set(re.findall(r"\\([A-Za-z]+)", body)) <= set(known.split())


def _depth(body: str) -> int:
    plain = re.sub(r"\\[{}\\]", "", "\n".join(line for line in body.splitlines() if not line.startswith("%")))
    return plain.count("{") - plain.count("}")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (r"\input{x} $a$ 50% #1 &", r"\textbackslash{}input\{x\} \$a\$ 50\% \#1 \&"),
        ("x~y^2", r"x\textasciitilde{}y\textasciicircum{}2"),
        ("W_h < 1 > \"x\"", r"W\_h \textless{} 1 \textgreater{} \char34{}x\char34{}"),
        ("a--b ``c'' ?`", r"a-{}-b \textasciigrave{}\textasciigrave{}c'{}' ?{}\textasciigrave{}"),
        ("20×1 −3 α é", r"20\ensuremath{\times}1 \ensuremath{-}3 \ensuremath{\alpha} é"),
        ("й", r"\graphtracechar{1081}"),
        (" Block", "~Block"),
        ("a\n\\end{document}", r"a \textbackslash{}end\{document\}"),
    ],
)  # fmt: skip
def test_tikz_escapes_what_users_wrote(words: str, expected: str) -> None:
    assert tikz.escape(words) == expected


def test_tikz_defines_the_colours_it_uses_and_can_leave_the_background_out() -> None:
    for transparent in (False, True):
        text = written(rnn_cell(), "tikz", theme="dark", transparent=transparent)
        used = set(re.findall(r"graphtrace[0-9a-f]{6}", text.partition("rectangle")[2]))
        assert used <= set(re.findall(r"\\definecolor\{(\w+)\}", text))
        assert ("graphtrace111827" in text) != transparent


def test_tikz_stays_within_what_tex_can_count() -> None:
    text = written(chain(3_000), "tikz")
    (unit,) = re.findall(r"x=([\d.]+)bp", text)
    assert max(float(y) for y in re.findall(r",(\d+(?:\.\d+)?)\)", text)) * float(unit) < 16_383 * 72 / 72.27


@pytest.mark.skipif(not has_latex(), reason="LaTeX with standalone and TikZ is not installed")
@pytest.mark.parametrize("name", ["rnn_cell", "hostile"])
def test_tikz_compiles(name: str, tmp_path: Path) -> None:
    path = render.save(GRAPHS[name](), tmp_path / "figure.tex")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", path.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="latin-1", check=False)
    assert done.returncode == 0, done.stdout[-2_000:]
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")


def test_tikz_is_also_written_to_tikz_files(tmp_path: Path) -> None:
    path = render.save(square(), tmp_path / "x.tikz")
    assert "\\begin{tikzpicture}" in path.read_text(encoding="utf-8")


# Netron: what its reader of DOT makes of a label.


@every_graph
def test_netron_reads_the_type_of_every_node(build: Callable[[], Graph]) -> None:
    head, *rows, foot, end = written(build(), "netron").split("\n")
    assert (head, foot, end) == ("digraph graphtrace {", "}", "")
    arrow = r" {4}[nv]\d+ -> n\d+;"
    for row in rows:
        if not re.fullmatch(arrow, row):
            found = re.fullmatch(r' {4}([nv]\d+) \[label="\{([^"{}]*)\}"\];', row)
            assert found, row
            name, code, *facts = found.group(2).split("|")
            assert name == found.group(1)
            assert re.fullmatch(r"op_code=[^=\\]+\\l", code)
            assert all(re.fullmatch(r"[\w ]+: [^:\\]*", fact) for part in facts for fact in part.split("\\l") if fact)


def test_netron_gets_operations_weights_and_operands_in_order() -> None:
    rows = written(rnn_cell(), "netron").splitlines()
    assert '    v2 [label="{v2|op_code=get_parameter [20,20]\\l}"];' in rows
    assert [row.strip() for row in rows if row.endswith("-> n5;")] == ["v3 -> n5;", "n4 -> n5;"]
    (tanh,) = (row for row in rows if "op_code=tanh" in row)
    assert "result: next_h\\lshape: (20, 1)\\l" in tanh
    assert "gradient norm: 4.47\\l" in tanh


@needs_dot
@every_graph
def test_netrons_dot_is_accepted_by_graphviz_as_well(build: Callable[[], Graph]) -> None:
    source = written(build(), "netron")
    done = subprocess.run(["dot", "-Tcanon"], input=source, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
