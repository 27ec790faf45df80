"""The view `saved`: what is kept for backward, how much it is, and what shares its memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from render import draw, text
from render.views.memory import roots
from render.views.saved import kept, saved
from tests.graphs import Sketch, rnn_cell
from tracer.graph import Graph


def kept_views() -> Graph:
    """`y = exp(x.t())`, then an in-place step on a view of y that is kept as well; and a weight."""
    s = Sketch()
    x = s.value("x", (20, 1), kind="input", nbytes=80)
    w = s.value("W", (20, 20), kind="parameter", nbytes=1600, saved_for_backward=True)
    turned = s.value(None, (1, 20), view_of=x, nbytes=80, saved_for_backward=True)
    y = s.value("y", (1, 20), nbytes=80, saved_for_backward=True)
    part = s.value("part", (1, 5), view_of=y, nbytes=20, saved_for_backward=True)
    after = s.value("part", (1, 5), version_of=part, nbytes=20, saved_for_backward=True)
    end = s.value("end", (1, 5), nbytes=20)
    s.call("t", [x], [turned])
    s.call("exp", [turned, w], [y])
    s.call("[:, :5]", [y], [part])
    s.call("add_", [part], [after])
    s.call("relu", [after], [end])
    return s.graph(outputs=(end,))


def test_shared_memory_counts_once_and_whole() -> None:
    graph = saved(kept_views())
    assert {value: (each.bytes, each.storage) for value, each in kept(graph).items()} == {
        1: (1600, 1),
        2: (80, 2),  # of x, which it is a view of
        3: (80, 3),
        4: (80, 3),
        5: (80, 3),
    }
    assert graph.meta["notes"] == (
        "kept for backward: 5 tensors, 80 B of results; 1.68 kB more are parameters and inputs, there in any case",
    )


def test_what_is_kept_has_a_box_that_says_so_in_either_style() -> None:
    for style in ("data", "operations"):
        scene = draw(kept_views(), view="saved", style=style).scene
        said = {
            "".join(run.text for run in box.lines[0]): ["".join(run.text for run in line) for line in box.lines[1:]]
            for box in scene.boxes
            if box.kind == "tensor"
        }
        assert said["y"] == ["1×20", "kept 80 B"]
        assert said["part"] == ["1×5", "kept with y"]
        assert said["1×20"] == ["kept 80 B"]
        assert said["end"] == ["1×5"]


def test_a_graph_that_keeps_nothing_says_so() -> None:
    graph = saved(rnn_cell())
    assert (graph.nodes, kept(graph), graph.meta["notes"]) == (rnn_cell().nodes, {}, ("nothing is kept for backward",))


@pytest.mark.parametrize("rows", ["x", 3, ((1, 2),), ((1, "a", None),), [3]])
def test_marks_that_make_no_sense_are_no_marks(rows: object) -> None:
    assert kept(Graph(meta={"saved": rows})) == {}


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0 B"), (80, "80 B"), (999, "999 B"), (1_000, "1 kB"), (2_647_560, "2.65 MB"), (10**13, "10 TB")],
)
def test_bytes_are_readable(number: int, expected: str) -> None:
    assert text.size(number) == expected


def test_a_real_program(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from tests.programs import run

    recording, _ = run(
        tmp_path,
        """
        import torch

        x = torch.ones(10, 4)
        W = torch.ones(4, 6, requires_grad=True)
        h = torch.tanh(x @ W)  # x is kept for W's gradient, h for tanh's
        loss = h.sum()
        loss.backward()
        """,
    )
    graph = draw(recording.graphs[0], view="saved").view
    assert sorted(graph.value_by_id[value].name or "" for value in kept(graph)) == ["h", "x"]
    assert graph.meta["notes"][-1].startswith("kept for backward: 2 tensors, 240 B of results; 160 B more")


@pytest.mark.parametrize("before", [(), ("collapse:to=kernels",), ("collapse:depth=0",), ("collapse:to=modules",)])
def test_boxes_and_tensors_say_in_all_what_the_note_says(before: tuple[str, ...]) -> None:
    torch = pytest.importorskip("torch")
    import tracer

    block = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = torch.nn.Sequential(block, torch.nn.Linear(8, 4), torch.nn.ReLU(inplace=True), torch.nn.LayerNorm(4))
    with tracer.record() as recording:
        torch.nn.functional.cross_entropy(model(torch.ones(2, 3, 8))[:, 0], torch.tensor([0, 1])).backward()
    graph = draw(recording.graphs[0], view=[*before, "saved"]).view
    met = {value for node in graph.nodes for value in (*node.inputs, *node.outputs)}
    root = roots(graph)
    marked = [value for value, mark in kept(graph).items() if value in met and mark.storage == value]
    in_tensors = sum(kept(graph)[each].bytes for each in marked if graph.value_by_id[root[each]].kind == "result")
    in_boxes = int(sum(node.cost.get("kept", 0) for node in graph.nodes))
    (note,) = (each for each in graph.meta["notes"] if each.startswith("kept"))
    assert f", {text.size(in_tensors + in_boxes)} of results" in note
    assert (in_boxes > 0) == (before != ("collapse:to=kernels",))


def test_a_weight_that_is_kept_in_another_form_says_so_and_a_closed_box_what_it_keeps() -> None:
    torch = pytest.importorskip("torch")
    import tracer

    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
    with tracer.record() as recording:
        torch.nn.functional.cross_entropy(model(torch.ones(5, 4)), torch.zeros(5, dtype=torch.long)).backward()

    def said(**options: Any) -> dict[str, list[str]]:
        boxes = draw(recording.graphs[0], **options).composed.boxes
        return {box.lines[0][0].text: [text.plain(line) for line in box.lines[1:]] for box in boxes if box.lines}

    open_, closed = said(view="saved", style="data"), said(view=["collapse:depth=0", "saved"])
    assert "kept 24 B" in open_["2.weight"]  # for the gradient of what it is multiplied with
    assert "kept 48 B" not in open_["0.weight"]  # of an input, which needs none
    assert "kept 60 B" in closed["model"]  # what tanh made
    assert "kept 44 B" in closed["cross_entropy"]  # the logarithms of the softmax, and a sum of weights
    assert not any("kept" in line for lines in said(view="collapse:depth=0").values() for line in lines)
