"""Backward in all its forms: several runs, second derivatives, the author's own functions, checkpoints."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from tests.zoo.registry import program


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(a)
        return a.exp() * 2

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        (a,) = ctx.saved_tensors
        return grad * a.exp() * 2


@program
def backward_twice() -> Any:
    x = torch.randn(3, requires_grad=True)
    y = (x * 2).sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad


@program
def backward_into_the_same_leaves() -> Any:
    w = torch.randn(3, requires_grad=True)
    for loss in ((w * 2).sum(), w.exp().mean(), w.norm()):
        loss.backward()
    return w.grad


@program
def backward_with_a_given_gradient() -> Any:
    x = torch.randn(3, requires_grad=True)
    (x * x).backward(gradient=torch.tensor([1.0, 0.5, 0.0]))
    return x.grad


@program
def backward_to_chosen_inputs() -> Any:
    a, b = torch.randn(2, requires_grad=True), torch.randn(2, requires_grad=True)
    (a * b).sum().backward(inputs=[a])
    return a.grad, b.grad


@program
def several_roots() -> Any:
    a = torch.ones(2, requires_grad=True)
    torch.autograd.backward([a * 2, a * 3], [torch.ones(2), torch.ones(2)])
    return a.grad


@program
def gradients_asked_for() -> Any:
    a, b, unused = (torch.randn(2, requires_grad=True) for _ in range(3))
    h = a * b
    found = torch.autograd.grad(h.sum(), [a, h, unused], allow_unused=True, retain_graph=True)
    (vector_product,) = torch.autograd.grad(h, b, grad_outputs=torch.ones(2))
    return found, vector_product, a.grad


@program
def gradients_in_a_batch() -> Any:
    x = torch.randn(3, requires_grad=True)
    (rows,) = torch.autograd.grad(x.sin() * 2, x, torch.eye(3), is_grads_batched=True)
    return rows


@program
def double_backward() -> Any:
    x = torch.randn(3, requires_grad=True)
    (gradient,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    (gradient**2).sum().backward()
    return x.grad


@program
def gradient_penalty() -> Any:
    critic, x = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)), torch.randn(2, 3, requires_grad=True)
    score = critic(x).sum()
    (slope,) = torch.autograd.grad(score, x, create_graph=True)
    (score + ((slope.norm(dim=1) - 1) ** 2).mean()).backward()
    return [parameter.grad for parameter in critic.parameters()]


@program
def hessian() -> Any:
    return torch.autograd.functional.hessian(lambda a: (a**3).sum(), torch.randn(3))


@program
def custom_function() -> Any:
    w = torch.randn(2, requires_grad=True)
    y = Double.apply(Double.apply(w) * 0.1)
    y.sum().backward()
    return y, w.grad


@program
def custom_function_differentiated_twice() -> Any:
    w = torch.randn(2, requires_grad=True)
    (gradient,) = torch.autograd.grad(Double.apply(w).sum(), w, create_graph=True)
    gradient.sum().backward()
    return gradient, w.grad


@program
def custom_function_with_setup_context() -> Any:
    class Split(torch.autograd.Function):
        @staticmethod
        def forward(a: torch.Tensor, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
            return a[:1] * scale, a[1:].clone()

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.scale = inputs[1]
            ctx.mark_non_differentiable(output[1])

        @staticmethod
        def backward(ctx: Any, first: torch.Tensor, second: torch.Tensor) -> Any:
            return torch.cat([first * ctx.scale, second]), None

    w = torch.randn(3, requires_grad=True)
    first, second = Split.apply(w, 2.0)
    first.sum().backward()
    return first, second, w.grad


@program
def custom_function_in_place() -> Any:
    class AddOne(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: torch.Tensor) -> torch.Tensor:
            ctx.mark_dirty(a)
            return a.add_(1)

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
            return grad

    w = torch.zeros(2, requires_grad=True)
    h = w * 2
    AddOne.apply(h)
    h.sum().backward()
    return h, w.grad


def _checkpointed(use_reentrant: bool) -> Any:
    layer, x = nn.Linear(4, 4), torch.randn(2, 4, requires_grad=True)
    checkpoint(lambda a: torch.relu(layer(a)), x, use_reentrant=use_reentrant).sum().backward()
    return x.grad, layer.weight.grad


@program
def checkpoint_without_reentry() -> Any:
    return _checkpointed(use_reentrant=False)


@program
def checkpoint_with_reentry() -> Any:
    return _checkpointed(use_reentrant=True)


@program
def checkpoint_with_dropout() -> Any:
    x = torch.randn(2, 4, requires_grad=True)
    block = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.ReLU())
    checkpoint(block, x, use_reentrant=False, preserve_rng_state=True).sum().backward()
    return x.grad, block[0].weight.grad


@program
def checkpoint_of_a_sequence() -> Any:
    layers, x = nn.Sequential(*[nn.Linear(3, 3) for _ in range(4)]), torch.randn(2, 3, requires_grad=True)
    checkpoint_sequential(layers, 2, x, use_reentrant=False).sum().backward()
    return x.grad, layers[0].weight.grad


@program
def saved_tensors_are_packed() -> Any:
    x = torch.randn(4, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda a: (a.dtype, a.half()), lambda p: p[1].to(p[0])):
        y = (x.exp() * x).sum()
    y.backward()
    with torch.autograd.graph.save_on_cpu():
        (x * x).sum().backward()
    return x.grad


@program
def anomaly_is_watched_for() -> Any:
    x = torch.randn(3, requires_grad=True)
    with torch.autograd.set_detect_anomaly(True):
        x.exp().sum().backward()
    return x.grad


@program
def straight_through_estimate() -> Any:
    x = torch.randn(4, requires_grad=True)
    (x + (x.round() - x).detach()).square().sum().backward()
    return x.grad
