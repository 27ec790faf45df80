"""The engine `dot`: the same scenes placed by Graphviz, and clear words where it cannot."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from render import draw
from render.layout import EngineMissing, LayoutTimeout, graphviz, place
from render.scene import Direction, Scene
from tests.geometry import problems
from tests.graphs import residual_net
from tests.scenes import SCENES, long_chain, operation, rnn_cell, scene, tensor

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


@needs_dot
@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize("name", SCENES)
def test_geometry_is_sound(name: str, direction: Direction) -> None:
    assert problems(place(SCENES[name](direction), engine="dot"), lines=False) == []


@needs_dot
def test_it_is_deterministic() -> None:
    assert place(rnn_cell(), engine="dot") == place(rnn_cell(), engine="dot")


@needs_dot
def test_operands_enter_in_order_and_sizes_are_kept() -> None:
    given = scene(
        [*(tensor(f"t{each}") for each in range(4)), operation("cat")], [(f"t{each}", "cat") for each in (2, 0, 3, 1)]
    )
    placed = place(given, engine="dot")
    heights = [edge.path[-1][1] for edge in placed.edges]
    assert heights == sorted(heights)
    assert [(box.width, box.height) for box in placed.boxes] == [(box.width, box.height) for box in given.boxes]


@needs_dot
def test_names_with_syntax_in_them_do_no_harm() -> None:
    names = ("a -> b", 'q"uote', "<b>", "naïve;}")
    placed = place(scene([tensor(name) for name in names], [(names[0], name) for name in names[1:]]), engine="dot")
    assert problems(placed, lines=False) == []


def test_without_the_program_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineMissing, match=r"'dot' was not found on PATH: install it .*--engine layered"):
        place(rnn_cell(), engine="dot")


@needs_dot
def test_it_is_stopped_when_it_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphviz, "SECONDS", 0.05)
    with pytest.raises(LayoutTimeout, match=r"'dot' took longer than 0 s"):
        place(long_chain(length=3000), engine="dot")


@needs_dot
def test_ours_is_used_instead_when_it_takes_too_long_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphviz, "SECONDS", 0.001)
    drawing, ours = draw(residual_net(), engine="dot"), draw(residual_net()).scene
    assert [(box.x, box.y) for box in drawing.scene.boxes] == [(box.x, box.y) for box in ours.boxes]
    assert drawing.notes[-1] == "the layout engine 'dot' took longer than 0 s; our own layout is shown"
    assert any("our own layout is shown" in label.runs[0].text for label in drawing.scene.labels)


def test_a_failing_program_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho 'no such layout' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(RuntimeError, match=r"'dot' failed \(3\): no such layout"):
        place(Scene(boxes=(tensor("x"),)), engine="dot")
