"""A perceptron, and a model of two inputs and two outputs: PyTorch code in the look of TensorFlow's flowing tensors."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ReluLayer(nn.Module):
    """A product, a sum, and what is negative cut off."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.W_h = nn.Parameter(0.1 * torch.randn(inputs, units))
        self.b_h = nn.Parameter(torch.zeros(units))

    def forward(self, x: Tensor) -> Tensor:
        """Features of shape (batch, units)."""
        return torch.relu(x @ self.W_h + self.b_h)


class LogitLayer(nn.Module):
    """Scores: the same without a cut."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.W_s = nn.Parameter(0.1 * torch.randn(inputs, units))
        self.b_s = nn.Parameter(torch.zeros(units))

    def forward(self, h: Tensor) -> Tensor:
        """Scores of shape (batch, units)."""
        return h @ self.W_s + self.b_s


torch.manual_seed(0)
images, digits = torch.rand(100, 8, 8), torch.randint(10, (100,))

# TensorFlow's example: what digit does an image show?
relu_layer, logit_layer = ReluLayer(64, 32), LogitLayer(32, 10)
trainer = torch.optim.SGD([*relu_layer.parameters(), *logit_layer.parameters()], lr=0.1)

x = images.reshape(100, 64)
h = relu_layer(x)
logits = logit_layer(h)
loss = F.cross_entropy(logits, digits)
loss.backward()
trainer.step()
print(f"perceptron: loss {loss.item():.3f}")

# Two inputs, two outputs: how the pen moved helps, and whose hand it was is asked too.
pen, hands = torch.rand(100, 16), torch.randint(5, (100,))
image_layer, pen_layer = ReluLayer(64, 32), ReluLayer(16, 32)
digit_layer, hand_layer = LogitLayer(32, 10), LogitLayer(32, 5)

features = image_layer(images.reshape(100, 64)) + pen_layer(pen)
digit_loss = F.cross_entropy(digit_layer(features), digits)
hand_loss = F.cross_entropy(hand_layer(features), hands)
loss = digit_loss + hand_loss
loss.backward()
print(f"two inputs, two outputs: loss {digit_loss.item():.3f} + {hand_loss.item():.3f}")
