"""Real loops: each is one pass, and `roll` draws it once with what its turns hand on."""

from __future__ import annotations

from pathlib import Path

import pytest

from render import draw, text
from render.scene import Box, Scene
from render.views.merging import carried, lacking, turns
from tests.geometry import problems
from tests.programs import run
from tracer.graph import Graph, Scope

pytest.importorskip("torch")

RNN = """
    import torch

    torch.manual_seed(0)
    x, h = torch.randn(5, 4, 1), torch.zeros(3, 1)
    W_h, W_x = torch.randn(3, 3, requires_grad=True), torch.randn(3, 4, requires_grad=True)
    for t in range(5):
        h = torch.tanh(W_x @ x[t] + W_h @ h)
    loss = h.sum()
    loss.backward()
"""
CELL = """
    import torch

    torch.manual_seed(0)
    cell, head = torch.nn.RNNCell(4, 3), torch.nn.Linear(3, 2)
    x, h, loss = torch.randn(6, 2, 4), torch.zeros(2, 3), 0
    for x_t in x:
        h = cell(x_t, h)
        loss = loss + head(h).square().sum()
    loss.backward()
"""
LSTM = """
    import torch

    class LSTM(torch.nn.Module):
        def __init__(self, size):
            super().__init__()
            self.gates = torch.nn.Linear(2 * size, 4 * size)

        def forward(self, x):
            h = c = torch.zeros(x.shape[0], x.shape[2])
            outs = []
            for t in range(x.shape[1]):
                i, f, g, o = self.gates(torch.cat([x[:, t], h], dim=1)).chunk(4, dim=1)
                c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                h = torch.sigmoid(o) * torch.tanh(c)
                outs.append(h)
            return torch.stack(outs, dim=1)

    loss = LSTM(4)(torch.randn(2, 30, 4)).sum()
    loss.backward()
"""
GRU = """
    import torch
    from torch import nn

    class GRU(nn.Module):
        def __init__(self, i, h):
            super().__init__()
            self.h = h
            self.z, self.r, self.n = nn.Linear(i + h, h), nn.Linear(i + h, h), nn.Linear(i + h, h)

        def forward(self, xs):
            h = torch.zeros(xs.shape[1], self.h)
            outs = []
            for x in xs:
                xh = torch.cat([x, h], 1)
                z, r = torch.sigmoid(self.z(xh)), torch.sigmoid(self.r(xh))
                n = torch.tanh(self.n(torch.cat([x, r * h], 1)))
                h = (1 - z) * n + z * h
                outs.append(h)
            return torch.stack(outs)

    loss = GRU(4, 8)(torch.randn(12, 2, 4)).pow(2).mean()
    loss.backward()
"""
DECODER = """
    import torch
    from torch import nn

    class Decoder(nn.Module):
        def __init__(self, vocab=20, h=16):
            super().__init__()
            self.embed, self.attn = nn.Embedding(vocab, h), nn.Linear(h, h)
            self.cell, self.out = nn.GRUCell(2 * h, h), nn.Linear(h, vocab)

        def forward(self, memory, steps):
            h = memory[:, -1]
            token = torch.zeros(memory.shape[0], dtype=torch.long)
            logits = []
            for _ in range(steps):
                scores = torch.bmm(memory, self.attn(h).unsqueeze(2)).squeeze(2)
                context = torch.bmm(scores.softmax(1).unsqueeze(1), memory).squeeze(1)
                h = self.cell(torch.cat([self.embed(token), context], 1), h)
                step = self.out(h)
                token = step.argmax(1)
                logits.append(step)
            return torch.stack(logits, 1)

    src, y = torch.randint(0, 20, (3, 7)), torch.randint(0, 20, (3, 9))
    logits = Decoder()(nn.Embedding(20, 16)(src), 9)
    nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten()).backward()
"""
BEAM = """
    import torch
    from torch import nn

    V, H, K = 12, 16, 4
    embed, cell, out = nn.Embedding(V, H), nn.GRUCell(H, H), nn.Linear(H, V)
    with torch.no_grad():
        h, tokens, scores = torch.zeros(K, H), torch.zeros(K, dtype=torch.long), torch.zeros(K)
        beams = tokens[:, None]
        for _ in range(8):
            h = cell(embed(tokens), h)
            total = scores[:, None] + out(h).log_softmax(-1)
            scores, flat = total.view(-1).topk(K)
            parent, tokens = flat // V, flat % V
            h = h[parent]
            beams = torch.cat([beams[parent], tokens[:, None]], 1)
"""
DENOISING = """
    import torch
    from torch import nn

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.time, self.down = nn.Linear(1, 8), nn.Conv2d(3, 8, 3, stride=2, padding=1)
            self.up = nn.ConvTranspose2d(8, 3, 2, stride=2)

        def forward(self, x, t):
            e = self.time(t.view(1, 1)).view(1, 8, 1, 1)
            return self.up(torch.relu(self.down(x) + e))

    model, betas = UNet(), torch.linspace(1e-4, 0.02, 20)
    with torch.no_grad():
        x = torch.randn(1, 3, 16, 16)
        for t in reversed(range(20)):
            eps = model(x, torch.tensor(t / 20.0))
            x = (x - betas[t] * eps) / torch.sqrt(1 - betas[t])
"""


