"""Lets a group that is long along the flow span several ranks, so that what runs beside it need not wait for its end.

Of the ranks that it would fill, those stay in which something stands beside it: a group alone has one, as any box.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from render.layout.levels import Plan
    from render.layout.sheet import Sheet

GAP: Final = 48.0  # about what lies between two ranks


def spans(plan: Plan, members: Sequence[int]) -> list[int]:
    """How many ranks each member of a level fills; the turns of a loop side by side fill one each."""
    groups = [box for box in members if box in plan.levels]
    if not groups or len(members) < 2 or any(plan.scene.boxes[box].column is not None for box in members):
        return [1] * len(members)
    plain = [plan.length[box] for box in members if box not in plan.levels]
    usual = sum(plain) / len(plain) if plain else min(plan.length[box] for box in groups)
    return [max(1, round((plan.length[box] + GAP) / (usual + GAP))) if box in plan.levels else 1 for box in members]


def closed_up(ranks: Sequence[int], span: Sequence[int]) -> tuple[list[int], list[int]]:
    """First and last ranks of all members, without the ranks in which none begins."""
    kept = sorted(set(ranks))
    first = [bisect_left(kept, each) for each in ranks]
    last = [bisect_right(kept, each + length - 1) - 1 for each, length in zip(ranks, span, strict=True)]
    return first, last


def is_cut(sheet: Sheet) -> bool:
    """Whether a line leads from one side of a group to the other between two of the ranks that it spans."""
    spot = {node: place for layer in sheet.layers for place, node in enumerate(layer)}
    for nodes in sheet.tall.values():
        for here, there in pairwise(nodes):
            for node in sheet.layers[sheet.rank[here]]:
                for end in sheet.down[node]:
                    if (spot[node] - spot[here]) * (spot[end.node] - spot[there]) < 0:
                        return True
    return False
