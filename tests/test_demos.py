"""The demo models run by themselves, and by `graphtrace demo`, and are what they say they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import demo_models
import tracer
from tests.commands import graphtrace, python

pytest.importorskip("torch")


def test_every_demo_says_in_a_line_what_it_is() -> None:
    assert {"mlp", "rnn_cell", "scalar_neuron"} <= set(demo_models.available())
    for name in demo_models.available():
        assert demo_models.about(name).endswith("."), name


@pytest.mark.parametrize("name", demo_models.available())
def test_a_demo_runs_by_itself_and_by_the_command(name: str, tmp_path: Path) -> None:
    plain = python(demo_models.available()[name], cwd=tmp_path)
    assert plain.returncode == 0, plain.stderr
    traced = graphtrace("demo", name, "-o", "demo.svg", cwd=tmp_path)
    assert (traced.returncode, traced.stdout) == (0, plain.stdout), traced.stderr
    assert (tmp_path / "demo.svg").exists()


def test_the_rnn_cell_has_the_lectures_names_shapes_and_gradients(tmp_path: Path) -> None:
    import torch

    assert graphtrace("demo", "rnn_cell", "-o", "rnn.json", cwd=tmp_path).returncode == 0
    graph = tracer.load(tmp_path / "rnn.json")
    shapes = {value.name: value.shape for value in graph.values if value.name is not None}
    assert shapes == {
        "x": (1, 10),
        "prev_h": (1, 20),
        "W_h": (20, 20),
        "W_x": (20, 10),
        "i2h": (20, 1),
        "h2h": (20, 1),
        "next_h": (20, 1),
        "loss": (),
    }
    space: dict[str, torch.Tensor] = {}
    exec(demo_models.available()["rnn_cell"].read_text(encoding="utf-8"), space)
    for name in ("W_h", "W_x"):
        (value,) = graph.named(name)
        assert value.grad is not None
        assert space[name].grad is not None
        assert value.grad.norm == pytest.approx(space[name].grad.norm().item(), rel=1e-6)
    assert graph.loss is not None
    assert graph.loss.data is not None
    assert graph.loss.data.value == pytest.approx(space["loss"].item(), rel=1e-6)


def test_the_mlp_learns_the_digits(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    printed = python(demo_models.available()["mlp"], cwd=tmp_path).stdout
    accuracy = re.search(r"accuracy on \d+ digits that were not trained on: ([\d.]+)%\n", printed)
    assert accuracy is not None
    assert float(accuracy[1]) >= 95


def test_the_mlp_says_what_to_install_where_scikit_learn_is_missing(tmp_path: Path) -> None:
    (tmp_path / "sklearn.py").write_text("raise ModuleNotFoundError('No module named sklearn', name='sklearn')\n")
    command = f"import runpy; runpy.run_path({str(demo_models.available()['mlp'])!r}, run_name='__main__')"
    result = python("-c", command, cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.endswith("pip install 'graphtrace[digits]'\n")
    assert "Traceback" not in result.stderr
