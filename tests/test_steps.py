"""The storyboard: what appears when, in which order, with which words; nothing moves, nothing is left out."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from string import Formatter

import pytest
import torch

import tracer
from render import draw
from render.drawing import Drawing
from render.errors import RenderError
from render.frames import blend
from render.layout.outline import sheets
from render.page import smallest
from render.slide import staged
from render.steps import BY, MOTIONS, Step, Storyboard, Telling, elements
from render.words import WORDS, words
from tests import graphs
from tests.programs import run

CELL = """
    import torch

    x = torch.randn(1, 10)
    prev_h = torch.randn(1, 20)  # прошлое состояние
    W_h = torch.randn(20, 20, requires_grad=True)
    W_x = torch.randn(20, 10, requires_grad=True)

    i2h = torch.mm(W_x, x.t())
    h2h = torch.mm(W_h, prev_h.t())
    next_h = i2h + h2h
    next_h = next_h.tanh()
    loss = next_h.sum()
    loss.backward()
"""
LOOP = """
    import torch

    torch.manual_seed(0)
    W = torch.randn(4, 4, requires_grad=True)
    U = torch.randn(4, 3, requires_grad=True)
    h = torch.zeros(4, 1)
    step = torch.optim.SGD([W, U], lr=0.1).step
    for t in range(TURNS):
        x = torch.randn(3, 1)
        h = torch.tanh(W @ h + U @ x)
    loss = h.sum()
    loss.backward()
    step()
"""
PERCEPTRON = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(4, 8), nn.ReLU())
            self.head = nn.Linear(8, 3)

        def forward(self, x):
            x = self.body(x)
            return self.head(x)

    x = torch.randn(5, 4)
    out = Net()(x)
"""


def traced(folder: Path, code: str) -> tracer.Graph:
    return run(folder, code)[0].graphs[0]


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> tracer.Graph:
    return traced(tmp_path_factory.mktemp("cell"), CELL)


@pytest.fixture(scope="module")
def long_loop(tmp_path_factory: pytest.TempPathFactory) -> tracer.Graph:
    return traced(tmp_path_factory.mktemp("loop"), LOOP.replace("TURNS", "200"))


def titles(board: Storyboard) -> list[str]:
    return [step.title for step in board.steps]


def everything_once(board: Storyboard) -> bool:
    shown = Counter(element for step in board.steps for element in step.shows)
    return shown == Counter(elements(board.scene)) and board.visible(len(board.steps) - 1) == set(shown)


def named(board: Storyboard, name: str, step: Step) -> bool:
    """Whether a box that says `name` appears with a step."""
    boxes = {
        box.id: "".join(run.text + run.subscript for line in box.lines[:1] for run in line) for box in board.scene.boxes
    }
    return any(boxes.get(element) == name for element in step.shows)


def test_lines_of_forward_then_backward_node_by_node(cell: tracer.Graph) -> None:
    board = draw(cell).storyboard()
    assert titles(board) == [
        "line 4 makes x", "line 5 makes prev_h", "line 6 makes W_h", "line 7 makes W_x", "line 9 makes i2h",
        "line 10 makes h2h", "line 11 makes next_h", "line 12 makes next_h", "line 13 makes loss",
        "backward begins at loss", "backward through sum", "backward through tanh", "backward through +",
        "backward through mm", "backward through mm",
    ]  # fmt: skip
    assert everything_once(board)
    assert [step.kind for step in board.steps] == ["forward"] * 9 + ["backward"] * 6


def test_a_step_says_what_its_lines_make_and_which_gradient_arrives(cell: tracer.Graph) -> None:
    board = draw(cell).storyboard()
    i2h, tanh = board.steps[4], board.steps[11]
    assert i2h.facts == ("xᵀ  (10×1)", "i2h = mm(W_x, xᵀ)  (20×1)")
    assert tanh.facts[0] == "|grad| 4.47 arrives at next_h"
    assert re.fullmatch(r"\|grad\| \S+ goes on to i2h \+ h2h", tanh.facts[1])  # of two that are called next_h
    assert tanh.running is not None
    assert tanh.about is not None
    assert (i2h.running, tanh.about.first, tanh.running.first) == (type(tanh.about)(0, 9, 9), 12, 14)
    assert board.listings[0].lines[5].endswith("прошлое состояние")


