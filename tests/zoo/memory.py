"""Memory that is written and shared: in-place operations, views, `out=`, `.data`, `detach`, `no_grad`."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tests.zoo.registry import program


@program
def in_place_on_a_view() -> Any:
    x = torch.zeros(3, 3)
    x[1].add_(1)
    x.t()[0].mul_(5).sub_(2)
    x.view(9)[::4] = 8
    return x, x.sum()


@program
def in_place_with_gradients() -> Any:
    w = torch.randn(2, 3, requires_grad=True)
    h = w * 2
    h[0].mul_(3)
    h[:, 1] = w[:, 0]
    h.relu_()
    h.sum().backward()
    return h, w.grad


@program
def item_assignment() -> Any:
    x = torch.zeros(4)
    x[0] = 1
    x[1:3] = torch.ones(2)
    x[x == 0] = 7
    x[torch.tensor([0, 1])] = torch.tensor([3.0, 4.0])
    x[...] += 1
    return x * 2


@program
def augmented_assignment() -> Any:
    x = torch.ones(3)
    same = x
    x += 1
    x *= 2
    x **= 2
    x /= 4
    x -= same
    return x, same


@program
def views_of_views() -> Any:
    x = torch.arange(24.0).requires_grad_()
    y = x.view(2, 3, 4).permute(2, 0, 1)[1:].unsqueeze(0).expand(2, -1, -1, -1).flatten(1).narrow(1, 2, 5)
    y.sum().backward()
    return y, x.grad, x.as_strided((2, 2), (3, 1), 1).detach(), x.unfold(0, 3, 2).sum().detach()


@program
def out_argument() -> Any:
    out = torch.empty(3)
    torch.add(torch.ones(3), 1, out=out)
    return out


@program
def out_argument_that_is_a_view() -> Any:
    table, low, high = torch.zeros(2, 3), torch.empty(0), torch.empty(0, dtype=torch.long)
    torch.mul(torch.ones(3), 4, out=table[1])
    torch.max(table, dim=1, out=(low, high))
    return table, low, high


@program
def data_attribute() -> Any:
    w = torch.ones(3, requires_grad=True)
    w.data.mul_(2)
    first = (w + 1).detach()
    w.data = torch.zeros(3)
    return first, (w + 1).detach()


@program
def detached_branch() -> Any:
    x = torch.randn(3, requires_grad=True)
    h = x.exp()
    (h * h.detach()).sum().backward()
    copy = h.detach().clone().requires_grad_()
    (copy**2).sum().backward()
    return x.grad, copy.grad


@program
def detach_in_place() -> Any:
    x = torch.ones(2, requires_grad=True)
    h = x * 2
    h.detach_()
    return h.requires_grad, h + 1


@program
def no_grad() -> Any:
    layer, x = nn.Linear(2, 2), torch.randn(1, 2)
    with torch.no_grad():
        target = layer(x)
        with torch.enable_grad():
            inner = layer(x).sum()
    inner.backward()
    return target, target.requires_grad, layer.weight.grad


@program
def no_grad_as_a_decorator() -> Any:
    @torch.no_grad()
    def evaluate(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
        return model(x) * 2

    y = evaluate(nn.Linear(2, 2), torch.ones(1, 2))
    return y, y.requires_grad


@program
def inference_mode() -> Any:
    with torch.inference_mode():
        b = torch.ones(3) * 2
        b += 1
        b[:2].add_(1)
        return b.clone()


@program
def requires_grad_is_turned_on_late() -> Any:
    x = torch.randn(3)
    early = x * 2
    x.requires_grad_(True)
    late = x * 3
    (early + late).sum().backward()
    return early.requires_grad, x.grad


@program
def frozen_layers() -> Any:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    model[0].requires_grad_(False)
    model(torch.ones(1, 2)).sum().backward()
    return model[0].weight.grad, model[1].weight.grad


@program
def memory_is_swapped_and_resized() -> Any:
    a, b = torch.ones(2), torch.zeros(3)
    a.set_(b)
    a.resize_(2)
    a.fill_(4)
    return a, b


@program
def clones_and_casts() -> Any:
    x = torch.randn(3, requires_grad=True)
    y = x.to(torch.float64).clone().contiguous().to("cpu").type_as(x).half().float()
    y.sum().backward()
    return y, x.grad, x.long().detach(), x.detach().view(torch.int32)


@program
def scatter_and_gather() -> Any:
    x, places = torch.randn(3, 4, requires_grad=True), torch.tensor([[0, 1], [2, 0], [3, 3]])
    gathered = x.gather(1, places)
    spread = torch.zeros(3, 4).scatter_add_(1, places, gathered).index_add(0, torch.tensor([0]), torch.ones(1, 4))
    spread.masked_fill(spread > 1, 0).sum().backward()
    return spread, x.grad
