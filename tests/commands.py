"""Runs the command, and plain Python, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
from functools import lru_cache
from pathlib import Path

import tracer

SOURCE = Path(tracer.__file__).parent.parent  # where the packages under test lie: the checkout or site-packages


@lru_cache(maxsize=1)
def _launcher() -> str:
    """What `pip install` writes to bin/graphtrace; it lies apart, so that no folder of ours leads sys.path."""
    path = Path(tempfile.mkdtemp()) / "graphtrace"
    path.write_text("import sys\nfrom cli import main\nsys.exit(main(prog_name='graphtrace'))\n")
    return str(path)


def python(
    *words: str | Path,
    cwd: Path,
    stdin: str = "",
    **env: str,
) -> subprocess.CompletedProcess[str]:
    """`python WORDS` with the packages under test importable, as if they were installed."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(SOURCE),
        "PYTHONIOENCODING": "utf-8",
        "PYTHONHASHSEED": "random",
        **env,
    }
    command = [sys.executable, *map(str, words)]
    return subprocess.run(
        command, cwd=cwd, input=stdin, env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False
    )


def graphtrace(
    *words: str | Path,
    cwd: Path,
    stdin: str = "",
    **env: str,
) -> subprocess.CompletedProcess[str]:
    """`graphtrace WORDS`."""
    return python(_launcher(), *words, cwd=cwd, stdin=stdin, **env)


def write_files(folder: Path, files: dict[str, str]) -> None:
    """Writes texts under `folder`, by relative path."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