def test_boxes_appear_with_the_line_that_makes_them_and_their_gradients_later(cell: tracer.Graph) -> None:
    board = draw(cell).storyboard()
    assert [named(board, name, step) for name, step in zip(("x", "prev_h", "Wh", "Wx", "i2h"), board.steps)] == [
        True
    ] * 5
    for element, number in board.appears.items():
        if element.endswith("-grad"):
            assert board.steps[number].kind == "backward"
            assert board.appears[element.removesuffix("-grad")] < number


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("style", ["data", "operations"])
def test_everything_appears_exactly_once_however_it_is_told(cell: tracer.Graph, by: str, style: str) -> None:
    assert everything_once(draw(cell, style=style).storyboard(by=by))


@pytest.mark.parametrize(
    "graph",
    [tracer.Graph(), graphs.rnn_cell(), graphs.residual_net(2), graphs.Sketch().graph()],
    ids=["empty", "cell", "net", "nothing"],
)
@pytest.mark.parametrize("show", ["", "backward"])
def test_every_graph_has_a_story(graph: tracer.Graph, show: str) -> None:
    board = draw(graph, show=show).storyboard()
    assert board.steps
    assert everything_once(board)


def test_the_sheets_behind_a_box_appear_with_it() -> None:
    layers = [torch.nn.Linear(4, 4) for _ in range(3)]
    model = torch.nn.Sequential(*[torch.nn.Sequential(layer, torch.nn.Tanh()) for layer in layers])
    board = draw(tracer.trace(model, torch.ones(2, 4)), view="fold", level="module").storyboard()
    stacked = [box for box in board.scene.boxes if box.stacked]
    assert stacked
    for box in stacked:
        assert {board.appears[sheet.id] for sheet in sheets(box)} == {board.appears[box.id]}


@pytest.mark.parametrize("motion", MOTIONS)
def test_nothing_moves_from_frame_to_frame(cell: tracer.Graph, motion: str) -> None:
    board = draw(cell).storyboard(motion=motion)
    final = {box.id: (box.x, box.y, box.width, box.height) for box in board.scene.boxes}
    seen = set()
    for number in range(len(board.steps)):
        frame = board.frame(number)
        assert (frame.width, frame.height) == (board.scene.width, board.scene.height)
        assert all((box.x, box.y, box.width, box.height) == final[box.id] for box in frame.boxes)
        seen.add(len(frame.boxes))
    assert seen == {len(final)} if motion == "flow" else len(seen) > 5


def test_a_frame_leaves_room_for_a_gradient_that_has_not_arrived(cell: tracer.Graph) -> None:
    board = draw(cell).storyboard()
    weight = next(box for box in board.scene.boxes if board.appears.get(f"{box.id}-grad") == len(board.steps) - 1)
    before = next(box for box in board.frame(9).boxes if box.id == weight.id)
    after = next(box for box in board.frame(len(board.steps) - 1).boxes if box.id == weight.id)
    assert len(before.lines) == len(after.lines)
    assert [run.text for run in before.lines[-1]] == [""]
    assert after.lines == weight.lines
    assert after.stroke_width > weight.stroke_width  # it is what the last step is about


def test_by_operation_each_has_a_step(cell: tracer.Graph) -> None:
    told = titles(draw(cell).storyboard(by="op"))
    assert told[:3] == ["line 9: t", "line 9 makes i2h", "line 10: t"]