def only_loop(graph: Graph) -> Scope:
    (scope,) = (scope for scope in graph.scopes if turns(scope) > 1)
    return scope


@pytest.mark.parametrize(
    ("program", "expected", "times", "states"),
    [
        (RNN, "[t] @ @ + tanh sum", 5, 1),
        (CELL, "unbind rnn_tanh_cell linear square sum +", 6, 2),
        (LSTM, "[:,t] cat linear chunk sigmoid * sigmoid tanh * + sigmoid tanh * stack sum", 30, 2),
        (GRU, "unbind cat linear sigmoid linear sigmoid * cat linear tanh - * * + stack pow mean", 12, 1),
        (
            DECODER,
            "[:,-1] embedding linear unsqueeze bmm squeeze softmax unsqueeze bmm squeeze embedding cat gru_cell "
            "linear argmax stack flatten flatten cross_entropy",
            9,
            2,
        ),
        (
            BEAM,
            "[:,None] [:,None] [:,None] embedding gru_cell linear log_softmax + view topk // % [parent] [parent] cat",
            8,
            4,
        ),
        (DENOISING, "[t] [t] view linear view conv2d + relu conv_transpose2d * - - sqrt /", 20, 1),
    ],
    ids=["rnn", "cell", "lstm", "gru", "decoder", "beam", "denoising"],
)
def test_real_loops_are_one_pass_and_rolled(
    program: str, expected: str, times: int, states: int, tmp_path: Path
) -> None:
    recording, _ = run(tmp_path, program)
    assert recording.passes == 1
    drawing = draw(recording.graphs[0], view="roll")
    assert sorted(node.op.replace(", ", ",") for node in drawing.view.nodes) == sorted(expected.split())
    scope = only_loop(drawing.view)
    assert turns(scope) == times
    assert len({value for value, _ in carried(scope)}) == states
    assert drawing.view.loss == draw(recording.graphs[0], level="function").view.loss
    for view in ("roll", "time:steps=3"):
        for direction in ("LR", "TB"):
            assert problems(draw(recording.graphs[0], view=view, direction=direction).scene) == []


CACHE = """
    import torch

    W_q, W_k, W_v = (torch.randn(4, 4, requires_grad=True) for _ in range(3))
    x, keys, values = torch.randn(1, 4), torch.zeros(0, 4), torch.zeros(0, 4)
    for t in range(5):
        keys = torch.cat([keys, x @ W_k])
        values = torch.cat([values, x @ W_v])
        x = x + torch.softmax(x @ W_q @ keys.T / 2, dim=-1) @ values
    loss = x.sum()
"""


