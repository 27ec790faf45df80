"""A scene on a slide: modules as groups of what lies in them, arrows upon them, words and the legend uppermost."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from render import text
from render.painting import Line, below, beside
from render.pptx import boxes
from render.pptx.boxes import Sites
from render.pptx.connectors import Wires, told
from render.pptx.spelling import moved, named, outline
from render.pptx.words import Setting, label
from render.scene import Box, Edge, Scene


class Picture:
    """A placed scene whose parts are shown on one slide or several, under the same names and ids.

    Args:
        scene: The whole picture.
        lang: Of its words, as an IETF tag.
        first: The first id that is free on a slide.
    """

    def __init__(self, scene: Scene, lang: str, first: int) -> None:
        self.scene, self.lang, self.first = scene, lang, first
        self.sites, self.wires = Sites(scene), Wires(scene.edges)
        self.by_id = {box.id: box for box in scene.boxes}

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The id of each shape, by its name."""
        names: list[str] = []
        for box in (*self.scene.boxes, *self.scene.swatches):
            names += [*boxes.parts(box), *([f"{box.id}g"] if box.kind == "group" else [])]
        for edge in self.scene.edges:
            names += [*self.wires.parts(edge), f"{edge.id}l"]
        names += [f"sample{at}" for at in range(len(self.scene.samples))]
        names += [f"label{at}" for at in range(len(self.scene.labels))]
        return {name: self.first + at for at, name in enumerate(names)}

    def shapes(self, shown: Scene) -> Iterator[str]:
        """The XML of what a slide shows, from the lowest to the uppermost.

        Args:
            shown: The scene, or what is visible of it, perhaps in other colours.
        """
        inside: dict[str | None, list[Box]] = {}
        known = {box.id for box in shown.boxes}
        for box in shown.boxes:
            inside.setdefault(box.group if box.group in known else None, []).append(box)
        yield from self._tree(inside)
        for edge in (each for each in reversed(shown.edges) if each.path and {each.tail, each.head} <= known):
            yield self.wires.shape(edge, self.numbers, self.sites, told(edge, self.by_id))
        yield from (self._beside(edge) for edge in shown.edges if edge.label is not None)
        yield from (self._sample(edge, at) for at, edge in enumerate(shown.samples))
        for swatch in shown.swatches:
            yield boxes.shape(swatch, self.numbers, self.sites, self.lang)
        for at, each in enumerate(shown.labels):
            yield self._line(f"label{at}", below(each))

    def _tree(self, inside: dict[str | None, list[Box]]) -> Iterator[str]:
        """Boxes at the top, and groups with theirs, without recursion."""
        waiting: list[Box | str] = list(reversed(inside.get(None, [])))
        while waiting:
            each = waiting.pop()
            if isinstance(each, str):
                yield each
                continue
            spelled = boxes.shape(each, self.numbers, self.sites, self.lang)
            if each.kind == "group":
                yield self._opened(each) + spelled
                waiting += ["</p:grpSp>", *reversed(inside.get(each.id, []))]
            else:
                yield spelled

    def _opened(self, box: Box) -> str:
        where = moved(box.x, box.y, box.width, box.height)
        inner = where[len("<a:xfrm>") :].replace("<a:off", "<a:chOff").replace("<a:ext", "<a:chExt")
        return (
            f"<p:grpSp><p:nvGrpSpPr>{named(self.numbers[f'{box.id}g'], f'!!{box.id}g', boxes.told(box))}"
            f"<p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr>"
            f"<p:grpSpPr>{where.removesuffix('</a:xfrm>')}{inner}</p:grpSpPr>"
        )

    def _beside(self, edge: Edge) -> str:
        assert edge.label is not None
        return self._line(f"{edge.id}l", beside(edge, edge.label))

    def _line(self, name: str, line: Line) -> str:
        """A line of text at its base line; in the middle of its frame, that is a third of its size above the base."""
        size = max((run.size for run in line.runs), default=12.0)
        height, width = text.line_height(size), text.line_width(line.runs)
        left, top = line.left, line.y - 0.33 * size - height / 2
        setting = Setting(self.lang, align=line.anchor)
        frame = (left, top, width, height)
        return label(self.numbers[name], f"!!{name}", [line.runs], frame, setting)

    def _sample(self, edge: Edge, at: int) -> str:
        """The line of a legend: a line, not a connector, since it holds on to nothing."""
        (x, y), (right, _) = edge.path[0], edge.path[-1]
        turned = ' flipH="1"' if right < x else ""
        line = outline(edge.color, edge.width, dashed=edge.dashed, arrow=True)
        return (
            f"<p:sp><p:nvSpPr>{named(self.numbers[f'sample{at}'], f'!!sample{at}', 'arrow in the legend')}"
            f"<p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr>{moved(min(x, right), y, abs(right - x), 0, turned=turned)}"
            f'<a:prstGeom prst="line"><a:avLst/></a:prstGeom>{line}</p:spPr></p:sp>'
        )
