"""What is drawn: a `Scene` of boxes and edges, every label, colour and grouping decided, ready to be placed.

`render.compose` makes a scene from a graph and a theme, `render.layout` fills in the coordinates,
`render.formats` writes it down. Lengths are in pixels of 1/96 inch, y grows downwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Union

if TYPE_CHECKING:
    from typing import TypeAlias

Point: TypeAlias = tuple[float, float]
Direction: TypeAlias = Literal["LR", "TB"]
BoxKind: TypeAlias = Literal["operation", "tensor", "group", "tag", "swatch"]
EdgeKind: TypeAlias = Literal["value", "gradient"]
Outline: TypeAlias = Literal["rect", "rounded", "pill"]
Anchor: TypeAlias = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Text:
    """A run of text on one line.

    Attributes:
        text: As it is shown (already elided where it was too long); never markup.
        size: Font size.
        color: Six-digit hex colour.
        bold: Whether it is set in the bold weight.
        subscript: Set below the base line after `text`, for names such as `W_h`.
        subscript_size: Font size of the subscript.
        after: Follows the subscript on the base line, as the shape after `h_t`.
        width: Advance of all of it, from the shipped metrics.
        gradient: Whether it states a gradient: what is told step by step shows it once that has arrived.
        mono: Whether it is set in a face whose letters are all as wide, as code is.
    """

    text: str
    size: float
    color: str
    bold: bool = False
    subscript: str = ""
    subscript_size: float = 0.0
    after: str = ""
    width: float = 0.0
    gradient: bool = False
    mono: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """An operation, a tensor, a group around others, a small tag that repeats a tensor's name, or a sample of paint.

    Attributes:
        id: Unique in the scene, stable from run to run (`v3`, `n7`, `s2`); letters, digits and `_` only.
        kind: `operation`, `tensor`, `group`, `tag`, or `swatch` in the legend.
        lines: Rows of text from top to bottom, each a sequence of runs; centred, or at the top left in a group.
        outline: Shape of the border; `pill` has fully round ends.
        fill: Six-digit hex colour.
        stroke: Six-digit hex colour of the border.
        stroke_width: Width of the border.
        double: Whether a second border runs inside (the loss).
        dashed: Whether the border is dashed.
        across: Whether the lines stand side by side, with rules between them.
        stacked: Whether the borders of two more boxes look out behind it: it stands for several that are alike.
        tooltip: Longer text for formats that have one.
        group: Id of the group box it lies in; None at the top.
        order: Where it stands in the author's code: a hint for ties in the layout.
        column: Number of the turn of a loop that it is (the first, where it stands for several); layout lines them up.
        width: Of the box; compose sets it for all but groups, for which it is what the title needs at least.
        height: Of the box; for a group what its title needs before layout.
        x: Left edge, set by layout.
        y: Top edge, set by layout.
        title: Of a group: how far from its left edge the room for its title begins, set by layout.
        scale: Of its details (corners, dashes, second border) to their usual size; set where it is fitted to a page.
    """

    id: str
    kind: BoxKind
    lines: tuple[tuple[Text, ...], ...] = ()
    outline: Outline = "rect"
    fill: str = "#ffffff"
    stroke: str = "#6b7280"
    stroke_width: float = 1.2
    double: bool = False
    dashed: bool = False
    across: bool = False
    stacked: bool = False
    tooltip: str = ""
    group: str | None = None
    order: int = 0
    column: int | None = None
    width: float = 0.0
    height: float = 0.0
    x: float = 0.0
    y: float = 0.0
    title: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow between two boxes that are no groups.

    Attributes:
        id: Unique in the scene, stable from run to run.
        tail: Id of the box it leaves.
        head: Id of the box it enters.
        kind: `value`, or `gradient` for the dashed way back.
        order: Position among the operands of `head`, so that they enter in the order of the code.
        twin: For a gradient, the id of the value edge it runs back along (its tail is that edge's head).
        label: Text beside the line, or None.
        label_at: Centre of the label, set by layout.
        color: Six-digit hex colour.
        width: Line width.
        dashed: Whether the line is dashed.
        back: Whether it leads back to what ran before: to the next turn of a loop that is drawn once.
        against: Whether it runs against the flow, from right to left or upwards, on purpose: layout places it as if it
            led from `head` to `tail`.
        tooltip: Longer text for formats that have one.
        path: Set by layout: the start, then three points for each cubic Bezier piece (two controls and its end).
        scale: Of its dashes to their usual size; set where it is fitted to a page.
    """

    id: str
    tail: str
    head: str
    kind: EdgeKind = "value"
    order: int = 0
    twin: str | None = None
    label: Text | None = None
    label_at: Point = (0.0, 0.0)
    color: str = "#1f2937"
    width: float = 1.4
    dashed: bool = False
    back: bool = False
    against: bool = False
    tooltip: str = ""
    path: tuple[Point, ...] = ()
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Label:
    """Text that belongs to no box: title, caption, legend.

    Attributes:
        runs: Sequence of texts on one line.
        x: Anchor point.
        y: Base line.
        anchor: Which end of the text stands at `x`.
    """

    runs: tuple[Text, ...]
    x: float = 0.0
    y: float = 0.0
    anchor: Anchor = "start"


@dataclass(frozen=True, slots=True)
class Scene:
    """A whole picture.

    Attributes:
        name: What it shows, in words; becomes the title for screen readers.
        description: One or two sentences for those who cannot see it.
        boxes: Groups stand before what lies in them.
        edges: Value edges first, then gradients.
        labels: Title, caption and the words of the legend.
        samples: The lines of the legend, already placed; their ends name no boxes.
        swatches: The samples of paint in the legend, already placed.
        direction: The way values flow.
        wrap: Whether layout may break what is long and narrow into columns.
        rows: Rows, or columns, that it was broken into to come onto a page.
        late: Whether inputs stand where they are first read, rather than together: where it is to be broken.
        background: Six-digit hex colour, or empty for none.
        font: CSS font family list.
        width: Of the picture, set by layout.
        height: Of the picture, set by layout.
    """

    name: str = ""
    description: str = ""
    boxes: tuple[Box, ...] = ()
    edges: tuple[Edge, ...] = ()
    labels: tuple[Label, ...] = ()
    samples: tuple[Edge, ...] = ()
    swatches: tuple[Box, ...] = ()
    direction: Direction = "LR"
    wrap: bool = False
    rows: int = 1
    late: bool = False
    background: str = "#ffffff"
    font: str = "Arial, Helvetica, 'Liberation Sans', sans-serif"
    width: float = 0.0
    height: float = 0.0


SceneItem: TypeAlias = Union[Box, Edge, Label]
