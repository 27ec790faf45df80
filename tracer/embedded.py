"""Reads the graph that an SVG picture of ours carries (`render/embedding.py`); the file may come from anywhere."""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from tracer.graph import GraphError

ELEMENT: Final = "urn:graphtrace graph"  # namespace and name, as expat joins them
MAX_BYTES: Final = 1 << 28  # of JSON in one picture; a hundred thousand operations take less than a quarter of it


def unpack(data: bytes) -> str:
    """The JSON text in an SVG picture.

    Args:
        data: The SVG file.

    Raises:
        GraphError: It is no complete XML, has a document type, or carries no graph, a damaged one or several.
    """
    packed = _Finder().search(data)
    try:
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(base64.b64decode("".join(packed.split()), validate=True), MAX_BYTES)
        if unpacker.unconsumed_tail:
            raise GraphError(f"the graph in this picture is larger than {MAX_BYTES >> 20} MB")
        if not unpacker.eof:
            raise GraphError("the graph in this picture is damaged: it ends too early")
        return text.decode("utf-8")
    except (zlib.error, binascii.Error, UnicodeError) as error:
        raise GraphError(f"the graph in this picture is damaged: {error}") from error


@dataclass
class _Finder:
    """Goes through a document and keeps what our elements hold."""

    found: list[list[str]] = field(default_factory=list)
    inside: bool = False

    def search(self, data: bytes) -> str:
        """The content of the one element there is."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = _refuse_doctype  # entities, and with them their expansion, need one
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise GraphError(f"no complete SVG picture: {error}") from error
        if len(self.found) > 1:
            raise GraphError(f"this picture carries {len(self.found)} graphs; only a picture of one can be drawn again")
        if not self.found:
            raise GraphError("this picture carries no graph: it is not of graphtrace, or was written with --no-embed")
        return "".join(self.found[0])

    def _start(self, name: str, _attributes: object) -> None:
        self.inside = name == ELEMENT
        if self.inside:
            self.found.append([])

    def _end(self, _name: str) -> None:
        self.inside = False

    def _text(self, words: str) -> None:
        if self.inside:
            self.found[-1].append(words)


def _refuse_doctype(*_: object) -> None:
    raise GraphError("a picture with a document type (<!DOCTYPE ...>) is not read: leave that line out")
