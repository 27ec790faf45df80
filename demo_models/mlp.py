"""A multilayer perceptron that learns to read real handwritten digits."""

from __future__ import annotations

import sys

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

try:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
except ModuleNotFoundError:
    sys.exit("This demo reads the digits that come with scikit-learn: pip install 'graphtrace[digits]'")


class MLP(nn.Module):
    """64 pixels in, 10 scores out (one for each digit), one hidden layer between."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(64, 32)
        self.fc2 = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Scores, of shape (batch, 10), for images of shape (batch, 64)."""
        h = self.fc1(x).relu()
        return self.fc2(h)


def tensors(pixels: np.ndarray, digits: np.ndarray) -> TensorDataset:
    """Images of shape (n, 64) from 0 to 1, and what digit each shows, of shape (n,)."""
    return TensorDataset(torch.tensor(pixels / 16, dtype=torch.float32), torch.tensor(digits))


torch.manual_seed(0)

pixels, digits = load_digits(return_X_y=True)  # 1,797 images of 8×8 pixels, each from 0 to 16
train_pixels, test_pixels, train_digits, test_digits = train_test_split(pixels, digits, random_state=0)
batches = DataLoader(tensors(train_pixels, train_digits), batch_size=100, shuffle=True)

model = MLP()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

losses = []  # of every step
gradients = {"fc1": [], "fc2": []}  # norm of each layer's gradient, of every step

for _epoch in range(15):
    for x, y in batches:
        logits = model(x)
        loss = criterion(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

        losses.append(loss.item())
        for layer, norms in gradients.items():
            norms.append(model.get_submodule(layer).weight.grad.norm().item())

with torch.no_grad():
    x, y = tensors(test_pixels, test_digits).tensors
    guesses = model(x).argmax(dim=1)
accuracy = (guesses == y).double().mean().item()

confusion = torch.zeros(10, 10, dtype=torch.long)  # a row for each digit, a column for each guess
for digit, guess in zip(y, guesses):
    confusion[digit, guess] += 1
confusion = confusion.tolist()

print(f"loss {losses[0]:.3f} at first, {losses[-1]:.3f} at last")
for layer, norms in gradients.items():
    print(f"|grad {layer}.weight| {norms[0]:.3f} at first, {norms[-1]:.3f} at last")
print(f"accuracy on {len(y)} digits that were not trained on: {accuracy:.1%}")
