"""What make_dot offers beyond torchviz: nests, freed graphs, depth, hostile names, and the same text every time."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

from render import make_dot


class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x * 2

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads[0] * 2


class Output(NamedTuple):
    loss: torch.Tensor
    logits: torch.Tensor


@dataclasses.dataclass
class Record:
    loss: torch.Tensor
    logits: torch.Tensor
    note: str = "not a tensor"


def model_and_loss() -> tuple[nn.Module, torch.Tensor]:
    model = nn.Linear(3, 2)
    return model, model(torch.ones(1, 3)).tanh().sum()


def labels(dot: Any, color: str) -> list[str]:
    """What the boxes of a colour say, in order."""
    return [line.split('"')[1] for line in dot.body if f"fillcolor={color}]" in line]


@pytest.mark.parametrize("wrap", [lambda a, b: {"loss": a, "logits": b}, Output, Record], ids=["dict", "tuple", "data"])
def test_outputs_of_a_nest_are_named_by_their_keys(wrap: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    logits = x * 2
    assert labels(make_dot(wrap(logits.sum(), logits)), "darkolivegreen1") == ["loss\n ()", "logits\n (2)"]


def test_lists_and_deeper_nests() -> None:
    x = torch.ones(2, requires_grad=True)
    nest = [x * 2, {"a": [x * 3, (None, x * 4)]}, x * 5]
    assert labels(make_dot(nest), "darkolivegreen1") == ["\n (2)", "a\n (2)", "a\n (2)", "\n (2)"]


@pytest.mark.parametrize("nothing", [None, 3, [], {"a": "b"}, nn.Linear(1, 1)], ids=str)
def test_no_tensor_is_said(nothing: Any) -> None:
    with pytest.raises(TypeError, match="pass a tensor"):
        make_dot(nothing)


@pytest.mark.parametrize("wrong", [{"w": 3}, 5, [1, 2], ["ab"]], ids=str)
def test_wrong_params_are_said(wrong: Any) -> None:
    with pytest.raises(TypeError, match="params must be"):
        make_dot(torch.ones(1), params=wrong)


def test_params_may_be_a_module_or_pairs() -> None:
    model, loss = model_and_loss()
    named = make_dot(loss, params=dict(model.named_parameters())).source
    assert make_dot(loss, params=model).source == named
    assert make_dot(loss, params=model.named_parameters()).source == named
    assert "weight\n (2, 3)" in named


@pytest.mark.parametrize("options", [{}, {"show_saved": True}, {"show_attrs": True, "show_saved": True}], ids=str)
def test_works_after_backward(options: dict[str, bool]) -> None:
    _, loss = model_and_loss()
    out = Scaled.apply(loss)
    before = make_dot(out, **options)
    out.backward()
    after = make_dot(out, **options)
    assert "orange" in before.source
    assert "orange" not in after.source
    for color in ("lightblue", "darkolivegreen1"):
        assert labels(after, color) == labels(before, color)
    assert after.source.count(" -> ") == before.source.count(" -> ") - before.source.count("orange")
    assert ("[freed]" in after.source) == ("show_attrs" in options)


def test_a_saved_tensor_hook_that_fails_is_no_failure_of_ours() -> None:
    def unpack(_: Any) -> torch.Tensor:
        raise LookupError("gone")

    x = torch.ones(2, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: tensor, unpack):
        y = x.exp()
    assert "[freed]" in make_dot(y, show_attrs=True, show_saved=True).source


def test_the_same_program_gives_the_same_text() -> None:
    texts = {make_dot(model_and_loss()[1], show_attrs=True, show_saved=True).source for _ in range(5)}
    assert len(texts) == 1


HOSTILE = [
    '"',
    "\\",
    "a\\",
    "\\N",
    "<b>bold</b>",
    "<script>alert(1)</script>",
    "&lt;",
    "-> {|}",
    "a\nb\0c\x1b",
    "вес",
    "\ud800",
]


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
def test_any_name_is_drawn_as_it_stands() -> None:
    tensors = [torch.ones(1, requires_grad=True) for _ in HOSTILE]
    dot = make_dot(torch.cat(tensors), params=dict(zip(HOSTILE, tensors, strict=True)))
    boxes = dot.pipe(format="plain", encoding="utf-8")
    svg = dot.pipe(format="svg", encoding="utf-8")
    assert boxes.count("lightblue") == len(HOSTILE)
    for shown in (
        "&quot;</text>",
        ">a\\</text>",
        ">\\N</text>",
        "&lt;b&gt;bold&lt;/b&gt;",
        "&amp;lt;</text>",
        ">вес</text>",
    ):
        assert shown in svg
    assert ">a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c\N{REPLACEMENT CHARACTER}</text>" in svg
    assert "<script>" not in svg


def test_long_names_are_cut() -> None:
    x = torch.ones(1, requires_grad=True)
    assert len(make_dot(x * 2, params={"x" * 10**7: x}).source) < 2_000


DEEP = """
import gc, torch
from render import make_dot
from tracer.pytorch.autograd import from_tensor
x = y = torch.zeros(1, requires_grad=True)
for _ in range(100_000):
    y = y + 1
{}
gc.collect()
assert not any(type(o).__name__ == "AddBackward0" for o in gc.get_objects()), "the graph was not freed"
print("done")
"""


@pytest.mark.parametrize(
    "use",
    [
        "assert len(make_dot(y).body) == 200_005; del y",
        "assert len(from_tensor(y).nodes) == 100_001; y.backward(); del y",
        "z = y * 2; make_dot(y); from_tensor(z); del y; del z",
    ],
)
def test_graphs_of_any_depth_are_read_and_freed_again(use: str) -> None:
    done = subprocess.run([sys.executable, "-c", DEEP.format(use)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
