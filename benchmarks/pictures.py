"""The corpus that layouts are compared on: graphs captured here and now, flat ones and nested ones."""

from __future__ import annotations

import contextlib
import io
import runpy
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

import demo_models
import render
import tracer
from render.scene import Scene
from tests.zoo import ZOO

SMALLEST, LARGEST = 5, 300  # boxes of a picture of the corpus

# Models, in the manner of those that people draw.


class Block(nn.Module):
    """A residual block; with a stride, its short cut is a convolution."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.downsample = nn.Identity()
        if stride > 1 or channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.downsample(x))


def resnet(blocks: int = 4) -> nn.Module:
    stem = nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1), nn.BatchNorm2d(8), nn.ReLU())
    layers = [Block(8 * (1 + i // 2), 8 * (1 + (i + 1) // 2), 1 + i % 2) for i in range(blocks)]
    return nn.Sequential(stem, *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(10))


class Attention(nn.Module):
    """Causal self-attention as in GPT-2, its mask handed in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        b, t, width = x.shape
        q, k, v = (each.view(b, t, self.heads, -1).transpose(1, 2) for each in self.c_attn(x).split(width, 2))
        scores = (q @ k.transpose(-2, -1)) / (width // self.heads) ** 0.5
        weights = scores.masked_fill(mask, float("-inf")).softmax(-1)
        return self.c_proj((weights @ v).transpose(1, 2).reshape(b, t, width))


class Layer(nn.Module):
    """A block of a GPT-2."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x), mask)
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    """A GPT-2 with few layers; the mask and the embedding are shared by all that use them."""

    def __init__(self, layers: int, width: int = 16, heads: int = 2) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(50, width), nn.Embedding(8, width)
        self.h = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        mask = torch.ones(tokens.shape[1], tokens.shape[1], dtype=torch.bool).triu(1)
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
        for layer in self.h:
            x = layer(x, mask)
        return self.ln_f(x) @ self.wte.weight.t()


class UNet(nn.Module):
    """Down and up again, with skip connections across."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(1 if not i else 4, 4, 3, padding=1) for i in range(depth))
        self.middle = nn.Conv2d(4, 4, 3, padding=1)
        self.up = nn.ModuleList(nn.Conv2d(8, 4, 3, padding=1) for _ in range(depth))
        self.head = nn.Conv2d(4, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for conv in self.down:
            x = F.relu(conv(x))
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = F.relu(self.middle(x))
        for conv, skip in zip(self.up, reversed(skips), strict=True):
            x = F.relu(conv(torch.cat([F.interpolate(x, scale_factor=2), skip], 1)))
        return self.head(x)


class Inception(nn.Module):
    """Branches side by side, joined."""

    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        self.one = nn.Conv2d(channels, 4, 1)
        self.three = nn.Sequential(nn.Conv2d(channels, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1))
        self.five = nn.Sequential(nn.Conv2d(channels, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 5, padding=2))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(channels, 4, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], 1)


class Dense(nn.Module):
    """Every layer reads all before it."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4 * (i + 1), 4) for i in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        found = [x]
        for layer in self.layers:
            found.append(torch.relu(layer(torch.cat(found, 1))))
        return torch.cat(found, 1)


class Recurrent(nn.Module):
    """A cell in a loop."""

    def __init__(self, cell: nn.Module, steps: int) -> None:
        super().__init__()
        self.cell, self.head, self.steps = cell, nn.Linear(4, 2), steps

    def forward(self, x: Tensor) -> Tensor:
        state: Any = None
        for t in range(self.steps):
            state = self.cell(x[:, t], state)
        return self.head(state[0] if isinstance(state, tuple) else state)


class Autoencoder(nn.Module):
    """A variational autoencoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(8, 6), nn.ReLU())
        self.mean, self.spread = nn.Linear(6, 2), nn.Linear(6, 2)
        self.decoder = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 8), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        h = self.encoder(x)
        mean, spread = self.mean(h), self.spread(h)
        y = self.decoder(mean + torch.exp(spread / 2) * torch.randn_like(spread))
        return F.mse_loss(y, x) - 0.5 * (1 + spread - mean**2 - spread.exp()).sum()