def heights(scene: Scene) -> list[list[float]]:
    """How far below the top of its column each operation stands; in rows, how far from where the row begins."""
    across = scene.direction == "LR"
    column = {box.id: box if box.column is not None else None for box in scene.boxes}
    found: dict[int, list[float]] = {}
    for box in scene.boxes:
        around = column[box.id] = column[box.id] or column.get(box.group or "")
        if box.kind == "operation" and around is not None and around.kind == "group":
            middle = box.y + box.height / 2 - around.y if across else box.x + box.width / 2 - around.x
            found.setdefault(around.column or 0, []).append(middle)
    return [found[turn] for turn in sorted(found)]


NOISE = """
    import torch

    model, n = torch.nn.Linear(2, 2), 6
    with torch.no_grad():
        x = torch.randn(8, 2)
        for t in reversed(range(n)):
            eps = model(x)
            x = x - 0.1 * eps
            if t > 0:
                noise = torch.randn_like(x)
                x = x + 0.3 * noise
"""
DECODED = """
    import torch
    from torch import nn

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.key, self.out = nn.Embedding(9, 4), nn.Linear(4, 4), nn.Linear(4, 9)

        def forward(self, token, cache):
            x = self.embed(token)
            keys = torch.cat([cache, self.key(x)]) if cache is not None else self.key(x)
            return self.out(torch.softmax(x @ keys.T, dim=-1) @ keys), keys

    model, token, cache = Decoder(), torch.tensor([0]), None
    with torch.no_grad():
        for _ in range(5):
            logits, cache = model(token, cache)
            token = logits.argmax(dim=-1)
"""


@pytest.mark.parametrize(
    ("program", "times", "which", "lines"),
    [(NOISE, 6, "last", ("randn_like", "*", "+")), (DECODED, 5, "first", ("cat",))],
    ids=["last", "first"],
)
def test_a_turn_without_some_lines_is_part_of_the_loop_which_says_so(
    program: str, times: int, which: str, lines: tuple[str, ...], tmp_path: Path
) -> None:
    recording, _ = run(tmp_path, program)
    (graph,) = recording.graphs
    drawing = draw(graph, view="roll")
    scope = only_loop(drawing.view)
    assert turns(scope) == times
    assert lacking(scope, which) == lines
    assert {each.scope is not None for each in drawing.view.nodes} == {True}
    inside = {each.id for each in drawing.view.nodes if scope in drawing.view.path(each.scope)}
    assert inside == {each.id for each in drawing.view.nodes}
    (title,) = (" ".join(text.plain(row) for row in box.lines) for box in drawing.scene.boxes if _is_loop(box))
    assert f"the {which} without" in title
    (result,) = (value for value in drawing.view.outputs if value in graph.outputs)  # numbers are those of the end
    assert drawing.view.value_by_id[result] == graph.value_by_id[result]
    assert problems(drawing.scene) == []


def test_lines_that_run_again_behind_a_loop_are_no_turn_of_it(tmp_path: Path) -> None:
    recording, _ = run(
        tmp_path, NOISE.replace("if t > 0:", "if True:") + "        y = model(x)\n        z = y - 0.1 * y\n"
    )
    scope = only_loop(draw(recording.graphs[0], view="roll").view)
    assert turns(scope) == 6
    assert lacking(scope, "last") == ()


def _is_loop(box: Box) -> bool:
    return box.kind == "group" and box.lines[0][0].text.startswith("×")


LISTED = """
    import torch

    W_q, W_k, W_v = (torch.randn(4, 4, requires_grad=True) for _ in range(3))
    x, keys, values = torch.randn(1, 4), [], []
    for t in range(5):
        keys.append(x @ W_k)
        values.append(x @ W_v)
        K, V = torch.cat(keys), torch.cat(values)
        x = x + torch.softmax(x @ W_q @ K.T / 2, dim=-1) @ V
    loss = x.sum()
"""


