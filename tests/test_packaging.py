"""The wheel and the sdist hold exactly what they should, and a picture comes out of the installed wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("demo_models", "render", "tracer")
TOP = ("CHANGES.md", "CONTRIBUTING.md", "LICENSE", "README.md", "cli.py", "constraints.txt", "pyproject.toml")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the wheel and the sdist, built without the network."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def sources(*folders: str) -> Iterator[str]:
    """Every file of ours below these folders, as a path from the root."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            parts = path.relative_to(ROOT).parts
            if path.is_file() and "__pycache__" not in parts and not any(part.startswith(".") for part in parts):
                yield "/".join(parts)


def test_the_wheel_holds_the_packages_and_nothing_else(built: Path) -> None:
    (path,) = built.glob("*.whl")
    names = {name for name in zipfile.ZipFile(path).namelist() if ".dist-info/" not in name}
    assert names == {*sources(*PACKAGES), "cli.py"}
    assert {f"{package}/py.typed" for package in PACKAGES} <= names


def test_the_sdist_holds_what_is_needed_to_build_and_test(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names - {"PKG-INFO", ".gitignore"} == {*sources(*PACKAGES, "tests", "docs", "benchmarks"), *TOP}


def test_the_installed_wheel_draws_from_any_folder(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    target = tmp_path / "installed"
    options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(wheel)], check=True)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(target)}
    command = [sys.executable, str(target / "bin" / "graphtrace")]

    def run(*words: str) -> str:
        return subprocess.run(
            [*command, *words], cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=True
        ).stdout

    run("demo", "rnn_cell", "-o", "rnn.svg", "-o", "rnn.png", "-o", "rnn.dot", "-o", "rnn.json", "-o", "rnn.txt")
    assert sorted(path.name for path in folder.iterdir()) == ["rnn.dot", "rnn.json", "rnn.png", "rnn.svg", "rnn.txt"]
    assert run("--version").startswith("graphtrace ")
    where = [sys.executable, "-c", "import tracer, render, cli; print(tracer.__file__, render.__file__, cli.__file__)"]
    files = subprocess.run(
        where, cwd=folder, env=environment, capture_output=True, text=True, check=True
    ).stdout.split()
    assert all(Path(file).is_relative_to(target) for file in files)
