"""Who may import whom, as docs/architecture.md says; and what an import must not drag in."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tracer
from tests.commands import SOURCE, python
from tests.conftest import traces

OURS = ("cli", "render", "tracer", "demo_models")
# (where, may import): the first row whose folder or file fits counts. Imports inside functions count as well.
ALLOWED = (
    ("cli.py", ("render", "tracer", "demo_models")),
    ("demo_models/lecture/", ("render", "tracer.graph")),
    ("demo_models/", ("tracer",)),
    ("render/torchviz.py", ("render", "tracer.graph", "tracer.pytorch", "tracer.records")),
    ("render/", ("render", "tracer.graph", "tracer.records")),
    ("tracer/graph.py", ("tracer", "render")),  # the display link, lazy: graph.save() and notebook cells
    ("tracer/scalar/", ("tracer.scalar",)),
    ("tracer/", ("tracer",)),
)
TORCH_ALLOWED = ("tracer/pytorch/", "demo_models/", "render/torchviz.py")  # torchviz takes tensors; loaded lazily
FILES = sorted(
    path.relative_to(SOURCE).as_posix()
    for name in OURS
    for path in ([SOURCE / f"{name}.py"] if name == "cli" else (SOURCE / name).rglob("*.py"))
)


def imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Dotted names of all that is imported, also inside functions and for type checking."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, (*package.split(".")[: -node.level or None],))) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            yield from (f"{module}.{alias.name}" for alias in node.names)


def offences(file: str, text: str) -> list[str]:
    """What a file imports although it may not."""
    allowed = next(names for where, names in ALLOWED if file.startswith(where))
    found = []
    for name in imports(ast.parse(text), file.removesuffix(".py").replace("/", ".")):
        top = name.partition(".")[0]
        if top == "torch" and not file.startswith(TORCH_ALLOWED):
            found.append(name)
        if top in OURS and not any(f"{name}.".startswith(f"{each}.") for each in allowed):
            found.append(name)
    return found


@pytest.mark.parametrize("file", FILES)
def test_a_file_imports_only_what_it_may(file: str) -> None:
    assert offences(file, (SOURCE / file).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("render/scene.py", "from tracer import load"),
        ("render/scene.py", "import torch.nn"),
        ("render/views/skip.py", "def f():\n    from tracer.tracing import record"),
        ("tracer/names.py", "import render"),
        ("tracer/names.py", "from render.scene import Box"),
        ("tracer/scalar/engine.py", "from tracer import names"),
        ("demo_models/mlp.py", "import cli"),
    ],
)
def test_the_check_can_fail(file: str, text: str) -> None:
    assert offences(file, text)


def test_only_the_command_line_prints_or_exits() -> None:
    calls = []
    for file in FILES:
        if not file.startswith(("cli.py", "demo_models/")):
            for node in ast.walk(ast.parse((SOURCE / file).read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "sys.exit", "exit", "os._exit"):
                    calls.append(f"{file}:{node.lineno}")
    assert calls == []


HEAVY = ("torch", "numpy", "graphviz", "sklearn", "rich", "executing", "reportlab", "PIL", "resvg_py")
SLOW = ("click", "json", "pathlib", "tempfile", "importlib.abc", "asyncio", "render", "tracer.script", "tracer.names")


def brought(statement: str, names: tuple[str, ...], folder: Path) -> list[str]:
    """Which of `names` a fresh Python loads for a statement."""
    listing = f"print(*(name for name in {names} if name in {{*sys.modules}} - before))"
    return python("-c", f"import sys; before = {{*sys.modules}}; {statement}; {listing}", cwd=folder).stdout.split()


def test_importing_everything_leaves_the_heavy_libraries_out(tmp_path: Path) -> None:
    assert brought("import tracer, tracer.scalar, render, cli", HEAVY, tmp_path) == []


def test_importing_the_tracer_leaves_out_what_a_recording_may_never_need(tmp_path: Path) -> None:
    assert brought("import tracer", SLOW, tmp_path) == []


def test_importing_them_would_be_noticed(tmp_path: Path) -> None:
    assert "torch" in brought("import tracer.pytorch.capture", HEAVY, tmp_path)
    assert {"json", "pathlib", "render"} <= {*brought("import tracer.serial, render", SLOW, tmp_path)}


def test_what_a_recording_leaves_behind_would_be_noticed() -> None:
    import torch

    from tracer.scalar import Scalar

    before = traces()
    with tracer.record():
        torch.ones(2)
        Scalar(1.0)
        during = traces()
    assert {name for name in before if not during[name]} <= {"saved tensor hooks"}
    assert not any(traces().values())
