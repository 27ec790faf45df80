"""Keeps a script's modules and ours apart: what stands beside the script wins while it runs, as under plain Python.

Under plain `python script.py` a `render.py` beside the script is what `import render` gives. Our own `render`
(or `click`, or `random`) is in `sys.modules` already when the script starts, so it has to stand aside. While it
does, an import of ours, such as that of `tracer.pytorch` when the script imports torch, must not find the script's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Final

# A plain interpreter has these before it knows the script, so nothing beside the script can hide them.
_BUILT_IN: Final = frozenset(sys.builtin_module_names) | {
    *("__main__", "_collections_abc", "_sitebuiltins", "abc", "codecs", "encodings", "genericpath", "io"),
    *("ntpath", "os", "posixpath", "site", "sitecustomize", "stat", "usercustomize", "zipimport"),
}
_set_aside: dict[str, ModuleType] = {}  # ours, while a script that has modules of these names runs
_folders: list[str] = []  # the entries put in front of sys.path for scripts that run, the innermost last


@contextmanager
def script_modules_first(folder: str) -> Iterator[None]:
    """`folder` leads `sys.path`, and modules in it hide those of the same name that are loaded already.

    Both are undone at the end. What the script imported stays loaded, but for what would hide a module from us.

    Args:
        folder: What a plain interpreter puts first on `sys.path`: the script's folder.
    """
    path, before = sys.path[:], dict(_set_aside)
    loaded = _top_level()
    hidden = frozenset(name for name, module in loaded.items() if _is_hidden(name, module, folder))
    taken = _take(hidden)
    _set_aside.update((name, module) for name, module in taken.items() if name not in before)
    _folders.append(folder)
    if not getattr(sys.flags, "safe_path", False):  # `python -P` leaves the script's folder out, and so do we
        sys.path[:1] = [folder]
    try:
        yield
    finally:
        _take(hidden)
        sys.modules.update((name, module) for name, module in _set_aside.items() if name not in before)
        sys.modules.update(taken)
        _set_aside.clear()
        _set_aside.update(before)
        _folders.pop()
        sys.path[:] = path
        _take(name for name, module in _top_level().items() if name not in loaded and _hides(name, module, folder))


@contextmanager
def own_modules() -> Iterator[None]:
    """Our modules instead of the script's of the same names; wraps any import of ours while a script may be running."""
    names = {name.partition(".")[0] for name in _set_aside}
    names |= {name for name, module in _top_level().items() if _is_from(module, *_folders)}
    theirs, path = _take(names), sys.path[:]
    sys.modules.update(_set_aside)
    sys.path[:] = [entry for entry in path if entry not in _folders]
    try:
        yield
    finally:
        _set_aside.update(_take(names))
        sys.modules.update(theirs)
        sys.path[:] = path


def _is_hidden(name: str, module: ModuleType, folder: str) -> bool:
    """Whether `import name` would find another module or regular package in `folder`."""
    spec = PathFinder.find_spec(name, [folder])
    if spec is None or spec.loader is None:  # a folder without __init__.py yields to a package elsewhere
        return False
    return spec.origin != getattr(module, "__file__", None)


def _hides(name: str, module: ModuleType, folder: str) -> bool:
    """Whether a module that was imported from `folder` has a namesake that `import name` would find without it."""
    return _is_from(module, folder) and PathFinder.find_spec(name) is not None


def _is_from(module: ModuleType, *folders: str) -> bool:
    """Whether a top-level module lies in one of the folders itself; a virtual environment further down is not meant."""
    file = getattr(module, "__file__", None) or ""
    package = os.path.splitext(os.path.basename(file))[0] == "__init__"
    where = os.path.dirname(os.path.dirname(file)) if package else os.path.dirname(file)
    return bool(file) and where in [folder.rstrip(os.sep) for folder in folders]


def _top_level() -> dict[str, ModuleType]:
    """What is loaded, submodules left out and what nothing can hide."""
    return {name: sys.modules[name] for name in list(sys.modules) if "." not in name and name not in _BUILT_IN}


def _take(names: Iterable[str]) -> dict[str, ModuleType]:
    """Removes the modules of these top-level names, with all below them, from `sys.modules` and hands them over."""
    wanted = frozenset(names)
    found = [name for name in sys.modules if name.partition(".")[0] in wanted]
    return {name: sys.modules.pop(name) for name in found}
