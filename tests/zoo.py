"""Small programs, one per behaviour of torch's, each giving back what it computed; `ZOO` holds them by name."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.checkpoint import checkpoint

Program = Callable[[], Any]
ZOO: dict[str, Program] = {}


def program(function: Program) -> Program:
    ZOO[function.__name__] = function
    return function


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
def autocast() -> Any:
    layer, x = nn.Linear(4, 4), torch.randn(2, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x).sum()
    y.backward()
    return y, layer.weight.grad


@program
def vmap_of_grad() -> Any:
    return torch.func.vmap(torch.func.grad(lambda a: (a**2).sum()))(torch.randn(3, 2))


@program
def jvp() -> Any:
    return torch.func.jvp(lambda a: a.sin() * 2, (torch.randn(3),), (torch.ones(3),))


@program
def jacobian() -> Any:
    return torch.func.jacrev(lambda a: a.sin() * 2)(torch.randn(3))


@program
def sparse() -> Any:
    places = torch.tensor([[0, 1], [1, 0]])
    matrix = torch.sparse_coo_tensor(places, torch.tensor([1.0, 2.0]), (2, 2), requires_grad=True)
    y = torch.sparse.mm(matrix, torch.ones(2, 2)).sum()
    y.backward()
    return y


@program
def nested() -> Any:
    ragged = torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(1, 3)], layout=torch.jagged)
    return (ragged * 2).values()


@program
def inference_mode() -> Any:
    with torch.inference_mode():
        b = torch.ones(3) * 2
        b += 1
        b[:2].add_(1)
        return b.clone()


@program
def double_backward() -> Any:
    x = torch.randn(3, requires_grad=True)
    (gradient,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    (gradient**2).sum().backward()
    return x.grad


@program
def hessian() -> Any:
    return torch.autograd.functional.hessian(lambda a: (a**3).sum(), torch.randn(3))


@program
def backward_twice() -> Any:
    x = torch.randn(3, requires_grad=True)
    y = (x * 2).sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad


@program
def several_roots() -> Any:
    a = torch.ones(2, requires_grad=True)
    torch.autograd.backward([a * 2, a * 3], [torch.ones(2), torch.ones(2)])
    return a.grad


@program
def hooks_of_the_authors() -> Any:
    calls: list[int] = []
    x = torch.randn(3, requires_grad=True)
    h = x * 2
    h.retain_grad()
    h.register_hook(lambda grad: grad * 3)
    y = h.sum()
    y.grad_fn.register_hook(lambda *_: calls.append(1))
    y.backward()
    return x.grad, h.grad, len(calls)


@program
def optimizer_with_closure() -> Any:
    parameter = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.LBFGS([parameter])

    def closure() -> Any:
        optimizer.zero_grad()
        loss = ((parameter - 3) ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return parameter.detach()


def _step(**options: Any) -> Any:
    layer = nn.Linear(3, 3)
    optimizer = torch.optim.AdamW(layer.parameters(), **options)
    layer(torch.randn(2, 3)).sum().backward()
    nn.utils.clip_grad_norm_(layer.parameters(), 0.1)
    optimizer.step()
    return layer.weight.detach(), layer.bias.grad


@program
def optimizer_one_by_one() -> Any:
    return _step(foreach=False)


@program
def optimizer_for_each() -> Any:
    return _step(foreach=True)


@program
def optimizer_fused() -> Any:
    return _step(fused=True)


@program
def gradient_scaler() -> Any:
    layer = nn.Linear(2, 2)
    scaler, optimizer = torch.amp.GradScaler("cpu"), torch.optim.SGD(layer.parameters(), 0.1)
    scaler.scale(layer(torch.ones(1, 2)).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    return layer.weight.detach()


@program
def packed_sequence() -> Any:
    gru = nn.GRU(3, 4, batch_first=True)
    packed = nn.utils.rnn.pack_padded_sequence(torch.randn(2, 5, 3), [5, 3], batch_first=True)
    out, hidden = gru(packed)
    nn.utils.rnn.pad_packed_sequence(out, batch_first=True)[0].sum().backward()
    return hidden.detach()


@program
def fused_encoder() -> Any:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2).eval()
    with torch.no_grad():
        return encoder(torch.randn(2, 3, 8))


@program
def parametrization() -> Any:
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))
    layer(torch.randn(2, 3)).sum().backward()
    return layer(torch.ones(1, 3)).detach()


@program
def tied_weights() -> Any:
    embedding, head = nn.Embedding(10, 4), nn.Linear(4, 10, bias=False)
    head.weight = embedding.weight
    head(embedding(torch.tensor([1, 2]))).sum().backward()
    return embedding.weight.grad


@program
def out_argument() -> Any:
    out = torch.empty(3)
    torch.add(torch.ones(3), 1, out=out)
    return out


@program
def data_attribute() -> Any:
    w = torch.ones(3, requires_grad=True)
    w.data.mul_(2)
    first = (w + 1).detach()
    w.data = torch.zeros(3)
    return first, (w + 1).detach()


@program
def worker_threads() -> Any:
    results: list[Any] = []
    layer = nn.Linear(2, 2)
    for work in (lambda: torch.ones(3) * 2, lambda: layer(torch.ones(1, 2)).detach()):
        thread = threading.Thread(target=lambda work=work: results.append(work()))
        thread.start()
        thread.join()
    return results


@program
def coroutines() -> Any:
    async def double(a: torch.Tensor) -> torch.Tensor:
        await asyncio.sleep(0)
        return a * 2

    return asyncio.run(double(torch.ones(3)))


@program
def generator() -> Any:
    def powers(a: torch.Tensor) -> Iterator[torch.Tensor]:
        for _ in range(3):
            a = a * 2
            yield a

    return list(powers(torch.ones(2)))


@program
def recursion() -> Any:
    def count(x: torch.Tensor, n: int) -> torch.Tensor:
        return x if n == 0 else count(x + 1, n - 1)

    return count(torch.ones(2), 300)


@program
def traced_module() -> Any:
    module = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    return module(torch.ones(1, 2)).detach()


@program
def conditional() -> Any:
    return torch.cond(torch.tensor(True), lambda a: a + 1, lambda a: a - 1, (torch.ones(2),))


@program
def complex_numbers() -> Any:
    a = torch.randn(4, dtype=torch.cfloat, requires_grad=True)
    torch.fft.fft(a).abs().sum().backward()
    return a.grad


@program
def nested_arguments() -> Any:
    @dataclasses.dataclass
    class Out:
        a: torch.Tensor
        rest: Any

    class Model(nn.Module):
        def forward(self, x: torch.Tensor, *, given: dict[str, torch.Tensor]) -> Out:
            return Out(x * given["scale"], [x + 1])

    out = Model()(torch.ones(2), given={"scale": torch.ones(2)})
    return out.a, out.rest


@program
def no_elements() -> Any:
    return (torch.zeros(0, 3) @ torch.zeros(3, 2)).sum()


@program
def several_results() -> Any:
    halves = torch.split(torch.arange(6), 2)
    rows = torch.stack([torch.ones(2)] * 2).unbind()
    return torch.einsum("ij,jk->ik", torch.ones(2, 3), torch.ones(3, 2)), halves, rows


@program
def to_python_and_numpy() -> Any:
    numbers = torch.from_numpy(numpy.ones(3)).numpy().sum(), torch.ones(3).tolist(), int(torch.tensor(3))
    return *numbers, bool(torch.ones(1) > 0), numpy.asarray(torch.ones(2)).sum(), f"{torch.ones(1)}"


@program
def lazy_module() -> Any:
    return nn.LazyLinear(3)(torch.ones(1, 4)).detach()


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
def copies_and_files() -> Any:
    state = io.BytesIO()
    torch.save(copy.deepcopy(nn.Linear(2, 2)).state_dict(), state)
    state.seek(0)
    return torch.load(state)["weight"]


@program
def truncated_backward_through_time() -> Any:
    weight, h = torch.randn(3, 3, requires_grad=True), torch.zeros(1, 3)
    for _ in range(3):
        for _ in range(2):
            h = torch.tanh(h @ weight + 1)
        h.sum().backward()
        h = h.detach()
    return weight.grad


@program
def exported() -> Any:
    program = torch.export.export(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), (torch.ones(1, 2),))
    return len(list(program.graph.nodes))


@program
def caught_failure() -> Any:
    try:
        torch.mm(torch.ones(2, 3), torch.ones(2, 3))
    except RuntimeError:
        return torch.ones(2) + 1
