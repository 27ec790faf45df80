"""Themes: files of colours and outlines, those that come with graphtrace and a user's own."""

from __future__ import annotations

import colorsys
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import render
from cli import main
from render import RenderError, text
from render.painting import cell_width, lines, rules
from render.scene import Box
from render.theme import Theme, _merged, theme, themes
from tests.commands import graphtrace, write_files
from tests.graphs import mlp, neuron, residual_net, rnn_cell

every_theme = pytest.mark.parametrize("chosen", themes().values(), ids=themes())


def own(folder: Path, content: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


# Those that come with graphtrace.


@every_theme
def test_kinds_are_told_apart_without_any_colour(chosen: Theme) -> None:
    boxes = {"".join(run.text + run.subscript for run in box.lines[0]): box for box in _boxes(chosen)}
    tensor, parameter, operation = boxes["x"], boxes["Wx"], boxes["mm"]
    assert tensor.outline != operation.outline
    assert (tensor.stroke_width, tensor.dashed) != (parameter.stroke_width, parameter.dashed)
    scene = render.picture(rnn_cell(), theme=chosen)
    assert {edge.kind: edge.dashed for edge in scene.edges} == {"value": False, "gradient": True}
    assert chosen.records or boxes["loss"].double


def _boxes(chosen: Theme) -> tuple[Box, ...]:
    return render.picture(rnn_cell(), theme=chosen).boxes


@every_theme
def test_the_hue_of_gradients_is_no_other_arrows(chosen: Theme) -> None:
    assert chosen.gradient != chosen.edge


def test_the_theme_for_paper_is_grey() -> None:
    for name in ("print", "keras", "micrograd"):
        chosen = theme(name)
        colors = [chosen.background, chosen.text, chosen.muted, chosen.edge, chosen.gradient, chosen.gradient_text]
        colors += [chosen.error, *chosen.families.values()]
        colors += [color for paint in (*chosen.tensors.values(), chosen.operation, chosen.group)
                   for color in (paint.fill, paint.stroke)]  # fmt: skip
        assert all(_saturation(color) == 0 for color in colors), name


def _saturation(color: str) -> float:
    return colorsys.rgb_to_hsv(*(int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)))[1]


def test_a_theme_has_a_direction_that_the_user_overrules() -> None:
    assert render.picture(rnn_cell(), theme="keras").direction == "TB"
    assert render.picture(rnn_cell(), theme="keras", direction="LR").direction == "LR"


def test_micrograd_draws_records() -> None:
    boxes = [box for box in render.picture(neuron(), theme="micrograd").boxes if box.kind == "tensor"]
    said = [[text.plain(line) for line in box.lines] for box in boxes]
    assert ["x1", "data 2", "grad −1.5"] in said
    for box in boxes:
        assert box.across
        assert len(rules(box)) == len(box.lines) - 1
        ends = [box.x, *rules(box), box.x + box.width]
        for line, left, right in zip(lines(box), ends, ends[1:], strict=False):
            assert left < line.left
            assert line.left + text.line_width(line.runs) < right
            assert right - left >= cell_width(line.runs) - 0.01
    assert "data 2" in str(render.render(neuron(), "svg", theme="micrograd"))


@every_theme
@pytest.mark.parametrize("name", ["svg", "pdf", "tikz", "dot", "mermaid"])
def test_every_format_paints_every_theme(name: str, chosen: Theme) -> None:
    for build in (rnn_cell, residual_net, mlp):
        assert render.render(build(), name, theme=chosen)


# A user's own.


