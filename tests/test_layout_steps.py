"""The steps of the layered layout, each against a brute-force or textbook answer."""

from __future__ import annotations

from itertools import permutations
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from render.layout.levels import ROOT, cut
from render.layout.order import arrange
from render.layout.ranks import back_edges, rank
from render.layout.sheet import Sheet, stretch
from tests.scenes import operation, scene


def test_ranks_follow_the_longest_path() -> None:
    edges = [(0, 1), (1, 2), (2, 3), (0, 3)]
    assert rank(4, dict.fromkeys(edges, 1)) == [0, 1, 2, 3]


def test_what_feeds_a_late_reader_stands_next_to_it() -> None:
    # 0 -> 1 -> 2 -> 3 -> 4, and 5 -> 6 -> 4: a weight and its transpose belong before 4, not at the start.
    edges = [(0, 1), (1, 2), (2, 3), (3, 4), (5, 6), (6, 4)]
    assert rank(7, dict.fromkeys(edges, 1)) == [0, 1, 2, 3, 4, 2, 3]


def test_inputs_of_the_first_operations_share_a_column() -> None:
    # 0 -> 1 -> 2 <- 3: the sources 0 and 3 both stand at the start.
    assert rank(4, dict.fromkeys([(0, 1), (1, 2), (3, 2)], 1)) == [0, 1, 2, 0]


graphs = st.integers(1, 9).flatmap(
    lambda count: st.tuples(
        st.just(count),
        st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=20, unique=True),
    )
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(graphs)
def test_no_cycle_is_left_and_ranks_lead_forward(graph: tuple[int, list[tuple[int, int]]]) -> None:
    count, edges = graph
    back = back_edges(count, edges)
    kept = [edge for index, edge in enumerate(edges) if index not in back]
    ranks = rank(count, dict.fromkeys(kept, 1))
    assert all(ranks[tail] < ranks[head] for tail, head in kept)
    assert min(ranks) == 0


@settings(max_examples=50, deadline=None, derandomize=True)
@given(graphs)
def test_edges_without_cycles_are_left_alone(graph: tuple[int, list[tuple[int, int]]]) -> None:
    count, edges = graph
    forward = [(tail, head) for tail, head in edges if tail < head]
    assert back_edges(count, forward) == set()


def crossings(sheet: Sheet, layers: list[list[int]]) -> int:
    """Crossings, counted pair by pair."""
    spot = {node: place for layer in layers for place, node in enumerate(layer)}
    segments = [
        (sheet.rank[node], spot[node], end.here, spot[end.node], end.there)
        for layer in layers
        for node in layer
        for end in sheet.down[node]
    ]
    return sum(
        1
        for number, (rank_one, *one) in enumerate(segments)
        for rank_two, *two in segments[:number]
        if rank_one == rank_two
        and ((one[0], one[1]) < (two[0], two[1])) != ((one[2], one[3]) < (two[2], two[3]))
        and (one[0], one[1]) != (two[0], two[1])
        and (one[2], one[3]) != (two[2], two[3])
    )


def test_two_columns_are_ordered_nearly_as_well_as_can_be() -> None:
    chance = Random(0)
    found = best = 0
    for _ in range(40):
        pairs = sorted({(chance.randrange(4), chance.randrange(4, 7)) for _ in range(8)})
        sheet = sheet_of([f"b{number}" for number in range(7)], [(f"b{tail}", f"b{head}") for tail, head in pairs])
        arrange(sheet)
        found += crossings(sheet, sheet.layers)
        best += min(
            crossings(sheet, [list(first), list(second)])
            for first in permutations(sheet.layers[0])
            for second in permutations(sheet.layers[1])
        )
    assert best <= found <= 1.2 * best


def sheet_of(names: list[str], pairs: list[tuple[str, str]]) -> Sheet:
    """The layered graph of boxes of these names that some edge ends at."""
    used = {name for pair in pairs for name in pair}
    plan = cut(scene([operation(name) for name in names if name in used], pairs))
    members = plan.levels[ROOT].members
    return stretch(plan, members, plan.levels[ROOT].nets, [1] * len(members))


def test_an_expression_is_drawn_as_it_is_written() -> None:
    # (a + b) * (c + d), the boxes given in another order.
    names = ["d", "c", "mul", "b", "add2", "a", "add1"]
    pairs = [("a", "add1"), ("b", "add1"), ("c", "add2"), ("d", "add2"), ("add1", "mul"), ("add2", "mul")]
    sheet = sheet_of(names, pairs)
    arrange(sheet)
    assert [[names[node] for node in layer] for layer in sheet.layers] == [list("abcd"), ["add1", "add2"], ["mul"]]
