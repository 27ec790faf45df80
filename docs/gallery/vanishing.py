"""Eight sigmoid layers: the gradient vanishes on its way back to the first."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential()
for _ in range(8):
    model.append(nn.Linear(32, 32))
    model.append(nn.Sigmoid())

x = torch.randn(16, 32)
target = torch.rand(16, 32)
loss = nn.functional.mse_loss(model(x), target)
loss.backward()
