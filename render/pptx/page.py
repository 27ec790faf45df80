"""A slide as PowerPoint has it: the title in its placeholder, panels, code and words as text, then the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from render.blocks import Block
from render.deck import Slide
from render.pptx import boxes
from render.pptx.boxes import Sites
from render.pptx.package import Leaf
from render.pptx.picture import Picture
from render.pptx.spelling import moved, safe
from render.pptx.words import Setting, body, label
from render.scene import Scene

_TITLE: Final = 2  # the first id that is free on a slide
_RAISED: Final = 0.06  # lines of a fixed height stand lower in theirs than ours, by so much of it
_TIGHT: Final = 0.85  # of the distance of the two lines of a title: programs set them lower, too
_LANGUAGES: Final = {"en": "en-US", "ru": "ru-RU"}


def tag(lang: str) -> str:
    """The IETF tag of a language."""
    return _LANGUAGES.get(lang, lang)


def leaves(slides: Sequence[Slide], lang: str) -> list[Leaf]:
    """Every slide as XML; a shape has one name and one id on all of them.

    Args:
        slides: Of one deck.
        lang: Of its words, as an IETF tag.
    """
    names = list(dict.fromkeys(name for slide in slides for name in _names(slide)))
    numbers = {name: _TITLE + at for at, name in enumerate(sorted(names, key=lambda name: name != "title"))}
    sites = Sites(Scene(boxes=tuple(panel for slide in slides for panel in slide.panels)))
    picture = Picture(slides[0].whole, lang, _TITLE + len(names))
    found = []
    for count, slide in enumerate(slides):
        title, *blocks = slide.blocks
        shapes = [_title(title, lang)]
        shapes += [boxes.shape(panel, numbers, sites, lang) for panel in slide.panels]
        shapes += [_block(block, numbers[block.id], lang) for block in blocks]
        found.append(Leaf("".join((*shapes, *picture.shapes(slide.picture))), slide.notes, morphs=count > 0))
    return found


def _names(slide: Slide) -> list[str]:
    return [*(panel.id for panel in slide.panels), *(block.id for block in slide.blocks)]


def _title(block: Block, lang: str) -> str:
    frame, setting = block.frame, Setting(lang, align="start", pitch=_TIGHT * block.pitch)
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="{_TITLE}" name="{safe(block.id.title())}"/>'
        '<p:cNvSpPr><a:spLocks noGrp="1"/></p:cNvSpPr>'
        '<p:nvPr><p:ph type="title"/></p:nvPr></p:nvSpPr>'
        f"<p:spPr>{moved(frame.x, frame.y, frame.width, frame.height)}</p:spPr>{body(block.lines, setting)}</p:sp>"
    )


def _block(block: Block, number: int, lang: str) -> str:
    frame, setting = block.frame, Setting(lang, align="start", anchor="t", pitch=block.pitch)
    place = (frame.x, frame.y - _RAISED * block.pitch, frame.width, frame.height)
    return label(number, f"!!{block.id}", block.lines, place, setting)
