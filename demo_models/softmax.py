"""Softmax at logits of 1,000: the definition overflows, two tricks do not; values and gradients side by side."""

import torch
from torch import Tensor


def naive(z: Tensor) -> Tensor:
    """By the definition: e^1000 is more than a number can hold."""
    e = z.exp()
    return (e / e.sum()).log()


def shifted(z: Tensor) -> Tensor:
    """First trick: softmax(z) = softmax(z - c) for any c; with the maximum no exponent is above 0."""
    c = z.max().detach()
    e = (z - c).exp()
    return (e / e.sum()).log()


def log_softmax(z: Tensor) -> Tensor:
    """Second trick: log(e^z / Σe^z) = z - logsumexp(z); nothing to divide, and no log of a 0."""
    return z - z.logsumexp(dim=0)


def torchs_own(z: Tensor) -> Tensor:
    """What one uses."""
    return torch.log_softmax(z, dim=0)


def digits(numbers: Tensor) -> str:
    """Three of each number, in columns."""
    return " ".join(f"{number:7.3f}" for number in numbers.tolist())


results = []
for logits in ([1000.0, 1001.0, 1002.0], [0.0, 1.0, 2.0], [0.0, 1.0, 1000.0]):
    print(f"z = {logits}\n{'':13}softmax(z)                    loss  its gradient")
    for way in (naive, shifted, log_softmax, torchs_own):
        z = torch.tensor(logits, requires_grad=True)
        log_p = way(z)
        loss = -log_p[0]
        loss.backward()
        p, gradient = digits(log_p.exp()), digits(z.grad)
        print(f"{way.__name__:<12}{p}  {loss.item():8.3f}  {gradient}")
        results.append((" ".join(f"{each:g}" for each in logits), way.__name__, p, f"{loss.item():.4g}", gradient))
