"""Two Inception blocks of GoogLeNet, written plainly: four branches side by side, joined."""

import torch
from torch import Tensor, nn


class Branch(nn.Sequential):
    """A convolution, normalised."""

    def __init__(self, channels: int, out: int, size: int) -> None:
        super().__init__(nn.Conv2d(channels, out, size, padding=size // 2), nn.BatchNorm2d(out), nn.ReLU())


class Inception(nn.Module):
    """Convolutions of three sizes and a pool, side by side."""

    def __init__(self, channels: int, c1: int, c3: tuple[int, int], c5: tuple[int, int], pool: int) -> None:
        super().__init__()
        self.branch1 = Branch(channels, c1, 1)
        self.branch2 = nn.Sequential(Branch(channels, c3[0], 1), Branch(c3[0], c3[1], 3))
        self.branch3 = nn.Sequential(Branch(channels, c5[0], 1), Branch(c5[0], c5[1], 5))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), Branch(channels, pool, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], dim=1)


torch.manual_seed(0)
model = nn.Sequential(Inception(192, 64, (96, 128), (16, 32), 32), Inception(256, 128, (128, 192), (32, 96), 64))
x = torch.randn(2, 192, 28, 28)
features = model(x)
features.mean().backward()
