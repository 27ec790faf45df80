"""The same recurrent cell over sequences of 3 and of 5: one program, two graphs."""

import torch
from torch import Tensor, nn


class Cell(nn.Module):
    """One step: from the input and the hidden state to the next hidden state."""

    def __init__(self) -> None:
        super().__init__()
        self.W_x = nn.Parameter(torch.randn(10, 20))
        self.W_h = nn.Parameter(torch.randn(20, 20))

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """The next hidden state, of shape (1, 20)."""
        return torch.tanh(x @ self.W_x + h @ self.W_h)


torch.manual_seed(0)
cell = Cell()

for length in (3, 5):
    h = torch.zeros(1, 20)
    for _ in range(length):  # the graph is as long as the sequence turns out to be
        x = torch.randn(1, 10)
        h = cell(x, h)
    loss = h.sum()

    cell.zero_grad()
    loss.backward()
    print(f"{length} inputs: loss {loss.item():.3f}, |grad W_h| {cell.W_h.grad.norm().item():.3f}")
