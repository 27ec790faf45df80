"""The table of the zoo's programs, which the themes fill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Program = Callable[[], Any]
ZOO: dict[str, Program] = {}


def program(function: Program) -> Program:
    """Takes a program into the zoo under its name."""
    assert function.__name__ not in ZOO, f"two programs are called {function.__name__}"
    ZOO[function.__name__] = function
    return function
