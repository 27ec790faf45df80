"""Replaces functions of torch while a recording lasts, and puts them back."""

from __future__ import annotations

from typing import Any, Final

_INHERITED: Final = object()


class Patches:
    """The replacements of one recording."""

    def __init__(self) -> None:
        self._done: list[tuple[Any, str, Any, Any]] = []

    def __bool__(self) -> bool:
        return bool(self._done)

    def put(self, owner: Any, name: str, new: Any) -> None:
        """Replaces an attribute of a module or class."""
        self._done.append((owner, name, vars(owner).get(name, _INHERITED), new))
        setattr(owner, name, new)

    def undo(self) -> None:
        """Puts everything back, last first; a patch that someone else put on top of ours stays theirs."""
        while self._done:
            owner, name, old, new = self._done.pop()
            if vars(owner).get(name) is not new:
                continue
            if old is _INHERITED:
                delattr(owner, name)
            else:
                setattr(owner, name, old)
