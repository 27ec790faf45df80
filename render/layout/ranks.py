"""Gives the nodes of a directed graph ranks so that edges lead forward and are short."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ROUNDS: Final = 6  # of tightening; more than four have not been seen to change anything
PART_ROUNDS: Final = 12  # likewise of whole parts
FEW: Final = 4  # readers; the lines of what has more of them run along most of the picture in any case

NONE: Final[Mapping[int, int]] = MappingProxyType({})


def back_edges(count: int, edges: Sequence[tuple[int, int]]) -> set[int]:
    """Numbers of the edges to turn round so that the graph has no cycle (loops on one node among them).

    Depth-first search, from nodes without predecessors first: an edge to a node that is still open leads back.

    Args:
        count: Number of nodes; they are numbered from 0.
        edges: Pairs of tail and head.
    """
    out: list[list[int]] = [[] for _ in range(count)]
    entered = [False] * count
    for index, (tail, head) in enumerate(edges):
        out[tail].append(index)
        entered[head] = True
    back: set[int] = set()
    state = bytearray(count)  # 0 new, 1 open, 2 done
    for root in sorted(range(count), key=lambda node: entered[node]):
        if state[root]:
            continue
        state[root] = 1
        stack = [(root, iter(out[root]))]
        while stack:
            node, rest = stack[-1]
            for index in rest:
                head = edges[index][1]
                if state[head] == 1:
                    back.add(index)
                elif not state[head]:
                    state[head] = 1
                    stack.append((head, iter(out[head])))
                    break
            else:
                state[node] = 2
                stack.pop()
    return back


def rank(
    count: int,
    edges: Mapping[tuple[int, int], int],
    entered: Mapping[int, int] = NONE,
    left: Mapping[int, int] = NONE,
    *,
    late: bool = False,
    span: Sequence[int] | None = None,
) -> list[int]:
    """Ranks from 0: every edge leads to one behind all those that its tail fills.

    Longest paths, then tightening: what only feeds one place (a weight, a constant, a row of a tensor that is read row
    by row) moves up to it, the rest moves to the side on which it has more edges, each by itself and then in parts.

    Args:
        count: Number of nodes.
        edges: How many lead from one node to another, without cycles.
        entered: How many more come to a node from before all ranks.
        left: How many more lead from a node to behind all ranks.
        late: Whether every source stands by its first reader, rather than with others in the first rank.
        span: How many ranks each node fills, from its own on; one unless given.
    """
    before, after = _neighbours(count, edges)
    span = [1] * count if span is None else span
    topological, ranks = _longest_paths(before, after, span)
    pull = [left.get(node, 0) - entered.get(node, 0) for node in range(count)]
    for (tail, head), many in edges.items():
        pull[tail] += many
        pull[head] -= many
    fixed = {*entered, *left}
    feeds_one = [False] * count  # this node, and all behind it that is not read all over anyway, serve a single reader
    for node in topological:
        feeds_one[node] = (
            node not in fixed
            and len(after[node]) == 1
            and all(feeds_one[other] or not before[other] or len(after[other]) > FEW for other in before[node])
        )
    for _ in range(ROUNDS):
        if not _tighten(topological, before, after, feeds_one, pull, fixed, ranks, span):
            break
    for _ in range(PART_ROUNDS):
        moved = [_tighten_parts(after, ranks, span, pull, late=late) for late in (True, False)]
        if not any(moved):
            break
    if not late:
        _first_column(before, fixed, ranks)
    return ranks


def early_ranks(count: int, edges: Iterable[tuple[int, int]]) -> list[int]:
    """How many nodes lie before each on the longest way to it; arguments as for `rank`."""
    return _longest_paths(*_neighbours(count, edges), [1] * count)[1]


def _neighbours(count: int, edges: Iterable[tuple[int, int]]) -> tuple[list[list[int]], list[list[int]]]:
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for tail, head in edges:
        after[tail].append(head)
        before[head].append(tail)
    return before, after


def _longest_paths(before: list[list[int]], after: list[list[int]], span: Sequence[int]) -> tuple[list[int], list[int]]:
    waiting = [len(nodes) for nodes in before]
    ranks = [0] * len(before)
    queue = [node for node, count in enumerate(waiting) if not count]
    for node in queue:
        for head in after[node]:
            ranks[head] = max(ranks[head], ranks[node] + span[node])
            waiting[head] -= 1
            if not waiting[head]:
                queue.append(head)
    return queue, ranks


def _tighten(
    topological: list[int],
    before: list[list[int]],
    after: list[list[int]],
    feeds_one: list[bool],
    pull: list[int],
    fixed: set[int],
    ranks: list[int],
    span: Sequence[int],
) -> bool:
    """Moves each node within its freedom, last ones first; whether any moved."""
    moved = False
    for node in reversed(topological):
        if not after[node]:
            continue
        late = min(ranks[head] for head in after[node]) - span[node]
        early = max((ranks[tail] + span[tail] for tail in before[node]), default=0)
        source = not before[node] and node not in fixed
        if feeds_one[node] or source or pull[node] > 0:
            best = late
        elif pull[node] < 0:
            best = early
        else:
            best = ranks[node]
        if best != ranks[node]:
            ranks[node] = best
            moved = True
    return moved


def _tighten_parts(
    after: list[list[int]], ranks: list[int], span: Sequence[int], pull: Sequence[int], *, late: bool
) -> bool:
    """Moves parts, within which edges are as short as they can be, to the side to which more edges lead; if any move.

    As all move the same way, none comes in the way of another.
    """
    part = _parts(after, ranks, span)
    weight: dict[int, int] = {}
    room: dict[int, int] = {}
    for node, mine in enumerate(part):
        weight[mine] = weight.get(mine, 0) + pull[node]  # edges within the part cancel each other out
        for head in after[node]:
            if part[head] != mine:
                other, slack = mine if late else part[head], ranks[head] - ranks[node] - span[node]
                room[other] = min(room.get(other, slack), slack)
    moves = {
        each: free if late else -free for each, free in room.items() if (weight[each] if late else -weight[each]) > 0
    }
    for node, mine in enumerate(part if moves else ()):
        ranks[node] += moves.get(mine, 0)
    return bool(moves)


def _parts(after: list[list[int]], ranks: list[int], span: Sequence[int]) -> list[int]:
    """For each node one that stands for all that hang together by edges as short as they can be."""
    leader = list(range(len(ranks)))

    def find(node: int) -> int:
        while leader[node] != node:
            leader[node] = leader[leader[node]]
            node = leader[node]
        return node

    for node, heads in enumerate(after):
        for head in heads:
            if ranks[head] - ranks[node] == span[node]:
                one, other = sorted((find(node), find(head)))
                leader[other] = one
    return [find(node) for node in range(len(ranks))]


def _first_column(before: list[list[int]], fixed: set[int], ranks: list[int]) -> None:
    """Sources one step behind the first rank join it: inputs in one column read better than in two."""
    if 0 in ranks:
        for node, tails in enumerate(before):
            if not tails and node not in fixed and ranks[node] == 1:
                ranks[node] = 0
