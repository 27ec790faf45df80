"""Small programs, one per behaviour of torch's, each giving back what it computed; `ZOO` holds them by name.

A program takes nothing, builds what it needs from torch's, numpy's and Python's random numbers, and returns its
results, gradients and buffers, so that two runs from the same seeds can be compared in all that they did. Programs of
one theme share a file; a new file here is found by itself.
"""

from __future__ import annotations

import importlib
import pkgutil

from tests.zoo.registry import ZOO, Program

for _theme in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_theme.name}")

__all__ = ["ZOO", "Program"]
