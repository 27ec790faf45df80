"""The graph that an SVG picture carries, so that it can be drawn again from itself (`tracer/embedded.py` reads it)."""

from __future__ import annotations

import base64
import zlib
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tracer.graph import Graph, Scope

NAMESPACE: Final = "urn:graphtrace"


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
