"""Calls back once a module has been imported, so that a framework is watched from the moment the program has it."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec


class AfterImport:  # a finder by what it has: `importlib.abc` would bring tempfile, random and more
    """Calls back once a module has been imported, without importing it.

    Args:
        callbacks: What to call with the name of a module, by that name.
    """

    def __init__(self, callbacks: Mapping[str, Callable[[str], None]]) -> None:
        self._callbacks = callbacks
        self._busy = False

    def install(self) -> None:
        """Takes part in imports from now on."""
        sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Takes part no more."""
        with contextlib.suppress(ValueError):
            sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> Any:
        """The spec that the other finders give, with a loader that calls back."""
        if name not in self._callbacks or self._busy:
            return None
        self._busy = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._busy = False
        if spec is not None and spec.loader is not None:
            watched: Any = _Loader(spec.loader, self)
            spec.loader = watched
        return spec

    def loaded(self, name: str) -> None:
        """Calls back, unless it was removed while the module was loading."""
        if self in sys.meta_path:
            self._callbacks[name](name)


class _Loader:
    """A loader that does what the real one does and then calls back."""

    def __init__(self, real: Any, finder: AfterImport) -> None:
        self._real = real
        self._finder = finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the real loader does."""
        return self._real.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        """Runs the module, gives it its real loader back, and calls back."""
        self._real.exec_module(module)
        if module.__spec__ is not None:
            module.__spec__.loader = self._real
        module.__loader__ = self._real
        self._finder.loaded(module.__name__)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)
