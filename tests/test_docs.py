"""What the documentation says is true: its Python, commands, examples in docstrings, links and pictures."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import pkgutil
import re
import shlex
from pathlib import Path

import pytest

import demo_models
import render
import tracer
from tests.commands import SOURCE, graphtrace, write_files

pytest.importorskip("torch")

ROOT = Path(__file__).parent.parent
PAGES = [path.relative_to(ROOT).as_posix() for path in [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))]]
TRAIN = """
    import argparse
    import torch

    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=2)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(parser.parse_args().epochs):
        x, y = torch.randn(16, 4), torch.randint(2, (16,))
        loss = torch.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
MODEL = "import torch\n\ndef build_and_run():\n    return torch.nn.Linear(4, 2)(torch.ones(1, 4)).sum()\n"


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), flags=re.M | re.S)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")])
def test_the_python_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {"__name__": "page"}
    for number, block in enumerate(blocks(page, "python")):
        file = tmp_path / f"block{number}.py"
        file.write_text(block, encoding="utf-8")  # names are read from the source
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(block, str(file), "exec"), space)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "sh")])
def test_the_commands_of_a_page_run(page: str, tmp_path: Path) -> None:
    write_files(tmp_path, {"train.py": TRAIN, "mypackage/train.py": TRAIN, "mypackage/model.py": MODEL})
    write_files(tmp_path, {"demo_models/rnn_cell.py": demo_models.available()["rnn_cell"].read_text(encoding="utf-8")})
    for path in ROOT.glob("docs/gallery/*.py"):
        write_files(tmp_path, {f"docs/gallery/{path.name}": path.read_text(encoding="utf-8")})
    write_files(tmp_path, {"mine.toml": "".join(blocks(page, "toml"))})
    tracer.trace(abs, __import__("torch").ones(2)).save(tmp_path / "model.json")
    for line in "".join(blocks(page, "sh")).splitlines():
        words = shlex.split(line.rpartition("&&")[2], comments=True)
        if words[:1] == ["graphtrace"]:
            result = graphtrace(*words[1:], cwd=tmp_path)
            assert result.returncode == 0, f"{line}\n{result.stderr}"
    for path in ROOT.glob("docs/images/*.svg"):
        if (tmp_path / path.name).exists():
            assert words_of(tmp_path / path.name) == words_of(path), path.name


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_a_page_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text(encoding="utf-8")):
        assert ((ROOT / page).parent / link).exists(), link


def test_the_picture_of_the_readme_is_what_the_command_draws(tmp_path: Path) -> None:
    assert graphtrace("demo", "rnn_cell", "-o", "rnn_cell.svg", cwd=tmp_path).returncode == 0
    drawn, shown = tmp_path / "rnn_cell.svg", ROOT / "docs/images/rnn_cell.svg"
    assert picture(drawn) == picture(shown)
    assert [node.op for node in tracer.load(drawn).nodes] == [node.op for node in tracer.load(shown).nodes]


def picture(path: Path) -> str:
    """Without the graph: last digits of its numbers, and the bytes they are packed into, differ between machines."""
    return re.sub("<metadata>.*", "", path.read_text(encoding="utf-8"))


def words_of(path: Path) -> str:
    """A picture without its numbers, whose third digit may differ with the number of threads."""
    return re.sub(r"\bg[0-9a-f]{8}|−?[\d.,]+(e[−+]?\d+)?", "0", picture(path))


def modules() -> list[str]:
    """Every module of ours."""
    packages = (tracer, render)
    found = [
        each.name for package in packages for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    return ["tracer", "render", "cli", *found]


@pytest.mark.parametrize("name", modules())
def test_the_examples_in_docstrings_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", modules())
def test_every_module_opens_with_one_sentence(name: str) -> None:
    first = (importlib.import_module(name).__doc__ or "").strip().partition("\n")[0]
    assert first.endswith((".", ":")), f"{name}: {first!r}"


def test_the_modules_that_are_described_exist() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:tracer|render|demo_models)/[\w./]*|cli\.py)`", text)
    assert named
    for path in named:
        assert (SOURCE / path).exists(), path