def test_a_theme_of_ones_own_says_what_differs(tmp_path: Path) -> None:
    path = own(tmp_path, 'base = "dark"\nbackground = "#000000"\n[tensors]\ninput = { fill = "#102030" }\n')
    found, base = theme(path), theme("dark")
    assert (found.name, found.background, found.text) == ("mine", "#000000", base.text)
    assert (found.tensors["input"].fill, found.tensors["input"].stroke) == ("#102030", base.tensors["input"].stroke)
    assert render.picture(rnn_cell(), theme=str(path)).background == "#000000"
    assert theme(own(tmp_path, "", "empty.toml")).tensors == theme("light").tensors


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        ('backgroud = "#000000"', ["unknown key: 'backgroud'", "did you mean 'background'?"]),
        ('[tensors]\nimput = { fill = "#000000" }', ["unknown key: 'tensors.imput'", "tensors.parameter"]),
        ('[tensors]\ninput = { color = "#000000" }', ["unknown key: 'tensors.input.color'", "tensors.input.fill"]),
        ('text = "red"', ["text is 'red'", 'a colour of six hexadecimal digits, such as "#1f2937"']),
        ('text = "#12345"', ["text is '#12345'"]),
        ("text = 7", ["text is 7"]),
        ('text = "#00000g"', ["text is '#00000g'"]),
        ('[tensors]\ninput = "#000000"', ["tensors.input must be a table, such as input = { fill ="]),
        ("[operation]\nwidth = 0", ["operation.width is 0 (must be a width in pixels, up to 8)"]),
        ("[operation]\nwidth = true", ["operation.width is True"]),
        ("[operation]\nwidth = nan", ["operation.width is nan"]),
        ('[operation]\ndashed = "yes"', ["operation.dashed is 'yes' (must be true or false)"]),
        ('[outlines]\ntensor = "star"', ["outlines.tensor is 'star' (must be one of rect, rounded, pill)"]),
        ('direction = "BT"', ["direction is 'BT' (must be one of LR, TB"]),
        ('base = "drak"', ["unknown base: 'drak'", "did you mean 'dark'?"]),
        ("base = []", ["unknown base: []"]),
        ('name = "x"', ["unknown key: 'name'"]),
        ("background = ", ["is no TOML file"]),
        ('font = "a\\u0007"', ["font is"]),
    ],
)
def test_a_theme_with_a_mistake_says_what_is_allowed(content: str, messages: list[str], tmp_path: Path) -> None:
    path = own(tmp_path, content)
    with pytest.raises(RenderError) as caught:
        theme(path)
    assert str(path) in str(caught.value)
    for message in messages:
        assert message in str(caught.value)


def test_a_theme_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "latin.toml").write_bytes(b'help = "\xe9"')
    for name, message in (("missing.toml", "there is no theme file"), ("folder.toml", "cannot be read"),
                          ("latin.toml", "is no TOML file")):  # fmt: skip
        with pytest.raises(RenderError, match=message):
            theme(tmp_path / name)
    with pytest.raises(RenderError, match=r"must be one of colourblind, dark, .*, a file such as mine\.toml"):
        theme("mine")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=3))
def test_no_value_in_a_theme_ends_in_anything_but_an_error_or_a_theme(value: Any) -> None:
    for document in ({"text": value}, {"operation": {"width": value}}, {"outlines": {"tensor": value}},
                     {"tensors": value}, {"base": value}, {"direction": value}, {"records": value}):  # fmt: skip
        try:
            _merged(document, "mine.toml")
        except RenderError:
            continue


def test_the_command_takes_a_theme_file_before_the_script_leaves_the_folder(tmp_path: Path) -> None:
    own(tmp_path, 'background = "#123456"\n')
    script = "import os\nfrom tracer.scalar import Scalar\nos.mkdir('away')\nos.chdir('away')\nx = Scalar(2.0) * 3\n"
    write_files(tmp_path, {"it.py": script})
    result = graphtrace("render", "it.py", "--theme", "mine.toml", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "#123456" in (tmp_path / "it.svg").read_text(encoding="utf-8")


def test_the_command_refuses_a_theme_with_a_mistake(tmp_path: Path) -> None:
    path = own(tmp_path, 'text = "red"\n')
    result = CliRunner().invoke(main, ["demo", "scalar_neuron", "--theme", str(path), "-o", str(tmp_path / "x.svg")])
    assert (result.exit_code, "Traceback" in result.output) == (2, False)
    assert "text is 'red'" in result.stderr
    assert os.listdir(tmp_path) == ["mine.toml"]
