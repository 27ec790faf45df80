"""Graphs split into figures: each of the size asked for, every operation in exactly one, tags for what goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import render
from render import Drawing, RenderError, split
from render.page import runs, smallest
from render.scene import Box
from tests.commands import graphtrace
from tests.geometry import problems
from tests.graphs import Sketch, rnn_cell
from tests.test_fit import chain, model
from tracer.graph import Graph


def figures(graph: Graph, size: str = "6x3", **options: Any) -> tuple[Drawing, ...]:
    return render.figures(graph, size=size, split=True, **options)


def words(box: Box) -> str:
    return "".join(run.text for line in box.lines for run in line)


def tags(drawing: Drawing) -> list[str]:
    return [words(box) for box in drawing.scene.boxes if box.kind == "tag"]


@pytest.mark.parametrize("graph", [chain(24), model(6), rnn_cell()], ids=["chain", "model", "cell"])
def test_each_figure_has_the_size_and_all_of_them_show_everything_once(graph: Graph) -> None:
    found = figures(graph)
    assert len(found) > 1
    for each in found:
        scene = each.scene
        assert (scene.width, scene.height) == (6 * 96, 3 * 96)
        assert smallest(scene) >= 9
        assert problems(scene) == []
    shown = [box.id for each in found for box in each.scene.boxes if box.kind not in ("tag", "group")]
    whole = render.draw(graph, style=found[0].options.style, level="function").composed
    assert sorted(shown) == sorted(box.id for box in whole.boxes if box.kind != "group")


def test_tags_name_what_goes_on_and_where() -> None:
    first, second, *_ = figures(chain(24))
    going = [tag for tag in tags(first) if "→ fig. 2" in tag]
    assert len(going) == 1
    assert tags(second)[0] == f"fig. 1 → {going[0].partition(' → ')[0]}"
    assert f"figure 1 of {len(figures(chain(24)))}" in {run.text for run in runs(first.scene)}


def test_a_weight_that_several_figures_read_is_named_in_each() -> None:
    s = Sketch()
    weight, state = s.value("W", (4, 4), kind="parameter"), s.value("x", (4, 4), kind="input")
    for number in range(14):
        made = s.value(f"h{number}", (4, 4))
        s.call(("mm", "add", "sub")[number * number % 3], [state, weight], [made], line=number + 1)
        state = made
    first, *others = figures(s.graph(outputs=[state]), "8x4", style="data")
    assert not [tag for tag in tags(first) if tag.startswith("W →")]
    assert all("W" in tags(each) for each in others)


def test_a_figure_ends_where_modules_do() -> None:
    found = figures(model(6), "9x4")
    inside = [{box.id for box in each.scene.boxes if box.kind == "group" and box.group is not None} for each in found]
    assert all(not one & other for number, one in enumerate(inside) for other in inside[:number])


def test_what_fits_is_one_figure() -> None:
    (found,) = figures(rnn_cell(), "20x10")
    assert found.notes == ()


def test_a_page_too_small_for_a_box_and_one_that_takes_too_many_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RenderError, match=r"one box of graph is too large for 0.8 × 0.5 in"):
        figures(chain(24), "0.8x0.5")
    with pytest.raises(RenderError, match=r"it takes \d+ figures: render.figures gives them all"):
        render.draw(chain(24), size="6x3", split=True)
    monkeypatch.setattr(split, "MOST", 3)
    with pytest.raises(RenderError, match=r"more than 3 figures of 4 × 2 in .*: close modules with --depth"):
        figures(chain(24), "4x2")


def test_the_command_numbers_the_figures(tmp_path: Path) -> None:
    chain(24).save(tmp_path / "chain.json")
    done = graphtrace("render", "chain.json", "--size", "6x3", "--split", "-o", "part.svg", cwd=tmp_path)
    written = sorted(path.name for path in tmp_path.glob("part*"))
    assert written[:2] == ["part-1.svg", "part-2.svg"]
    assert "wrote part-1.svg" in done.stderr
    assert "note: figure" not in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--for", "slied"], "did you mean 'slide'"),
        (["--size", "0x5"], "must be more than 0"),
        (["--size", "big"], "write width x height, such as 13.33x7.5"),
        (["--split"], "there is no page to split for"),
        (["--size", "1x1", "--level", "function"], "does not fit 1 × 1 in with text from 9 pt"),
    ],
)
def test_the_command_refuses_in_one_sentence(options: list[str], said: str, tmp_path: Path) -> None:
    chain(9).save(tmp_path / "chain.json")
    done = graphtrace("render", "chain.json", *options, "-o", "part.svg", cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert list(tmp_path.glob("part*")) == []
