"""The programs that recording is measured on, at the sizes of the table: each a module and its input."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from benchmarks.timing import Effort


@dataclass(frozen=True)
class Program:
    """A model, what it is called with, and how much slower it may be while it is recorded."""

    name: str
    model: nn.Module
    x: torch.Tensor
    bound: float  # recording over plain, forward and backward
    floor_bound: float | None = None  # recording over bare modes

    def forward(self) -> torch.Tensor:
        return self.model(self.x)  # type: ignore[no-any-return]

    def run(self) -> None:
        """Forward and backward, as a step of training."""
        self.model.zero_grad()
        loss = self.forward().square().mean()
        loss.backward()


def programs(effort: Effort) -> list[Program]:
    torch.manual_seed(0)
    steps, layers = effort.of(200, 2), effort.of(24)
    pixels = effort.of(224, 64)
    return [
        Program(f"LSTM by hand, {steps} steps", HandLSTM(), torch.randn(steps, 1, 8), 4.0, 1.5),
        Program(f"encoder, {layers} layers", encoder(layers), torch.randn(1, 128, 512), 1.3),
        Program(f"ResNet-50, {pixels} pixels", ResNet50(), torch.randn(1, 3, pixels, pixels), 1.3),
        Program("MLP 784-256-128-10, batch 64", mlp(), torch.randn(64, 784), 1.5),
    ]


class HandLSTM(nn.Module):
    """An LSTM written with operators, 17 calls a step."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(8, 64) / 4)
        self.u = nn.Parameter(torch.randn(16, 64) / 4)
        self.b = nn.Parameter(torch.zeros(64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = c = torch.zeros(1, 16)
        for t in range(len(x)):
            i, f, o, n = (x[t] @ self.w + h @ self.u + self.b).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(n)
            h = torch.sigmoid(o) * torch.tanh(c)
        return h


def encoder(layers: int) -> nn.Module:
    layer = nn.TransformerEncoderLayer(512, 8, 2048, batch_first=True)
    return nn.TransformerEncoder(layer, layers)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1, added to what came in (He et al., 2015, https://arxiv.org/abs/1512.03385)."""

    def __init__(self, wide: int, narrow: int, stride: int) -> None:
        super().__init__()
        out = 4 * narrow
        self.conv1, self.bn1 = nn.Conv2d(wide, narrow, 1, bias=False), nn.BatchNorm2d(narrow)
        self.conv2, self.bn2 = nn.Conv2d(narrow, narrow, 3, stride, 1, bias=False), nn.BatchNorm2d(narrow)
        self.conv3, self.bn3 = nn.Conv2d(narrow, out, 1, bias=False), nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or wide != out:
            self.downsample = nn.Sequential(nn.Conv2d(wide, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += self.downsample(x)
        return self.relu(y)


class ResNet50(nn.Module):
    """torchvision's `resnet50`, written out, for torchvision is not needed otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        )
        wide = 64
        stages: list[nn.Module] = []
        for narrow, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
            first = Bottleneck(wide, narrow, stride)
            stages.append(nn.Sequential(first, *[Bottleneck(4 * narrow, narrow, 1) for _ in range(blocks - 1)]))
            wide = 4 * narrow
        self.stages = nn.Sequential(*stages)
        self.fc = nn.Linear(wide, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.stages(self.stem(x)).mean((2, 3)))  # type: ignore[no-any-return]
