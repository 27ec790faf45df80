"""Replaces functions of torch while a recording lasts, and puts them back."""

from __future__ import annotations

from typing import Any, Final

_INHERITED: Final = object()
# What was put back while something of someone else's stood on top: owner, name, our function, the one below it. Who put
# his on top has ours to put back; when that is one of us, he puts back the one below.
_buried: list[tuple[Any, str, Any, Any]] = []


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
                _buried.append((owner, name, new, old))
                continue
            old = _unearthed(owner, name, old)
            if old is _INHERITED:
                delattr(owner, name)
            else:
                setattr(owner, name, old)


def _unearthed(owner: Any, name: str, old: Any) -> Any:
    """What lies below `old`, where that was ours and has had its day."""
    for index in reversed(range(len(_buried))):
        where, what, new, below = _buried[index]
        if where is owner and what == name and new is old:
            del _buried[index]
            old = below
    return old