def test_a_loop_that_reads_a_growing_list_is_one(tmp_path: Path) -> None:
    recording, _ = run(tmp_path, LISTED)
    drawing = draw(recording.graphs[0], view="roll")
    scope = only_loop(drawing.view)
    assert turns(scope) == 5
    assert len(drawing.view.nodes) == 12
    assert {drawing.view.node_by_id[reader].op for _, reader in carried(scope)} == {"cat", "@", "+"}
    assert problems(drawing.scene) == []


LOOPS = {
    "rnn": RNN,
    "cell": CELL,
    "lstm": LSTM,
    "gru": GRU,
    "decoder": DECODER,
    "beam": BEAM,
    "denoising": DENOISING,
    "cache": CACHE,
    "noise": NOISE,
    "decoded": DECODED,
    "listed": LISTED,
}


@pytest.mark.parametrize("program", LOOPS.values(), ids=LOOPS)
def test_the_same_operation_stands_at_the_same_height_in_every_turn(program: str, tmp_path: Path) -> None:
    recording, _ = run(tmp_path, program)
    for direction in ("LR", "TB"):
        for steps in (3, 30):
            view = f"time:steps={steps}"
            scene = draw(recording.graphs[0], view=view, style="operations", direction=direction).scene
            assert problems(scene) == []
            columns = [box for box in scene.boxes if box.column is not None]
            assert len({(box.y, box.height) if direction == "LR" else (box.x, box.width) for box in columns}) == 1
            found = [sorted(round(each, 1) for each in turn) for turn in heights(scene)]
            whole = max(found, key=len)
            assert len([turn for turn in found if turn == whole]) >= len(found) - 1
            assert all({*turn} <= {*whole} for turn in found)  # one may lack some lines


@pytest.mark.parametrize("program", LOOPS.values(), ids=LOOPS)
def test_turns_without_words_are_as_wide_as_each_other_and_the_first_is_not_much_wider(
    program: str, tmp_path: Path
) -> None:
    recording, _ = run(tmp_path, program)
    scene = draw(recording.graphs[0], view="time:steps=4", style="operations", direction="LR").scene
    first, *others = (box.width for box in scene.boxes if box.column is not None and box.kind == "group")
    assert max(others) <= first <= 1.8 * max(others)
    right = max(box.x + box.width for box in scene.boxes if box.column is not None)
    left = min(box.x for box in scene.boxes if box.column is not None)
    between = right - left - sum(box.width for box in scene.boxes if box.column is not None)
    assert between <= 4 * 110  # room for the word beside a state, and no more


def test_what_one_turn_alone_is_given_stands_in_it_and_what_the_last_one_makes_behind_it(tmp_path: Path) -> None:
    recording, _ = run(tmp_path, BEAM)
    scene = draw(recording.graphs[0], view="time", direction="LR").scene
    (last,) = (box for box in scene.boxes if box.column == 7)
    outputs = [box for box in scene.boxes if box.lines and box.lines[0][0].text in ("scores", "beams")]
    assert all(box.x > last.x + last.width for box in outputs if box.id not in _read(scene))
    recording, _ = run(tmp_path, DENOISING)
    scene = draw(recording.graphs[0], view="time", direction="LR").scene
    turns = {box.id for box in scene.boxes if box.column is not None and box.kind == "group"}
    steps = [box for box in scene.boxes if box.kind == "tensor" and box.group in turns]
    assert len(steps) == len(turns)


def _read(scene: Scene) -> set[str]:
    return {edge.tail for edge in scene.edges}


