"""Views as a user asks for them: how they are written, what they are turned into, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

import render
from render.errors import RenderError
from render.views.asking import Wish, asked
from tests.graphs import empty, mlp, residual_net


def options(wish: str | Wish) -> dict[str, Any]:
    (found,) = asked([wish])
    return dict(found.options)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("collapse", {}),
        ("collapse:depth=2", {"depth": 2}),
        (" collapse : to = modules , depth = 0 ", {"to": "modules", "depth": 0}),
        ("collapse:module=a.*,type=Linear,module=b", {"module": ("a.*", "b"), "type": ("Linear",)}),
        (("collapse", {"depth": None, "type": "Linear"}), {"depth": None, "type": ("Linear",)}),
        (("collapse", {"type": ["Linear", "ReLU"], "depth": 3}), {"type": ("Linear", "ReLU"), "depth": 3}),
        ("phase:keep=backward", {"keep": ("backward",)}),
    ],
)
def test_options_are_read_and_converted(text: str | Wish, expected: dict[str, Any]) -> None:
    assert options(text) == expected


def test_one_text_is_one_view_and_a_list_keeps_its_order() -> None:
    assert [each.view.name for each in asked("skip")] == ["skip"]
    assert [each.view.name for each in asked(["skip", ("prune", {})])] == ["skip", "prune"]


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ("colapse", r"unknown view: 'colapse' \(must be one of .*did you mean 'collapse'"),
        (
            "collapse:dept=2",
            r"unknown option of view 'collapse': 'dept' .*to, depth, module, type.*did you mean 'depth'",
        ),
        ("collapse:to=function", r"unknown value of collapse:to: 'function'.*did you mean 'functions'"),
        ("collapse:depth=two", r"collapse:depth must be one whole number from 0 up, not 'two'"),
        ("collapse:depth=1,depth=2", r"collapse:depth must be one whole number"),
        ("collapse:2", r"cannot be read at '2': write a view as collapse:option=value"),
        ("collapse:depth=", r"cannot be read at 'depth='"),
        ("skip:all=yes", r"view 'skip' has no options: leave out 'all'"),
        ("phase:keep=forwards", r"unknown value of phase:keep: 'forwards'.*did you mean 'forward'"),
        (("collapse", {"depth": -1}), r"whole number from 0 up, not -1"),
        (("collapse", {"depth": True}), r"whole number from 0 up, not True"),
        (("collapse", {"type": 3}), r"collapse:type must be words, not 3"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(wish: str | Wish, message: str) -> None:
    with pytest.raises(RenderError, match=message):
        asked([wish])


@pytest.mark.parametrize("view", ["roll", "time", "fold:pattern=none", "focus:hops=90"])
def test_a_view_that_changes_nothing_says_so(view: str) -> None:
    name = view.partition(":")[0]
    assert render.draw(mlp(), view=view).notes == (f"view {name!r} changes nothing here",)
    assert render.draw(empty(), view=view).notes == ()


def test_a_view_that_needs_an_option_is_given_none_by_an_empty_one() -> None:
    with pytest.raises(RenderError, match="'hide' needs to know what"):
        asked([("hide", {"module": ()})])


def test_a_pattern_that_fits_nothing_shows_what_is_near() -> None:
    with pytest.raises(RenderError, match=r"no module matches 'block.0' \(nearest are blocks.0"):
        render.draw(residual_net(2), view="collapse:module=block.0").view  # noqa: B018 - made when asked for
    with pytest.raises(RenderError, match=r"no type of module matches 'Attention' \(there are SmallResNet, Conv2d"):
        render.draw(residual_net(2), view="collapse:type=Attention").view  # noqa: B018
    assert render.draw(empty(), view="collapse:type=Attention").view.nodes == ()


def ops(*views: str, **others: Any) -> list[str]:
    return [node.op for node in render.draw(mlp(), view=views, **others).view.nodes]


def test_a_view_asked_for_by_name_is_what_is_drawn() -> None:
    large = residual_net(30)
    drawing = render.draw(large, view="collapse:to=functions")
    assert len(drawing.view.nodes) == len(render.draw(large, level="function").view.nodes) > 150
    assert drawing.notes == ()


def test_calls_are_functions_unless_a_view_says_the_level() -> None:
    assert ops("skip") == ["linear", "relu", "linear", "cross_entropy", "argmax"]
    assert ops("prune", "collapse:to=kernels") == ["t", "addmm", "relu", "t", "addmm", "cross_entropy", "argmax"]
    assert ops("collapse:type=Linear") == ["fc1", "relu", "fc2", "cross_entropy", "argmax"]
    assert ops("skip", level="module") == ["fc1", "relu", "fc2", "cross_entropy", "argmax"]
    assert ops("skip", depth=0) == ["MLP", "cross_entropy", "argmax"]