class Experts(nn.Module):
    """A gate and the experts it weighs."""

    def __init__(self, experts: int) -> None:
        super().__init__()
        self.gate = nn.Linear(4, experts)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)) for _ in range(experts))

    def forward(self, x: Tensor) -> Tensor:
        weights = self.gate(x).softmax(-1)
        return sum(weights[:, i : i + 1] * expert(x) for i, expert in enumerate(self.experts))  # type: ignore[return-value]


# Programs without modules.


def lstm_by_hand(steps: int) -> Tensor:
    """An LSTM written with operators; about 17 calls a step."""
    x, b = torch.randn(steps, 1, 8), torch.zeros(64, requires_grad=True)
    w, u = torch.randn(8, 64, requires_grad=True), torch.randn(16, 64, requires_grad=True)
    h = c = torch.zeros(1, 16)
    for t in range(steps):
        i, f, o, n = (x[t] @ w + h @ u + b).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(n)
        h = torch.sigmoid(o) * torch.tanh(c)
    return h.sum()


def rnn_by_hand(steps: int) -> Tensor:
    W_x, W_h = torch.randn(4, 3, requires_grad=True), torch.randn(4, 4, requires_grad=True)  # noqa: N806
    h = torch.zeros(4)
    for x in torch.randn(steps, 3):
        h = torch.tanh(W_x @ x + W_h @ h)
    loss = h.sum()
    loss.backward()
    return loss


def softmax_by_hand() -> Tensor:
    logits = torch.randn(2, 5, requires_grad=True)
    shifted = logits - logits.max(1, keepdim=True).values
    exps = shifted.exp()
    probabilities = exps / exps.sum(1, keepdim=True)
    loss = -probabilities[torch.arange(2), torch.tensor([0, 3])].log().mean()
    loss.backward()
    return loss


def attention_by_hand() -> Tensor:
    x = torch.randn(5, 8)
    W_q, W_k, W_v = (torch.randn(8, 8, requires_grad=True) for _ in range(3))  # noqa: N806
    q, k, v = x @ W_q, x @ W_k, x @ W_v
    scores = q @ k.t() / 8**0.5
    loss = (scores.softmax(1) @ v).sum()
    loss.backward()
    return loss


def batch_norm_by_hand() -> Tensor:
    x, gamma, beta = torch.randn(8, 4), torch.ones(4, requires_grad=True), torch.zeros(4, requires_grad=True)
    mean = x.mean(0)
    centred = x - mean
    var = (centred**2).mean(0)
    y = gamma * (centred / (var + 1e-5).sqrt()) + beta
    return (y**2).sum()


def orthogonal(columns: int) -> Tensor:
    """Gram-Schmidt: everything reads everything before it."""
    found: list[Tensor] = []
    for column in torch.randn(columns, columns):
        for basis in found:
            column = column - (column @ basis) * basis
        found.append(column / column.norm())
    return torch.stack(found)


def fan_out(readers: int) -> Tensor:
    x = torch.randn(4)
    return torch.stack([torch.sin(x + i) * x for i in range(readers)]).sum()


def ladder(rungs: int) -> Tensor:
    a, b = torch.randn(3), torch.randn(3)
    for _ in range(rungs):
        a, b = torch.sin(a + b), torch.cos(a * b)
    return a + b


def traced(model: nn.Module, *inputs: Tensor) -> tracer.Graph:
    return tracer.trace(model, *inputs)


def recorded(program: Callable[[], Any]) -> tracer.Graph:
    with warnings.catch_warnings(), tracer.record("all") as recording:
        warnings.simplefilter("ignore")
        program()
    return recording.graphs[-1]


def scripted(name: str) -> tracer.Graph:
    with tracer.record("first") as recording, contextlib.redirect_stdout(io.StringIO()):
        runpy.run_path(str(demo_models.available()[name]))
    return recording.graph


Make = Callable[[], tracer.Graph]

_IMAGE, _WORDS, _STEPS = torch.zeros(1, 3, 16, 16), torch.arange(6)[None], torch.zeros(2, 6, 3)


def _encoder(layers: int) -> nn.Module:
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), layers)


