"""The geometry of captured graphs: every demo, every program of the zoo, at several levels and in both directions."""

from __future__ import annotations

import contextlib
import io
import runpy
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

import demo_models
import render
import tracer
from tests.geometry import problems

pytest.importorskip("torch")

from tests.zoo import ZOO

GALLERY = Path(__file__).parent.parent / "docs/gallery"
WAYS: dict[str, dict[str, Any]] = {
    "functions": {"level": "function"},
    "kernels and backward": {"level": "kernel", "show": "backward,params", "direction": "TB"},
    "modules": {"level": "module", "direction": "LR"},
    "everything": {"level": "function", "show": "params,gradients,values,dtypes,source"},
}


def graphs(program: Callable[[], Any], select: Literal["all", "first"] = "all") -> tuple[tracer.Graph, ...]:
    with warnings.catch_warnings(), tracer.record(select) as recording, contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        program()
    return recording.graphs[:3]


def check(found: tuple[tracer.Graph, ...]) -> None:
    for graph in found:
        for way, options in WAYS.items():
            assert problems(render.picture(graph, **options)) == [], way


@pytest.mark.parametrize("name", sorted(ZOO.keys() - {"worker_threads"}))  # of which nothing is recorded
def test_pictures_of_the_zoo_are_sound(name: str) -> None:
    check(graphs(ZOO[name]))


@pytest.mark.parametrize("name", demo_models.available())
def test_pictures_of_demos_are_sound(name: str) -> None:
    check(graphs(lambda: runpy.run_path(str(demo_models.available()[name])), "first"))


@pytest.mark.parametrize("name", ["resnet18", "inception", "transformer", "lstm", "vanishing"])
def test_pictures_of_the_gallery_are_sound(name: str) -> None:
    (graph,) = graphs(lambda: runpy.run_path(str(GALLERY / f"{name}.py")), "first")
    assert problems(render.picture(graph)) == []
    assert problems(render.picture(graph, direction="TB", show="gradients")) == []