def test_a_loop_of_a_few_turns_is_told_turn_by_turn(tmp_path: Path) -> None:
    board = draw(traced(tmp_path, LOOP.replace("TURNS", "3"))).storyboard()
    assert everything_once(board)
    forward = [title for step, title in zip(board.steps, titles(board)) if step.kind == "forward"]
    assert forward[3:9] == [
        f"t = {turn} · line {line} makes {name}" for turn in (1, 2, 3) for line, name in ((10, "x"), (11, "h"))
    ]
    backward = [title for title in titles(board) if "backward through tanh" in title]
    assert backward == [f"t = {turn} · backward through tanh" for turn in (3, 2, 1)]
    assert board.steps[-1].kind == "update"
    assert board.steps[-1].running is not None
    assert board.steps[-1].running.first == 14
    weights = {
        box.id for box in board.scene.boxes if box.lines and box.lines[0][0].text in ("W", "U") and box.kind == "tensor"
    }
    assert set(board.steps[-1].updated) == weights


def test_a_long_loop_folds_to_its_first_second_and_last_turn(long_loop: tracer.Graph) -> None:
    board = draw(long_loop).storyboard()
    assert everything_once(board)
    assert len(board.steps) <= 30
    told = titles(board)
    assert [sum(title.startswith(f"t = {turn} ·") for title in told) for turn in (1, 2, 200)] == [6, 6, 6]
    assert "t = 3 … 199: the same lines again" in told
    assert "backward through t = 3 … 199" in told
    assert sum("197 more" in "".join(run.text for line in box.lines for run in line) for box in board.scene.boxes) == 1


SEQUENCE = """
    import torch

    torch.manual_seed(0)
    W, U = torch.randn(4, 4, requires_grad=True), torch.randn(4, 3, requires_grad=True)
    xs, h = torch.randn(200, 3), torch.zeros(4)
    for x in xs:
        s = U @ x + W @ h
        h = torch.tanh(s)
    loss = h.square().sum()
    loss.backward()
"""
BUSY = """
    import torch

    torch.manual_seed(0)
    W = torch.randn(8, 4, requires_grad=True)
    U = torch.randn(8, 8, requires_grad=True)
    h, c = torch.zeros(8), torch.zeros(8)
    for x in torch.randn(200, 4):
        i = torch.sigmoid(W @ x + U @ h)
        f = torch.sigmoid(U @ h + W @ x)
        o = torch.sigmoid(W @ x + U @ h)
        g = torch.tanh(U @ h + W @ x)
        c = f * c + i * g
        h = o * torch.tanh(c)
    loss = h.sum()
    loss.backward()
"""


def on_a_slide(graph: tracer.Graph, lang: str = "en") -> Storyboard:
    board, slide = staged(draw(graph), Telling(lang=lang))
    assert everything_once(board)
    assert len(board.steps) <= 30
    assert smallest(board.scene) >= 12
    assert (board.scene.width, board.scene.height) == (slide.figure.width, slide.figure.height)
    return board


def test_a_long_loop_is_read_on_a_slide_by_its_first_second_and_last_turn(tmp_path: Path) -> None:
    board = on_a_slide(traced(tmp_path, SEQUENCE))
    for turn in (1, 2, 200):
        assert f"t = {turn} · line 9 makes h" in titles(board)
        assert f"t = {turn} · backward through tanh" in titles(board)
    middle = next(step for step in board.steps if step.title == "t = 3 … 199: the same lines again")
    assert middle.running is not None
    assert (middle.running.first, middle.running.last) == (8, 9)  # all lines of a turn


