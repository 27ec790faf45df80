"""An LSTM written by hand, in a plain loop over six steps."""

import torch

torch.manual_seed(0)
x = torch.randn(6, 1, 10)
W = torch.randn(10, 80, requires_grad=True)
U = torch.randn(20, 80, requires_grad=True)
b = torch.zeros(80, requires_grad=True)

h = torch.zeros(1, 20)
c = torch.zeros(1, 20)
for t in range(6):
    gates = x[t] @ W + h @ U + b
    i, f, o, g = gates.chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(c)

loss = h.pow(2).sum()
loss.backward()
