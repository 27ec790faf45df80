"""The gallery: its script draws what it promises, and names nothing that is not there."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest

import cli
import demo_models
from tests.commands import python

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "docs/gallery.py"


@pytest.fixture(scope="module")
def gallery() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gallery", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["gallery"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_demo_and_ten_real_models_are_in_it(gallery: ModuleType) -> None:
    found = {program.name: program for program in gallery.programs()}
    assert set(demo_models.available()) <= set(found)
    assert len(found) - len(demo_models.available()) >= 10
    assert set(gallery.SHOWN) <= set(found)
    assert all(program.about.endswith(".") for program in found.values())


def test_its_commands_have_options_that_there_are(gallery: ModuleType) -> None:
    known = {option for parameter in cli.render_command.params for option in parameter.opts}
    for options in (gallery.USUAL, *gallery.SHOWN.values()):
        words = [word for each in options for word in shlex.split(each) if word.startswith("--")]
        assert set(words) <= known


def test_a_part_of_the_page_is_drawn(gallery: ModuleType, tmp_path: Path) -> None:
    made = python(SCRIPT, "page.html", "--only", "scalar_neuron", "--keep", "pictures", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    pictures = sorted((tmp_path / "pictures").glob("scalar_neuron/*.svg"))
    assert len(pictures) == len(gallery.SHOWN["scalar_neuron"])
    assert page.count("data:image/svg+xml;base64,") == len(pictures)
    assert "<code>graphtrace demo scalar_neuron --theme micrograd -o scalar_neuron.svg</code>" in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)  # it needs no other file
