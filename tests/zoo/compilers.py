"""Programs that torch compiles, scripts, traces or exports before it runs them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx

from tests.zoo.registry import program


def _compiled(backend: str) -> Any:
    torch.compiler.reset()
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
    y = torch.compile(model, backend=backend)(torch.randn(2, 3))
    y.sum().backward()
    return y, model[0].weight.grad


@program
def compiled_by_dynamo() -> Any:
    return _compiled("eager")


@program
def compiled_by_aot_autograd() -> Any:
    return _compiled("aot_eager")


@program
def compiled_with_a_graph_break() -> Any:
    @torch.compile(backend="eager")
    def shifted(a: torch.Tensor) -> torch.Tensor:
        b = a * 2
        if b.sum() > 0:
            return b + 1
        return b - 1

    torch.compiler.reset()
    return shifted(torch.ones(2)), shifted(-torch.ones(2))


@torch.jit.script_if_tracing
def _shifted(a: torch.Tensor) -> torch.Tensor:
    return a + 1


@program
def scripted_function() -> Any:
    source = "def powers(a, n: int):\n    for _ in range(n):\n        a = a * a\n    return a\n"
    return torch.jit.CompilationUnit(source).powers(torch.full((2,), 1.5), 3), _shifted(torch.ones(1))


@program
def scripted_module() -> Any:
    module = torch.jit.script(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))
    x = torch.randn(1, 2, requires_grad=True)
    module(x).sum().backward()
    return x.grad, [parameter.grad for parameter in module.parameters()]


@program
def jit_traced_module() -> Any:
    module = torch.jit.trace(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), torch.ones(1, 2))
    return module(torch.randn(2, 2))


@program
def traced_module() -> Any:
    module = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    return module(torch.ones(1, 2)).detach()


@program
def rewritten_graph_module() -> Any:
    module = torch.fx.symbolic_trace(lambda a: torch.relu(a) + 1)
    for node in module.graph.nodes:
        if node.target is torch.relu:
            node.target = torch.sigmoid
    module.recompile()
    x = torch.randn(3, requires_grad=True)
    module(x).sum().backward()
    return x.grad


@program
def exported() -> Any:
    program = torch.export.export(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), (torch.ones(1, 2),))
    return len(list(program.graph.nodes))


@program
def kernels_are_traced() -> Any:
    module = make_fx(lambda a: (a @ a).relu().sum())(torch.ones(2, 2))
    return [str(node.target) for node in module.graph.nodes], module(torch.randn(2, 2))
