"""The arguments of kernels as text: complete, read back equal, and nothing in a text is ever run."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

import tracer
from tests import programs
from tracer.pytorch.arguments import Unreadable, read, write

CALLS: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("", [], {}),
    ("t0, t1, alpha=2", ["T", "T"], {"alpha": 2}),
    ("[t0, t1], 1", [["T", "T"], 1], {}),
    ("t0, [None, t1]", ["T", [None, "T"]], {}),
    ("t0, (1, ), ()", ["T", (1,), ()], {}),
    ("-3, 1e-05, inf, -inf, True, None", [-3, 1e-5, math.inf, -math.inf, True, None], {}),
    ("complex(1.0, -2.5), 'mean'", [1 - 2.5j, "mean"], {}),
    ("'t0 \\'\"\\n,'", ["t0 '\"\n,"], {}),
    (
        "[2, 3], dtype=torch.float32, layout=torch.strided, device=torch.device('cpu'), pin_memory=False",
        [[2, 3]],
        {"dtype": torch.float32, "layout": torch.strided, "device": torch.device("cpu"), "pin_memory": False},
    ),
    ("t0, memory_format=torch.channels_last", ["T"], {"memory_format": torch.channels_last}),
]


def with_tensors(given: Any, tensor: Any) -> Any:
    if isinstance(given, (list, tuple)):
        return type(given)(with_tensors(item, tensor) for item in given)
    return tensor if given == "T" and isinstance(given, str) else given


@pytest.mark.parametrize(("text", "args", "kwargs"), CALLS)
def test_arguments_are_written_and_read_back(text: str, args: list[Any], kwargs: dict[str, Any]) -> None:
    tensor = torch.ones(2)
    args = with_tensors(args, tensor)
    assert write(args, kwargs) == text.replace("(1, )", "(1,)")
    assert read(text, [tensor, tensor]) == (args, kwargs)


def test_each_tensor_is_put_in_its_place() -> None:
    a, b, c = torch.ones(1), torch.ones(2), torch.ones(3)
    text = write([a, [b, None, a]], {"out": c})
    assert text == "t0, [t1, None, t2], out=t3"
    args, kwargs = read(text, [a, b, a, c])
    assert args[0] is a
    assert args[1][0] is b
    assert kwargs["out"] is c


def test_nan_and_generators() -> None:
    args, kwargs = read(write([math.nan], {"generator": torch.Generator()}), [])
    assert math.isnan(args[0])
    assert isinstance(kwargs["generator"], torch.Generator)
    assert write([], {"generator": torch.default_generator}) == "generator=None"


def test_equal_texts_are_one_object() -> None:
    first, second = (write([torch.ones(1), size], {}) for size in (1000, 1000))
    assert first is second


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')", "open('x')", "torch.load('x')", "t0.data", "lambda: 0", "*t0", "**t0", "1 + 1",
        "t0[0]", "torch.ones", "f'{t0}'", "{1: 2}", "x", "t00", "b'x'", "1j", "1)(2", "(", "torch.device(t0)",
        "torch.device('nowhere')", "t1", "...", "-'x'", "-True", "a=1, a=2", "not t0", "[x for x in t0]", "(" * 10_000,
    ],
)  # fmt: skip
def test_nothing_else_is_read(text: str) -> None:
    with pytest.raises(Unreadable):
        read(text, [torch.ones(1)])


def test_what_is_no_plain_data_is_said_to_be_missing() -> None:
    assert write([torch.ones(1), print], {"fn": object()}) == "t0, ..., fn=..."
    with pytest.raises(Unreadable, match="argument 2 is no plain data"):
        read("t0, ...", [torch.ones(1)])


def test_every_kernel_has_its_call_and_json_keeps_it(tmp_path: Path) -> None:
    run, _ = programs.run(
        tmp_path,
        """
        import torch
        a = torch.arange(40).reshape(2, 20)
        parts = torch.split(a, [1] * 20, dim=1)
        torch.cat([parts[0], a], dim=1)[[0]]
        """,
    )
    calls = {node.op: node.call for node in run.whole.nodes}
    assert calls["arange"] == "40, device=torch.device('cpu'), pin_memory=False"
    assert calls["split_with_sizes"] == f"t0, {[1] * 20}, 1"
    assert calls["cat"] == "[t0, t1], 1"
    assert calls["index"] == "t0, [t1]"
    saved = tracer.Graph.from_json(run.whole.to_json())
    assert {node.op: node.call for node in saved.nodes} == calls
    assert json.loads(run.whole.to_json())["schema"] == "graphtrace/1"
