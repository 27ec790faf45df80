"""Gives the nodes of a directed graph ranks so that edges lead forward and are short."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

ROUNDS: Final = 6  # of tightening; more than four have not been seen to change anything
FEW: Final = 4  # readers; the lines of what has more of them run along most of the picture in any case


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
    edges: Sequence[tuple[int, int]],
    *,
    entered: Collection[int] = (),
    left: Collection[int] = (),
    late: bool = False,
) -> list[int]:
    """Ranks from 0: every edge leads to a higher one.

    Longest paths, then tightening: what only feeds one place (a weight, a constant, a row of a tensor that is read row
    by row) moves up to it, the rest moves to the side on which it has more edges.

    Args:
        count: Number of nodes.
        edges: Pairs of tail and head, without cycles.
        entered: Nodes with one more edge from before all ranks.
        left: Nodes with one more edge to behind all ranks.
        late: Whether every source stands by its first reader, rather than with others in the first rank.
    """
    before, after = _neighbours(count, edges)
    topological, ranks = _longest_paths(before, after)
    pull = [len(after[node]) - len(before[node]) for node in range(count)]
    for node in entered:
        pull[node] -= 1
    for node in left:
        pull[node] += 1
    fixed = set(entered) | set(left)
    feeds_one = [False] * count  # this node, and all behind it that is not read all over anyway, serve a single reader
    for node in topological:
        feeds_one[node] = (
            node not in fixed
            and len(after[node]) == 1
            and all(feeds_one[other] or not before[other] or len(after[other]) > FEW for other in before[node])
        )
    for _ in range(ROUNDS):
        if not _tighten(topological, before, after, feeds_one, pull, fixed, ranks):
            break
    if not late:
        _first_column(before, fixed, ranks)
    return ranks


def early_ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """How many nodes lie before each on the longest way to it; arguments as for `rank`."""
    return _longest_paths(*_neighbours(count, edges))[1]


def _neighbours(count: int, edges: Sequence[tuple[int, int]]) -> tuple[list[list[int]], list[list[int]]]:
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for tail, head in edges:
        after[tail].append(head)
        before[head].append(tail)
    return before, after


def _longest_paths(before: list[list[int]], after: list[list[int]]) -> tuple[list[int], list[int]]:
    waiting = [len(nodes) for nodes in before]
    ranks = [0] * len(before)
    queue = [node for node, count in enumerate(waiting) if not count]
    for node in queue:
        for head in after[node]:
            ranks[head] = max(ranks[head], ranks[node] + 1)
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
) -> bool:
    """Moves each node within its freedom, last ones first; whether any moved."""
    moved = False
    for node in reversed(topological):
        if not after[node]:
            continue
        late = min(ranks[head] for head in after[node]) - 1
        early = max((ranks[tail] for tail in before[node]), default=-1) + 1
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


def _first_column(before: list[list[int]], fixed: set[int], ranks: list[int]) -> None:
    """Sources one step behind the first rank join it: inputs in one column read better than in two."""
    if 0 in ranks:
        for node, tails in enumerate(before):
            if not tails and node not in fixed and ranks[node] == 1:
                ranks[node] = 0