FLAT: dict[str, Make] = {
    "lstm by hand, 1 step": lambda: recorded(lambda: lstm_by_hand(1)),
    "lstm by hand, 3 steps": lambda: recorded(lambda: lstm_by_hand(3)),
    "lstm by hand, 8 steps": lambda: recorded(lambda: lstm_by_hand(8)),
    "rnn by hand, 2 steps": lambda: recorded(lambda: rnn_by_hand(2)),
    "rnn by hand, 6 steps": lambda: recorded(lambda: rnn_by_hand(6)),
    "softmax by hand": lambda: recorded(softmax_by_hand),
    "attention by hand": lambda: recorded(attention_by_hand),
    "batch norm by hand": lambda: recorded(batch_norm_by_hand),
    "Gram-Schmidt of 4": lambda: recorded(lambda: orthogonal(4)),
    "fan-out of 12": lambda: recorded(lambda: fan_out(12)),
    "ladder of 6": lambda: recorded(lambda: ladder(6)),
    **{f"demo {name}": lambda name=name: scripted(name) for name in ("rnn_cell", "scalar_neuron")},
    **{
        f"zoo {name}": lambda name=name: recorded(ZOO[name])
        for name in ("packed_sequence", "several_results", "truncated_backward_through_time", "jacobian", "hessian")
    },
}
NESTED: dict[str, Make] = {
    "perceptron": lambda: traced(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), torch.zeros(2, 4)),
    "ResNet, 2 blocks": lambda: traced(resnet(2), _IMAGE),
    "ResNet, 6 blocks": lambda: traced(resnet(6), _IMAGE),
    "encoder, 1 layer": lambda: traced(_encoder(1), torch.zeros(2, 5, 8)),
    "encoder, 3 layers": lambda: traced(_encoder(3), torch.zeros(2, 5, 8)),
    "decoder": lambda: traced(nn.TransformerDecoderLayer(8, 2, 16), torch.zeros(5, 2, 8), torch.zeros(4, 2, 8)),
    "transformer": lambda: traced(nn.Transformer(8, 2, 1, 1, 16), torch.zeros(5, 2, 8), torch.zeros(4, 2, 8)),
    "GPT, 1 layer": lambda: traced(GPT(1), _WORDS),
    "GPT, 4 layers": lambda: traced(GPT(4), _WORDS),
    "U-Net, 3 deep": lambda: traced(UNet(3), torch.zeros(1, 1, 16, 16)),
    "Inception": lambda: traced(nn.Sequential(Inception(3), nn.ReLU(), Inception(16)), _IMAGE),
    "DenseNet of 5": lambda: traced(Dense(5), torch.zeros(2, 4)),
    "LSTM cell, 5 steps": lambda: traced(Recurrent(nn.LSTMCell(3, 4), 5), _STEPS),
    "GRU cell, 3 steps": lambda: traced(Recurrent(nn.GRUCell(3, 4), 3), _STEPS),
    "autoencoder": lambda: traced(Autoencoder(), torch.zeros(2, 8)),
    "4 experts": lambda: traced(Experts(4), torch.zeros(2, 4)),
    "zoo fused_encoder": lambda: recorded(ZOO["fused_encoder"]),
    "zoo lazy_module": lambda: recorded(ZOO["lazy_module"]),
}
FLAT_WAYS: tuple[dict[str, Any], ...] = ({"level": "function"}, {"level": "autograd"})
NESTED_WAYS: tuple[dict[str, Any], ...] = ({"level": "function"}, {"level": "kernel"}, {"show": "params"})


def corpus() -> Iterator[tuple[str, Scene]]:
    """Scenes, not yet placed, of graphs of 5 to 300 boxes; first the flat ones, then those with groups in them."""
    torch.manual_seed(0)
    for makes, ways in ((FLAT, FLAT_WAYS), (NESTED, NESTED_WAYS)):
        for name, make in makes.items():
            graph, seen = make(), list[Scene]()
            for way in ways:
                drawn = render.draw(graph, **way).composed
                grouped = any(box.kind == "group" for box in drawn.boxes)
                if SMALLEST <= len(drawn.boxes) <= LARGEST and drawn not in seen and grouped == (makes is NESTED):
                    seen.append(drawn)
                    yield f"{name} · {' '.join(way.values())}", drawn
