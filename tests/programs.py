"""Runs little programs under a recording, from a real file, so that lines and names are found as in a script."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import tracer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def run(folder: Path, code: str, *, select: Any = "all", **given: Any) -> tuple[tracer.Recording, Mapping[str, Any]]:
    """Runs `code` as a module of its own; gives the recording and the variables it left."""
    path = folder / "program.py"
    path.write_text(textwrap.dedent(code), encoding="utf-8")
    variables: dict[str, Any] = {"__name__": "__main__", "__file__": str(path), **given}
    recording = tracer.record(select)
    with recording:
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), variables)
    return recording, variables


def forward(graph: tracer.Graph) -> list[str]:
    """Names of the author's calls in forward, in order."""
    names = []
    for node in graph.nodes:
        path = [scope.name for scope in graph.path(node.scope) if scope.kind == "function"]
        if node.phase == "forward" and path and node.inputs and (not names or names[-1] != (path[0], node.scope)):
            names.append((path[0], node.scope))
    return [name for name, _ in names]
