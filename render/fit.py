"""Fits a drawing to a page: of its drawings, the one with the most detail that can be read there.

The user's own choices stay. What was left open is tried in turn: the direction, tensors as boxes or operations alone,
what repeats drawn once, small things left out, modules closed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from render import text
from render.compose import choose_style
from render.drawing import Drawing
from render.errors import RenderError
from render.options import DIRECTIONS
from render.page import Target, smallest
from render.scene import Direction, Scene
from render.views.auto import MAX_BOXES, auto, closings, count_boxes, opened
from render.views.bundle import bundled, joined
from render.views.closing import close
from render.views.fold import alike_once
from render.views.levels import select
from render.views.phase import forward
from render.views.roll import roll
from render.views.skip import skip
from render.views.subgraph import note
from tracer.graph import Graph, Scope

LOOP: Final = "loop"  # what an operation is called that stands for all turns of one
_FEWER: Final = 0.88  # boxes of one try to those of the one before
_FEW: Final = 24  # from so many on one box less is tried
_BETTER: Final = 1.2  # how much larger the text must be for the figure to be turned
_BREAK: Final = 0.12  # of the size of text is what a break counts for
_HIGH: Final = 0.25  # power of the height that counts, where a page is as high as the figure needs
_RANK_GAP, _BOX_GAP = 24.0, 16.0  # free beside a box, along and across the flow: less than layout ever leaves
_LEAST: Final = 40.0  # sides of the smallest box there is, with some of the room around it
_ITEMS: Final = {  # what is left out, and what it is called
    "counts": "numbers of parameters and operations",
    "constants": "constants",
    "results": "names of results",
    "shapes": "shapes",
    "gradients": "gradients",
}
_TRIMS: Final = (  # one after the other; of shapes and names first the one, then the other
    ("counts",),
    ("counts", "constants"),
    ("counts", "constants", "results"),
    ("counts", "constants", "shapes"),
    ("counts", "constants", "results", "shapes"),
    tuple(_ITEMS),
)
_FULL: Final = 0.6  # of a page is covered by boxes at most; the rest is what the arrows need


def fitted(drawing: Drawing, *targets: Target) -> Drawing:
    """The drawing with the most detail that can be read on a page.

    Args:
        drawing: A graph with the user's options; those that were chosen stay.
        *targets: Pages, tried in their order with each drawing.

    Returns:
        A drawing whose scene has exactly the page's size, in pixels of 1/96 inch, and no text below the least size.
        What was folded, closed or left out for that is one sentence in its `notes`, which is not in the picture.

    Raises:
        RenderError: None fits; the message says what the user can do.
    """
    largest = max(targets, key=_most)
    smaller = drawing
    for view in _views(drawing):
        smaller = replace(drawing, drawn=view)
        if len(view.nodes) > _most(largest):
            continue
        ways = list(_trimmed(smaller))
        smaller = ways[-1][0]
        if not any(best(smaller, target) for target in targets):  # with the least detail it fits if in any way
            continue
        for way, made_small in ways:
            found = next(filter(None, (best(way, target) for target in targets)), None)
            if found is not None:
                found.said.extend(_told(found, made_small, len(_whole(drawing).nodes)))
                return found
    raise RenderError(_refusal(drawing, smaller, targets))


def best(drawing: Drawing, target: Target) -> Drawing | None:
    """The drawing on a page, turned where that makes it fit or its text much larger; None where it does not fit."""
    rivals = [each for each in _turned(drawing, target) if smallest(each.scene) >= target.least]
    if not rivals:
        return None
    return max(rivals, key=lambda each: _reads(each.scene) * (_BETTER if each is rivals[0] else 1.0))


def _reads(scene: Scene) -> float:
    """How well a figure reads: by the size of its text, and worse with each row that it is broken into, and if high."""
    return smallest(scene) / (1 + _BREAK * (scene.rows - 1)) / math.pow(max(1.0, scene.height), _HIGH)


def detailed(drawing: Drawing) -> Drawing:
    """The drawing with the most detail that one reads in several figures: what repeats is drawn once, no more."""
    whole = _whole(drawing)
    if _is_chosen(drawing) or count_boxes(whole) <= MAX_BOXES:
        return replace(drawing, drawn=whole)
    return replace(drawing, drawn=alike_once(roll(whole)))


def least(drawing: Drawing) -> Graph:
    """What is drawn when everything is folded and closed that may be."""
    whole = _whole(drawing)
    return whole if _is_chosen(drawing) else _loops_closed(auto(alike_once(roll(whole)), boxes=1))


def may_fit(scene: Scene, target: Target, direction: Direction) -> bool:
    """Whether the boxes of a scene that is not placed are not too many or too large for a page.

    Args:
        scene: As composed.
        target: The page.
        direction: That it is to be placed in.
    """
    width, height = (side / target.scale for side in target.room)
    across = direction == "LR"
    along, aside = (width, height) if across else (height, width)
    boxes = [box for box in scene.boxes if box.kind != "group"]
    sizes = [(box.width, box.height) if across else (box.height, box.width) for box in boxes]
    if any(length > along or breadth > aside for length, breadth in sizes):
        return False
    area = sum((length + _RANK_GAP) * (breadth + _BOX_GAP) for length, breadth in sizes)
    return area <= _FULL * (along + _RANK_GAP) * (aside + _BOX_GAP)


def _turned(drawing: Drawing, target: Target) -> list[Drawing]:
    """The drawing on a page in its own direction, and in the other unless the user chose one; none that cannot fit."""
    scene = drawing.composed
    free = drawing.options.direction is None and not drawing.options.theme.direction
    directions = sorted(DIRECTIONS, key=lambda each: each != scene.direction) if free else [scene.direction]
    return [
        replace(drawing, page=target, options=replace(drawing.options, direction=each))
        for each in directions
        if may_fit(scene, target, each)
    ]


def _most(target: Target) -> float:
    """How many operations can be drawn on a page, were they all as small as one can be."""
    width, height = (side / target.scale for side in target.room)
    return _FULL * width * height / (_LEAST * _LEAST)


def _views(drawing: Drawing) -> Iterator[Graph]:
    """The graph whole, with what repeats drawn once, then with more and more modules closed, and loops last.

    Where the user said what is to be drawn, that alone.
    """
    whole = _whole(drawing)
    yield whole
    if _is_chosen(drawing):
        return
    once = alike_once(roll(whole))
    if once is not whole:
        yield once
    items = drawing.options.items("data")
    made = bundled(opened(drawing.graph if "backward" in items else forward(drawing.graph)))
    for closed in closings(made, _counts(count_boxes(made)), count_boxes(whole)):
        yield closed if "views" in items else skip(closed)
    looped = _loops_closed(once)
    if looped is not once:
        yield looped


def _counts(whole: int) -> Iterator[int]:
    """How many boxes to try: ever fewer, one by one where each can be seen."""
    count = whole
    while count > 1:
        count = count - 1 if count <= _FEW else int(_FEWER * count)
        yield count


def _loops_closed(graph: Graph) -> Graph:
    """The graph with one operation in place of each loop."""
    closing: dict[int, Scope] = {}
    for scope in graph.scopes:
        around = None if scope.parent is None else closing.get(scope.parent)
        if around is not None or scope.kind == "loop":
            closing[scope.id] = around or scope
    if not closing:
        return graph
    number = len({scope.id for scope in closing.values()})
    closed = close(graph, closing)
    nodes = (replace(node, op=LOOP) if node.scope in closing else node for node in closed.nodes)
    return note(
        replace(closed, nodes=tuple(nodes)), "1 loop is closed" if number == 1 else f"{number} loops are closed"
    )


def _is_chosen(drawing: Drawing) -> bool:
    """Whether the user, or who made the drawing, said what of the graph is drawn."""
    options = drawing.options
    return drawing.drawn is not None or bool(options.view) or options.level != "auto" or options.depth is not None


def _whole(drawing: Drawing) -> Graph:
    """What was chosen, or else the graph at the level of functions."""
    if _is_chosen(drawing):
        return drawing.view
    return select(drawing.graph, level="function", items=drawing.options.items("data"))


def _trimmed(drawing: Drawing) -> Iterator[tuple[Drawing, Sequence[str]]]:
    """A drawing whole, then with one thing after another left out: forms of a tensor, tensors, shapes, gradients."""
    closed = [str(note).partition(" to draw ")[0].partition("; --")[0] for note in drawing.view.meta.get("notes", ())]
    plain = replace(drawing, drawn=replace(drawing.view, meta={**drawing.view.meta, "notes": ()}))
    ways: list[tuple[Drawing, tuple[str, ...]]] = [(plain, ())]
    bare = skip(plain.view)
    if "views" not in drawing.options.show and len(bare.nodes) < len(plain.view.nodes):
        ways.append((replace(plain, drawn=bare), ("what only shows a tensor in another form",)))
    if drawing.options.style is None and _style(drawing) == "data":
        options = replace(drawing.options, style="operations")
        ways += [(replace(way, options=options), (*left_out, "boxes of tensors")) for way, left_out in ways]
    way, left_out = ways[-1]
    free = [item for item in _ITEMS if item not in way.options.show and item not in way.options.hide]
    for trim in dict.fromkeys(tuple(item for item in trim if item in free) for trim in _TRIMS):
        hidden = replace(way, options=replace(way.options, hide=(*way.options.hide, *trim)))
        ways += [(hidden, (*left_out, *(_ITEMS[item] for item in trim)))] if trim else []
    way, left_out = ways[-1]
    lean = joined(way.view)
    if lean is not way.view and {"results", "shapes"} <= {*way.options.hide} and _style(way) == "operations":
        ways.append((replace(way, drawn=lean), (*left_out, "second arrows between the same two boxes")))
    for way, left_out in ways:
        yield way, (*closed, *([f"left out: {', '.join(left_out)}"] if left_out else []))


def _style(drawing: Drawing) -> str:
    return choose_style(drawing.view, drawing.options)


def _told(drawing: Drawing, made_small: Sequence[str], operations: int) -> Iterator[str]:
    """One sentence on all that was done to make it small, and how many boxes there are for how many operations."""
    if made_small:
        boxes = sum(box.kind not in ("group", "tag") for box in drawing.scene.boxes)
        seen = f"{text.count(boxes)} boxes for {text.count(operations)} operations"
        yield f"to fit: {'; '.join(made_small)}; {seen}; --split draws all of it"


def _refusal(drawing: Drawing, smallest_one: Drawing, targets: Sequence[Target]) -> str:
    boxes = sum(box.kind != "group" for box in smallest_one.composed.boxes)
    return (
        f"{drawing.graph.name} does not fit {' or '.join(map(str, targets))}: "
        f"drawn as small as can be it still has {boxes:,} boxes; "
        "add --split for several figures, or take a larger --size"
    )
