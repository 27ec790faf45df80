"""The author's code beside a picture: whole files where they can be read, else the lines that a graph remembers."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import Final

from tracer.graph import Graph, Source

_MAX_LINES: Final = 5_000  # of one file; nobody scrolls further on a slide


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Some lines of a listing.

    Attributes:
        listing: Number of the listing in the storyboard.
        first: First line, counted from 1 as in the file.
        last: Last line.
    """

    listing: int
    first: int
    last: int


def span(places: Iterable[Place | None]) -> Place | None:
    """From the first to the last line of places, of those in the listing of the first; None where there are none."""
    known = [place for place in places if place is not None]
    known = [place for place in known if place.listing == known[0].listing]
    if not known:
        return None
    return Place(known[0].listing, min(each.first for each in known), max(each.last for each in known))


@dataclass(frozen=True)
class Listing:
    """The code of one file.

    Attributes:
        name: Of the file, without its folder.
        lines: Text by line number; all of them, or those that are known.
        whole: Whether it is the whole file.
    """

    name: str
    lines: Mapping[int, str]
    whole: bool = True

    @cached_property
    def assigned(self) -> Mapping[str, tuple[int, ...]]:
        """The lines in which a plain name is assigned at the top level or in a function, by name."""
        found: dict[str, list[int]] = {}
        try:
            tree = ast.parse("".join(f"{self.lines.get(n, '')}\n" for n in range(1, max(self.lines, default=0) + 1)))
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # a cell with magics, or lines with gaps
            return {}
        for node in ast.walk(tree):
            if isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for name in (each for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)):
                    found.setdefault(name.id, []).append(node.lineno)
        return {name: tuple(sorted(lines)) for name, lines in found.items()}


@dataclass(frozen=True)
class Listings:
    """The listings of all files that a graph's operations come from.

    Attributes:
        graph: As it was captured.
    """

    graph: Graph

    @cached_property
    def all(self) -> tuple[Listing, ...]:
        """One for each file: the script first, then by the first operation that comes from it."""
        return tuple(_listing(file, self._known[file]) for file in self._numbers)

    def place(self, source: Source | None) -> Place | None:
        """Where a source stands in the listings."""
        if source is None or source.line < 1:
            return None
        return Place(self._numbers[source.file], source.line, max(source.line, source.end_line))

    @cached_property
    def backward(self) -> Place | None:
        """The line of the script in which backward was called."""
        line = self.graph.meta.get("line")
        if not isinstance(line, int) or not self.all:
            return None
        text = self.all[0].lines.get(line, "")
        return Place(0, line, line) if "backward" in text or "grad" in text else None

    def assignment(self, name: str | None, before: int) -> Place | None:
        """The last line before `before` in which the script assigns to a name; None where it does not."""
        if name is None or not self.all:
            return None
        lines = [line for line in self.all[0].assigned.get(name, ()) if line < before]
        return Place(0, lines[-1], lines[-1]) if lines else None

    @cached_property
    def _known(self) -> Mapping[str, Mapping[int, str]]:
        """The lines that the graph remembers, by file and number."""
        found: dict[str, dict[int, str]] = {}
        for scope in self.graph.scopes:
            if scope.source is not None and scope.source.line >= 1:
                found.setdefault(scope.source.file, {})[scope.source.line] = scope.source.code
        return found

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        script = self.graph.meta.get("script")
        name = PurePath(script).name if isinstance(script, str) else ""
        first = sorted(self._known, key=lambda file: PurePath(file).name != name)
        return {file: number for number, file in enumerate(first)}


def _listing(file: str, known: Mapping[int, str]) -> Listing:
    """The file, where it still says what the graph remembers of it."""
    lines = [line.rstrip("\r\n") for line in linecache.getlines(file)[:_MAX_LINES]] if _is_code(file) else []
    name = PurePath(file).name
    if lines and all(_agrees(lines, line, code) for line, code in known.items()):
        return Listing(name, dict(enumerate(lines, 1)))
    return Listing(name, dict(sorted(known.items())), whole=False)


def _is_code(file: str) -> bool:
    """Whether a file may be read: a saved graph could name any file, and nothing but Python is to be shown."""
    return file.endswith((".py", ".pyw")) or file.startswith("<")


def _agrees(lines: list[str], line: int, code: str) -> bool:
    return line <= len(lines) and (not code or lines[line - 1].strip() == code.strip())


def lines_of(places: Iterable[Place | None], listing: int) -> frozenset[int]:
    """All lines of one listing that lie in some of the places."""
    return frozenset(
        line
        for place in places
        if place is not None and place.listing == listing
        for line in range(place.first, place.last + 1)
    )
