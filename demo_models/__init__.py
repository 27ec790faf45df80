"""Models to try graphtrace on: each module here is a script that runs by itself and by `graphtrace demo NAME`."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path


def available() -> Mapping[str, Path]:
    """The demo scripts by name, in alphabetical order."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.py")) if path.stem != "__init__"}


def about(name: str) -> str:
    """The first line of a demo's docstring, read without running it.

    Raises:
        KeyError: There is no such demo.
    """
    docstring = ast.get_docstring(ast.parse(available()[name].read_bytes())) or ""
    return docstring.partition("\n")[0]
