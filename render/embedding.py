"""The graph that an SVG picture carries, so that it can be drawn again from itself (`tracer/embedded.py` reads it)."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from render.drawing import Drawing
    from tracer.graph import Graph, Scope

NAMESPACE: Final = "urn:graphtrace"
_WORDS: Final = ("title", "caption")  # what was written about the graph and not how to draw it


def titled(drawing: Drawing) -> Graph:
    """The graph of a drawing with the title and the caption that it was drawn with, in `meta["words"]`."""
    words = {name: getattr(drawing.options, name) for name in _WORDS if getattr(drawing.options, name)}
    meta = {name: each for name, each in drawing.graph.meta.items() if name != "words"}
    return replace(drawing.graph, meta={**meta, "words": words} if words else meta)


def words(graph: Graph) -> dict[str, str]:
    """The title and the caption that a graph was drawn with; the file it was in may come from anywhere."""
    found = graph.meta.get("words")
    known = found if isinstance(found, Mapping) else {}
    return {name: known[name] for name in _WORDS if isinstance(known.get(name), str)}


def metadata(graph: Graph) -> str:
    """An SVG `metadata` element with the graph's JSON in it, compressed by zlib and spelled in base64.

    Folders are cut from the names of files: a picture goes further than the machine it was drawn on.
    """
    packer = zlib.compressobj(6)
    parts = [packer.compress(piece.encode()) for piece in without_folders(graph).json_pieces()]
    packed = base64.b64encode(b"".join((*parts, packer.flush()))).decode("ascii")
    return f'<metadata><graph xmlns="{NAMESPACE}" encoding="zlib base64">{packed}</graph></metadata>'


def without_folders(graph: Graph) -> Graph:
    """The graph with only the last part of every path to the author's files."""
    meta = dict(graph.meta)
    if isinstance(meta.get("script"), str):
        meta["script"] = PurePath(meta["script"]).name
    return replace(graph, scopes=tuple(map(_without_folders, graph.scopes)), meta=meta)


def _without_folders(scope: Scope) -> Scope:
    if scope.source is None:
        return scope
    return replace(scope, source=replace(scope.source, file=PurePath(scope.source.file).name))
