"""PPTX: slides of PowerPoint with shapes, connectors and texts that one can edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from render import text
from render.formats import register
from render.pptx.package import HEIGHT, WIDTH, Leaf, packed
from render.pptx.picture import Picture
from render.pptx.spelling import Place, moved
from render.pptx.words import Setting, body

if TYPE_CHECKING:
    from render.drawing import Drawing
    from render.scene import Scene

_MARGIN: Final = 56.0
_TOP: Final = 120.0  # of what stands below the title
_LARGEST: Final = 1.5  # scale of a small picture


@register(
    "pptx",
    suffixes=(".pptx",),
    mime="application/vnd.openxmlformats-officedocument.presentationml.presentation",
    help_text="slide of shapes to edit in PowerPoint",
    binary=True,
)
def write(drawing: Drawing) -> bytes:
    """The picture as a slide of shapes, and of connectors that hold on to them."""
    scene, theme = drawing.scene, drawing.options.theme
    picture = Picture(scene, _fitted(scene), "en-US", 3)
    title = _title(scene.name, theme.text)
    leaf = Leaf(title + "".join(picture.shapes(scene)), scene.description)
    return packed([leaf], title=scene.name, subject=scene.description, lang="en-US", theme=theme)


def _fitted(scene: Scene) -> Place:
    """The middle of the slide, below the title."""
    width, height = WIDTH - 2 * _MARGIN, HEIGHT - _TOP - _MARGIN / 2
    scale = min(width / scene.width, height / scene.height, _LARGEST)
    return Place((WIDTH - scale * scene.width) / 2, _TOP + (height - scale * scene.height) / 2, scale)


def _title(words: str, color: str) -> str:
    line = [text.run(text.elide(text.clean(words), 80), 34.0, color)]
    setting = Setting(align="start")
    return (
        '<p:sp><p:nvSpPr><p:cNvPr id="2" name="Title"/><p:cNvSpPr><a:spLocks noGrp="1"/></p:cNvSpPr>'
        f'<p:nvPr><p:ph type="title"/></p:nvPr></p:nvSpPr><p:spPr>{moved(_MARGIN, 36, WIDTH - 2 * _MARGIN, 60)}'
        f"</p:spPr>{body([line], setting)}</p:sp>"
    )
