"""The file around the slides: python-pptx's blank presentation made wide, in the fonts and colours of a theme."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from render import text
from render.pptx.spelling import emu
from render.pptx.words import SANS

if TYPE_CHECKING:
    from render.theme import Theme

WIDTH: Final = 1280.0  # pixels: 13.33 × 7.5 inches, 16:9
HEIGHT: Final = 720.0
_NAMES: Final = " ".join(
    f'xmlns:{prefix}="http://schemas.openxmlformats.org/{path}/2006/{name}"'
    for prefix, path, name in (
        ("a", "drawingml", "main"),
        ("r", "officeDocument", "relationships"),
        ("p", "presentationml", "main"),
    )
)
# What PowerPoint 2019 and later move from slide to slide; older ones, and other programs, fade.
_MORPH: Final = (
    '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    f'xmlns:p159="http://schemas.microsoft.com/office/powerpoint/2015/09/main" {_NAMES}>'
    '<mc:Choice Requires="p159"><p:transition spd="med"><p159:morph option="byObject"/></p:transition></mc:Choice>'
    '<mc:Fallback><p:transition spd="med"><p:fade/></p:transition></mc:Fallback></mc:AlternateContent>'
)
_WHEN: Final = datetime(2000, 1, 1)  # the same file from the same run, whenever that is
_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can say


@dataclass(frozen=True, slots=True)
class Leaf:
    """One slide.

    Attributes:
        shapes: XML of its shapes, from the lowest to the uppermost; the first is the title.
        notes: What the speaker says.
        morphs: Whether it grows out of the slide before.
    """

    shapes: str
    notes: str = ""
    morphs: bool = False


def packed(leaves: Iterable[Leaf], *, title: str, subject: str, lang: str, theme: Theme) -> bytes:
    """A presentation as a file.

    Args:
        leaves: Its slides.
        title: Of the document.
        subject: What it shows, in a sentence.
        lang: As an IETF tag (`en-US`).
        theme: Gives the colours of the background and of what a user adds.
    """
    from pptx import Presentation
    from pptx.util import Emu

    deck = Presentation()
    deck.slide_width, deck.slide_height = Emu(emu(WIDTH)), Emu(emu(HEIGHT))
    _told(deck.core_properties, title, subject, lang)
    layout = _layout(deck)
    _widen(deck.slide_master.shapes)
    _paint(deck, theme)
    for leaf in leaves:
        _add(deck, layout, leaf)
    return _zipped(deck)


def _told(about: Any, title: str, subject: str, lang: str) -> None:
    about.title, about.subject, about.language = text.clean(title)[:255], text.clean(subject)[:255], lang
    about.author, about.last_modified_by, about.comments = "graphtrace", "graphtrace", ""
    about.created = about.modified = _WHEN


def _layout(deck: Any) -> Any:
    """The layout with a title; all others are dropped, and so is what the template brings of its author's machine."""
    (kept,) = (each for each in deck.slide_layouts if each.name == "Title Only")
    for layout in [each for each in deck.slide_layouts if each is not kept]:
        deck.slide_layouts.remove(layout)
    for rels in (deck.part.rels, deck.part.package._rels):
        for key in [key for key, rel in rels.items() if rel.reltype.endswith(("/printerSettings", "/thumbnail"))]:
            rels.pop(key)
    return kept


def _widen(shapes: Any) -> None:
    """Moves the placeholders of a page of 4:3 to one of 16:9."""
    for shape in shapes:
        shape.left, shape.width = round(shape.left * 4 / 3), round(shape.width * 4 / 3)


def _paint(deck: Any, theme: Theme) -> None:
    """Background and text of the theme are ours, and so is what a user adds; its fonts are those of the picture."""
    (part,) = (rel.target_part for rel in deck.slide_master.part.rels.values() if rel.reltype.endswith("/theme"))
    xml = part.blob.decode("utf-8").replace('"Calibri"', f'"{SANS}"').replace("Office Theme", "graphtrace")
    for name, color in (("dk1", theme.text), ("lt1", theme.background)):
        one = f'<a:{name}><a:srgbClr val="{color[1:].upper()}"/></a:{name}>'
        xml = re.sub(f"<a:{name}>.*?</a:{name}>", one, xml, count=1)
    part._blob = xml.encode("utf-8")


def _add(deck: Any, layout: Any, leaf: Leaf) -> None:
    from pptx.oxml import parse_xml

    slide = deck.slides.add_slide(layout)
    tree = slide.shapes._spTree
    for shape in list(slide.shapes):
        tree.remove(shape._element)
    for element in parse_xml(f"<p:spTree {_NAMES}>{leaf.shapes}</p:spTree>"):
        tree.append(element)
    if leaf.morphs:
        slide._element.append(parse_xml(_MORPH))
    if leaf.notes:
        slide.notes_slide.notes_text_frame.text = "\n".join(text.clean(line) for line in leaf.notes.splitlines())


def _zipped(deck: Any) -> bytes:
    """The file, its parts without the time of day."""
    raw, out = BytesIO(), BytesIO()
    deck.save(raw)
    with zipfile.ZipFile(raw) as parts, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed_again:
        for info in parts.infolist():
            packed_again.writestr(
                zipfile.ZipInfo(info.filename, _DATE), parts.read(info), zipfile.ZIP_DEFLATED, compresslevel=9
            )
    return out.getvalue()