def test_what_the_picture_has_no_room_for_is_said_all_the_same(
    cell: tracer.Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_shapes(drawing: Drawing) -> Drawing:
        return replace(drawing, options=replace(drawing.options, hide=("shapes",)))

    asked = draw(cell, hide="shapes").storyboard()
    monkeypatch.setattr("render.telling.readable", without_shapes)
    board = draw(cell).storyboard()
    assert board.scene.boxes == asked.scene.boxes
    assert board.steps[4].facts[-1].endswith("(20×1)")
    assert "(20×1)" not in asked.steps[4].facts[-1]


def test_turns_with_too_much_in_them_are_a_box_each(tmp_path: Path) -> None:
    told = titles(on_a_slide(traced(tmp_path, BUSY)))
    assert [title for title in told if title.startswith("t =")] == [
        "t = 1", "t = 2: the same lines again", "t = 3 … 199: the same lines again", "t = 200: the same lines again",
    ]  # fmt: skip
    assert [title for title in told if "through t =" in title] == [
        f"backward through t = {turn}" for turn in ("200", "3 … 199", "2", "1")
    ]


def test_what_each_use_of_a_weight_adds_is_a_part_of_its_gradient(long_loop: tracer.Graph) -> None:
    facts = [fact for step in draw(long_loop).storyboard().steps for fact in step.facts]
    assert any(fact.startswith("a part of |grad|") and fact.endswith("goes on to W") for fact in facts)


def test_a_loop_that_is_drawn_once_says_so_in_a_step_of_its_own(long_loop: tracer.Graph) -> None:
    board = draw(long_loop, view="roll").storyboard()
    assert everything_once(board)
    step = next(step for step in board.steps if step.title == "t = 1 … 200: the same lines again")
    assert step.facts == ("each turn hands h on to the next",)
    assert [edge.id for edge in board.scene.edges if edge.back] == list(step.shows)


def test_a_long_loop_that_is_drawn_whole_folds_in_the_telling(tmp_path: Path) -> None:
    board = draw(traced(tmp_path, LOOP.replace("TURNS", "40")), level="function").storyboard()
    assert everything_once(board)
    assert len(board.steps) <= 30
    assert "t = 3 … 39: the same lines again" in titles(board)


def test_by_timestep_each_turn_is_a_step(long_loop: tracer.Graph, cell: tracer.Graph) -> None:
    board = draw(long_loop).storyboard(by="timestep")
    assert {"t = 1", "t = 2", "t = 200"} < set(titles(board))
    assert "There is no loop here: steps go line by line." in draw(cell).storyboard(by="timestep").remarks


def test_by_module_and_without_backward(tmp_path: Path) -> None:
    board = draw(traced(tmp_path, PERCEPTRON), level="function").storyboard(by="module")
    assert [title for title in titles(board) if title.startswith("module")] == [
        "module body.0",
        "module body.1",
        "module head",
    ]
    assert {step.kind for step in board.steps} == {"forward"}
    assert board.remarks == ("The program runs no backward: forward steps only.",)


def test_a_scalar_program_has_its_way_back(tmp_path: Path) -> None:
    code = """
        from tracer.scalar import Value
        a, b = Value(2.0), Value(-3.0)
        c = a * b
        c.backward()
    """
    board = draw(traced(tmp_path, code)).storyboard()
    assert everything_once(board)
    assert titles(board) == ["line 3 makes a, b", "line 4 makes c", "backward begins at c", "backward through ×"]
    assert board.steps[-1].facts == ("grad 1 arrives at c", "grad −3 goes on to a", "grad 2 goes on to b")


def test_code_that_is_no_longer_what_ran_is_not_shown(tmp_path: Path) -> None:
    graph = traced(tmp_path, CELL)
    (tmp_path / "program.py").write_text("import os\n" * 20, encoding="utf-8")
    import linecache

    linecache.checkcache()
    listing = draw(graph).storyboard().listings[0]
    assert not listing.whole
    assert "import os" not in listing.lines.values()
    assert listing.lines[9].startswith("i2h = ")


def test_a_saved_graph_cannot_have_another_file_read(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("\n" * 6 + "secret", encoding="utf-8")
    sketch = graphs.rnn_cell().to_json().replace('"cell.py"', f'"{tmp_path / "secret.txt"}"')
    listings = draw(tracer.Graph.from_json(sketch)).storyboard().listings
    assert all("secret" not in text for listing in listings for text in listing.lines.values())


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"by": "lines"},
            "unknown kind of step: 'lines' (must be one of line, op, module, timestep); did you mean 'line'?",
        ),
        ({"motion": "fly"}, "unknown motion: 'fly' (must be one of build, flow)"),
        ({"lang": "de"}, "unknown language: 'de' (must be one of en, ru)"),
    ],
)
def test_a_choice_that_is_not_there_names_those_that_are(asked: dict[str, str], message: str) -> None:
    drawing: Drawing = draw(tracer.Graph())
    with pytest.raises(RenderError) as caught:
        drawing.storyboard(**asked)  # type: ignore[arg-type]
    assert str(caught.value) == message


