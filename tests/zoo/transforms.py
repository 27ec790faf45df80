"""`torch.func`, control flow as operators, and tensors without numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from tests.zoo.registry import program


@program
def vmap() -> Any:
    return torch.func.vmap(lambda a, b: (a @ b).relu(), in_dims=(0, None))(torch.randn(3, 2), torch.randn(2))


@program
def vmap_of_grad() -> Any:
    return torch.func.vmap(torch.func.grad(lambda a: (a**2).sum()))(torch.randn(3, 2))


@program
def vmap_with_randomness() -> Any:
    return torch.func.vmap(lambda a: a + torch.randn(2), randomness="different")(torch.ones(3, 2))


@program
def grad_of_a_function() -> Any:
    def loss(weight: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = torch.tanh(x @ weight)
        return y.sum(), y

    gradient, y = torch.func.grad(loss, has_aux=True)(torch.randn(2, 2), torch.randn(3, 2))
    return gradient, y


@program
def grad_per_sample() -> Any:
    model = nn.Linear(2, 1)
    parameters = {name: parameter.detach() for name, parameter in model.named_parameters()}

    def loss(parameters: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(model, parameters, (x,)).square().sum()

    return torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(parameters, torch.randn(3, 2))


@program
def jvp() -> Any:
    return torch.func.jvp(lambda a: a.sin() * 2, (torch.randn(3),), (torch.ones(3),))


@program
def vjp() -> Any:
    y, pull = torch.func.vjp(lambda a: a.sin() * 2, torch.randn(3))
    return y, pull(torch.ones(3))


@program
def jacobian() -> Any:
    return torch.func.jacrev(lambda a: a.sin() * 2)(torch.randn(3))


@program
def hessian_of_a_function() -> Any:
    return torch.func.hessian(lambda a: (a**3).sum())(torch.randn(2))


@program
def dual_numbers() -> Any:
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(torch.randn(2), torch.ones(2))
        return tuple(torch.autograd.forward_ad.unpack_dual(dual.exp() * 2))


@program
def conditional() -> Any:
    return torch.cond(torch.tensor(True), lambda a: a + 1, lambda a: a - 1, (torch.ones(2),))


@program
def conditional_with_gradient() -> Any:
    w = torch.randn(2, requires_grad=True)
    y = torch.cond(w.sum() > 100, lambda a: a.sin(), lambda a: a.cos() * 2, (w,))
    y.sum().backward()
    return y, w.grad


@program
def loop_as_an_operator() -> Any:
    return torch.while_loop(lambda n, a: n < 3, lambda n, a: (n + 1, a * 2), (torch.tensor(0), torch.ones(2)))


@program
def fake_tensors() -> Any:
    with FakeTensorMode():
        layer = nn.Linear(3, 3)
        layer(torch.randn(2, 3)).sum().backward()
        return tuple(layer.weight.grad.shape)


@program
def meta_tensors() -> Any:
    layer = nn.Linear(3, 3, device="meta")
    layer(torch.randn(2, 3, device="meta")).sum().backward()
    return tuple(layer.weight.grad.shape)


@program
def ensemble_of_models() -> Any:
    models = [nn.Linear(2, 1) for _ in range(3)]
    parameters, buffers = torch.func.stack_module_state(models)

    def call(parameters: Any, buffers: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(models[0], (parameters, buffers), (x,))

    return torch.func.vmap(call, in_dims=(0, 0, None))(parameters, buffers, torch.randn(4, 2))


@program
def functionalized() -> Any:
    def fill(x: torch.Tensor) -> torch.Tensor:
        y = x.clone()
        y[0].add_(1)
        return y * 2

    return torch.func.functionalize(fill)(torch.zeros(2))
