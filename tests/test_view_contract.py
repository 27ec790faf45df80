"""What holds for every view, and for every view after every other, on the graphs of tests/graphs.py."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from render import RenderError, draw
from render.options import STYLES
from render.views import asking, get, views
from tests.geometry import problems
from tests.graphs import GRAPHS, chain, empty, failed, mlp, residual_net, rnn_cell, shared
from tracer.graph import Graph

NAMES = tuple(views())
BARE = tuple(name for name in NAMES if get(name).bare)  # what can be asked for without options


def assert_sound(graph: Graph) -> None:
    """References resolve, ids are unique, a parent stands before its children, a value is made before it is read."""
    assert Graph.from_json(graph.to_json()) == graph  # reading checks every reference
    assert len(graph.node_by_id) == len(graph.nodes)
    assert len(graph.value_by_id) == len(graph.values)
    seen: set[int | None] = {None}
    for scope in graph.scopes:
        assert scope.parent in seen
        seen.add(scope.id)
    made: set[int] = set()
    for node in graph.nodes:
        assert all(value in made or value not in graph.producer for value in node.inputs), node
        made.update(node.outputs)


@pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize("name", NAMES)
def test_a_view_gives_a_sound_graph_always_the_same_and_leaves_its_argument_alone(
    name: str, build: Callable[[], Graph]
) -> None:
    graph = build()
    shown = get(name).apply(graph)
    assert graph == build()
    assert shown == get(name).apply(build())
    assert {value.id for value in graph.values} <= {value.id for value in shown.values}
    assert_sound(shown)


@pytest.mark.parametrize("build", [rnn_cell, lambda: residual_net(3)], ids=["rnn_cell", "residual_net"])
@pytest.mark.parametrize(("first", "then"), list(itertools.permutations(NAMES, 2)))
def test_a_view_composes_with_every_other(first: str, then: str, build: Callable[[], Graph]) -> None:
    assert_sound(get(then).apply(get(first).apply(build())))
    levels = {name for name in (first, then) if get(name).level}
    if "autograd" in levels and len(levels) > 1:
        with pytest.raises(RenderError, match="both say what a box stands for"):
            draw(build(), view=[first, then])
    elif {first, then} <= {*BARE}:
        assert draw(build(), view=[first, then]).composed.boxes


WISHES = (
    *BARE, "collapse:to=modules", "collapse:to=kernels", "collapse:depth=0", "collapse:depth=1", "auto:boxes=3",
    "fold:pattern=none", "fold:pattern=conv+norm", "fold:least=3", "roll:turns=3", "time:steps=2", "focus:hops=0",
    "phase:keep=forward,keep=backward", "phase:keep=backward",
)  # fmt: skip
BUILDS = (rnn_cell, lambda: residual_net(3), lambda: chain(5), mlp, shared, failed)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(BUILDS), st.lists(st.sampled_from(WISHES), min_size=2, max_size=3), st.sampled_from(STYLES))
def test_views_with_options_compose_and_are_placed_soundly(
    build: Callable[[], Graph], wishes: list[str], style: str
) -> None:
    try:
        drawing = draw(build(), view=wishes, style=style)
        assert_sound(drawing.view)
    except RenderError:  # a rule that fits nothing there, say
        return
    assert problems(drawing.scene) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_view_of_nothing_is_nothing(name: str) -> None:
    assert get(name).apply(empty()).nodes == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_view_does_not_recurse_on_the_length_of_a_graph(name: str) -> None:
    assert_sound(get(name).apply(chain(5_000)))


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_documented_and_has_a_default(name: str) -> None:
    for option in asking.options(get(name)).values():
        assert option.help, f"{name}:{option.name} is not in the docstring's Args"
        assert option.default is not type(None)
        assert option.usage.startswith(f"{option.name}=")


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_value_of_any_option_is_refused_with_what_is_allowed(name: str) -> None:
    for option in asking.options(get(name)).values():
        wrong = {int: -1, bool: "perhaps"}.get(option.kind, 3)  # type: ignore[call-overload]
        with pytest.raises(RenderError, match=rf"{name}:{option.name} must be "):
            asking.asked([(name, {option.name: wrong})])
        if option.choices:
            with pytest.raises(RenderError, match=r"unknown value of .* \(must be one of "):
                asking.asked(f"{name}:{option.name}=nothing")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"view": "hide"}, r"'hide' needs to know what: write hide:module=PATTERN or hide:type=PATTERN or"),
        ({"view": "collapse:depth=1", "level": "module"}, r"both say what a box stands for.*collapse:to=modules"),
        ({"view": "autograd", "level": "kernel"}, r"level 'kernel' and view 'autograd' both say .*: leave out one$"),
        ({"view": ["collapse", "autograd"]}, r"views 'collapse' and 'autograd' both say .*: leave out one$"),
        ({"view": "autograd", "depth": 1}, r"depth and view 'autograd' both say what is closed: leave out one$"),
        ({"view": "collapse", "depth": 1}, r"leave out one, or write collapse:depth=1"),
        ({"view": "backward", "hide": "backward"}, r"view 'backward' draws what is to be hidden, 'backward'"),
        ({"view": "phase:keep=backward", "hide": "backward"}, r"view 'phase' draws what is to be hidden"),
    ],
)
def test_what_contradicts_a_view_is_refused_before_anything_is_drawn(options: dict[str, str], message: str) -> None:
    with pytest.raises(RenderError, match=message):
        draw(rnn_cell(), **options)


def test_a_phase_that_did_not_run_is_refused_with_those_that_did() -> None:
    with pytest.raises(RenderError, match=r"nothing is left to draw: no update ran; keep one of forward, backward"):
        draw(rnn_cell(), view="phase:keep=update").view  # noqa: B018 - made when asked for
    assert draw(rnn_cell(), view="phase:keep=forward,keep=update").view.nodes


def wrong(name: str) -> list[tuple[str, str]]:
    """For a view and each option of it: what nobody can ask for, with what the refusal says."""
    found = [(f"{name}:no_such=1", "no_such"), (f"{name}:1", "write a view as"), (f"{name}x", "unknown view")]
    for option in asking.options(get(name)).values():
        asked = f"{name}:{option.name}"
        found.append((f"{asked}=", "cannot be read"))
        if option.choices:
            found.append((f"{asked}={option.choices[0]}x", f"did you mean '{option.choices[0]}'"))
        elif option.kind is int:
            found.extend((f"{asked}={value}", "whole number") for value in ("-1", "1.5", "many", "1e9", "\u0663"))
            found.append((f"{asked}=3,{option.name}=4", "one whole number"))
        elif option.kind is bool:
            found.append((f"{asked}=perhaps", "yes or no"))
        else:
            found.append((f"{asked}=no.such", r"no\.such"))
    return found


@pytest.mark.parametrize(("wish", "message"), [each for name in NAMES for each in wrong(name)])
def test_what_a_view_cannot_do_is_refused_with_what_it_can(wish: str, message: str) -> None:
    with pytest.raises(RenderError, match=message):
        draw(residual_net(2), view=wish).view  # noqa: B018 - made when asked for


NEAR = {"module": "blocks.O", "type": "Blok", "function": "convd", "tensor": "logit", "pattern": "convd+mean"}


@pytest.mark.parametrize("name", NAMES)
def test_a_pattern_that_fits_nothing_shows_what_is_near(name: str) -> None:
    for option in asking.options(get(name)).values():
        if option.kind is tuple and not option.choices:
            with pytest.raises(RenderError, match=r"no .* matches .* \(nearest are (blocks.1|Block|conv|logits)"):
                draw(residual_net(2), view=f"{name}:{option.name}={NEAR.get(option.name, 'logit')}").view  # noqa: B018


@pytest.mark.parametrize("name", NAMES)
def test_zero_is_refused_where_it_means_nothing(name: str) -> None:
    for option in asking.options(get(name)).values():
        if option.kind is int:
            wish = f"{name}:{option.name}=0"
            if wish == "collapse:depth=0":
                assert draw(residual_net(2), view=wish).composed.boxes
                continue
            said = rf"{name}:{option.name} must be .* not 0|nothing lies within {option.name}=0 of the result"
            with pytest.raises(RenderError, match=said):
                draw(residual_net(2), view=wish).view  # noqa: B018


@pytest.mark.parametrize("wish", ["hide:function=*", "hide:type=SmallResNet,function=cross_entropy"])
def test_where_everything_is_hidden_it_is_said(wish: str) -> None:
    with pytest.raises(RenderError, match="nothing is left to draw: hide fewer"):
        draw(residual_net(2), view=wish).view  # noqa: B018