def test_weights_stand_once_in_a_gutter_beside_the_turns(tmp_path: Path) -> None:
    recording, _ = run(tmp_path, RNN)
    for direction in ("LR", "TB"):
        scene = draw(recording.graphs[0], view="time", style="data", direction=direction).scene
        across = direction == "LR"
        turns_end = max(
            box.y + box.height if across else box.x + box.width for box in scene.boxes if box.column is not None
        )
        weights = [box for box in scene.boxes if box.kind == "tensor" and box.lines[0][0].text == "W"]
        assert len(weights) == 2
        assert all((box.y if across else box.x) > turns_end for box in weights)
        assert len({box.y if across else box.x for box in weights}) == 1  # one row, or one column


LEARNING = {"rnn": RNN, "cell": CELL, "lstm": LSTM, "gru": GRU}


@pytest.mark.parametrize("program", LEARNING.values(), ids=LEARNING)
def test_gradients_flow_from_a_turn_to_the_one_before_it(program: str, tmp_path: Path) -> None:
    recording, _ = run(tmp_path, program)
    drawing = draw(recording.graphs[0], view=["roll", "backward"])
    derivative = {node.forward: f"n{node.id}" for node in drawing.view.nodes if node.phase == "backward"}
    view, scope = drawing.view, only_loop(drawing.view)
    expected = {(derivative.get(reader), derivative.get(view.producer[value].id)) for value, reader in carried(scope)}
    arrows = {(edge.tail, edge.head) for edge in drawing.scene.edges if edge.back and edge.against}
    assert arrows == {pair for pair in expected if None not in pair} != set()
    assert "a loop is drawn once, with the numbers of the last turn" in drawing.notes
    assert problems(drawing.scene) == []


@pytest.mark.parametrize("program", LEARNING.values(), ids=LEARNING)
def test_gradients_flow_back_through_all_columns_also_those_that_are_not_drawn(program: str, tmp_path: Path) -> None:
    recording, _ = run(tmp_path, program)
    for direction in ("LR", "TB"):
        scene = draw(recording.graphs[0], view=["time:steps=3", "backward"], direction=direction).scene
        assert problems(scene) == []
        left_out = [box for box in scene.boxes if box.lines and box.lines[0][0].text.startswith("…")]
        assert len(left_out) == 2  # forward, and opposite it backward
        assert all(any(box.id == end for edge in scene.edges for end in (edge.tail, edge.head)) for box in left_out)
        inside = _columns_of(scene)
        back = {(inside.get(edge.tail), inside.get(edge.head)) for edge in scene.edges if edge.against}
        turns_drawn = sorted({turn for turn in inside.values() if turn is not None})
        assert {*zip(turns_drawn[1:], turns_drawn, strict=False)} <= back


def _columns_of(scene: Scene) -> dict[str, int | None]:
    """The turn that each box lies in."""
    found: dict[str, int | None] = {}
    for box in scene.boxes:
        found[box.id] = box.column if box.column is not None else found.get(box.group or "")
    return found


# Without a gradient, passes are told apart by what modules are given.

LOADER = """
    import torch

    model, right = torch.nn.Linear(3, 2), 0
    with torch.no_grad():
        for _ in range(4):
            batch = torch.randn(5, 3) * 2
            right = right + model(batch).argmax(1).sum()
"""
WRITTEN = """
    import torch

    model, x = torch.nn.Linear(3, 3), torch.randn(5, 3)
    with torch.no_grad():
        for _ in range(4):
            x.add_(model(x), alpha=0.1)
"""
STATE = """
    import torch

    model, x, state = torch.nn.LSTM(3, 3), torch.randn(1, 5, 3), None
    with torch.no_grad():
        for _ in range(4):
            _, state = model(x, state)
"""


@pytest.mark.parametrize(
    ("program", "passes"), [(LOADER, 4), (WRITTEN, 1), (STATE, 1)], ids=["loader", "written", "state"]
)
def test_a_module_called_again_on_its_own_result_goes_on_with_the_pass(
    program: str, passes: int, tmp_path: Path
) -> None:
    recording, _ = run(tmp_path, program)
    assert recording.passes == len(recording.graphs) == passes
