"""Lines of text as DrawingML: paragraphs of a fixed height in runs of one font and colour each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from render import text
from render.pptx.spelling import emu, filled, moved, named, points, safe
from render.scene import Anchor, Text

SANS: Final = "Arial"  # the font that texts are measured in, and its twin with equal letters
MONO: Final = "Courier New"
_ALIGN: Final[dict[Anchor, str]] = {"start": "l", "middle": "ctr", "end": "r"}
_DROP: Final = -25_000  # of a subscript, in thousandths of a percent

Lines = Sequence[Sequence[Text]]


@dataclass(frozen=True, slots=True)
class Setting:
    """How lines are set.

    Attributes:
        lang: Of the words, as IETF tag, so that spelling is checked in that language.
        align: Which side the lines keep.
        anchor: Where they stand in their box: `t` at the top, `ctr` in the middle.
        left: Room left of them, in pixels of the slide.
        top: Room above them.
        pitch: From line to line in pixels of the slide; 0 for what the font says, which all programs set alike.
    """

    lang: str = "en-US"
    align: Anchor = "middle"
    anchor: Literal["t", "ctr"] = "ctr"
    left: float = 0.0
    top: float = 0.0
    pitch: float = 0.0


def body(lines: Lines, setting: Setting) -> str:
    """The text of a shape."""
    rows = "".join(_paragraph(line, setting) for line in lines) or "<a:p/>"
    room = f'lIns="{emu(setting.left)}" tIns="{emu(setting.top)}" rIns="0" bIns="0"'
    return (
        f'<p:txBody><a:bodyPr wrap="none" {room} rtlCol="0" anchor="{setting.anchor}"><a:noAutofit/></a:bodyPr>'
        f"<a:lstStyle/>{rows}</p:txBody>"
    )


def _paragraph(line: Sequence[Text], setting: Setting) -> str:
    size = max((run.size for run in line), default=setting.pitch / 1.25)
    pitch = f'<a:lnSpc><a:spcPts val="{points(setting.pitch)}"/></a:lnSpc>' if setting.pitch else ""
    runs = "".join(_run(run, setting) for run in line)
    end = f'<a:endParaRPr lang="{setting.lang}" sz="{points(size)}"/>' if not runs else ""
    return f'<a:p><a:pPr algn="{_ALIGN[setting.align]}">{pitch}</a:pPr>{runs}{end}</a:p>'


def _run(run: Text, setting: Setting) -> str:
    """A run, its subscript and what follows that; nothing for one without words."""
    below = _set(run.subscript, run, setting, f' baseline="{_DROP}"')
    return _set(run.text, run, setting, "") + below + _set(run.after, run, setting, "")


def _set(words: str, run: Text, setting: Setting, below: str) -> str:
    if not words:
        return ""
    weight = ' b="1"' if run.bold else ""
    face = MONO if run.mono else SANS
    return (
        f'<a:r><a:rPr lang="{setting.lang}" sz="{points(run.size)}"{weight}{below} dirty="0">'
        f'{filled(run.color)}<a:latin typeface="{face}"/><a:ea typeface="{face}"/><a:cs typeface="{face}"/></a:rPr>'
        f"<a:t>{_kept(words)}</a:t></a:r>"
    )


def _kept(words: str) -> str:
    """Words with the spaces at their ends, which belong to them."""
    body = safe(words)
    lead, trail = len(words) - len(words.lstrip(" ")), len(words) - len(words.rstrip(" "))
    return " " * lead + body.strip(" ") + " " * (trail if body.strip(" ") else 0)


def label(
    number: int, name: str, lines: Lines, box: tuple[float, float, float, float], setting: Setting, words: str = ""
) -> str:
    """Lines that stand by themselves in a frame without border (left, top, width and height in pixels of the slide)."""
    told = words or "\n".join(text.plain(line) for line in lines).strip() or name.strip("!")
    return (
        f'<p:sp><p:nvSpPr>{named(number, name, told)}<p:cNvSpPr txBox="1"/><p:nvPr/></p:nvSpPr>'
        f'<p:spPr>{moved(*box)}<a:prstGeom prst="rect"><a:avLst/></a:prstGeom><a:noFill/></p:spPr>'
        f"{body(lines, setting)}</p:sp>"
    )