def laid_out(*_: object, **__: object) -> None:
    raise AssertionError("it was placed, which may take minutes")


def test_too_many_steps_are_refused_with_what_to_choose(monkeypatch: pytest.MonkeyPatch, cell: tracer.Graph) -> None:
    monkeypatch.setattr("render.telling.MAX_STEPS", 12)
    with pytest.raises(
        RenderError, match=r"15 steps \(at most 12\): choose --by module or --by timestep, or draw a part"
    ):
        draw(cell).storyboard()


def test_what_has_far_too_many_lines_is_refused_at_once(monkeypatch: pytest.MonkeyPatch, cell: tracer.Graph) -> None:
    monkeypatch.setattr("render.telling.MAX_STEPS", 3)
    monkeypatch.setattr("render.drawing.place", laid_out)
    with pytest.raises(RenderError, match=r"5 steps or more \(at most 3\): choose .* --view focus:around=NAME"):
        draw(cell).storyboard()


def test_what_can_never_be_read_on_a_slide_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, cell: tracer.Graph
) -> None:
    monkeypatch.setattr("render.choosing.MAX_DRAWN", 4)
    monkeypatch.setattr("render.drawing.place", laid_out)
    with pytest.raises(RenderError, match=r"7 operations that neither repeat .* room for 4\): draw a"):
        staged(draw(cell))


def test_every_language_has_all_the_words_with_the_same_fields() -> None:
    def fields(words: str) -> set[str | None]:
        return {field for _, field, _, _ in Formatter().parse(words) if field is not None}

    for lang, table in WORDS.items():
        assert list(table) == list(WORDS["en"]), lang
        assert {key: fields(words) for key, words in table.items()} == {
            key: fields(words) for key, words in WORDS["en"].items()
        }


def test_the_words_are_in_the_language_asked_for(cell: tracer.Graph) -> None:
    told = titles(draw(cell).storyboard(lang="ru"))
    assert told[0] == "строка 4 создаёт x"
    assert told[-1] == "обратный проход через mm"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (1, "1 операция"),
        (2, "2 операции"),
        (5, "5 операций"),
        (11, "11 операций"),
        (21, "21 операция"),
        (1234, "1\u00a0234 операции"),
    ],
)
def test_what_is_counted_has_the_form_that_its_number_asks_for(number: int, said: str) -> None:
    assert words("ru").counted("operations", number) == said
    assert words("en").counted("operations", number).endswith("operation" if number == 1 else "operations")


def test_the_boxes_of_a_deck_speak_its_language(long_loop: tracer.Graph) -> None:
    def said(board: Storyboard) -> str:
        return " ".join(run.text for box in board.scene.boxes for line in box.lines for run in line)

    assert "… ещё 197" in said(on_a_slide(long_loop, "ru"))
    assert "… 197 more" in said(on_a_slide(long_loop))
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Tanh())
    graph = tracer.trace(torch.nn.Sequential(model, torch.nn.Linear(4, 2)), torch.ones(2, 4))
    closed = said(draw(graph, level="module", depth=1).storyboard(lang="ru"))
    assert "2 операции" in closed
    assert "20 параметров" in closed
    assert "выход" in closed


def test_a_name_with_braces_is_no_pattern() -> None:
    s = graphs.Sketch()
    x = s.value("{0.__class__}", (2,), kind="input")
    s.call("relu", [x], [s.value("{y}", (2,))], line=3)
    assert titles(draw(s.graph()).storyboard())[-1] == "line 3 makes {y}"


def test_colours_are_blended() -> None:
    assert blend("#000000", "#ffffff", 0.5) == "#808080"
    assert blend("#d1410c", "#ffffff", 1.0) == "#d1410c"
