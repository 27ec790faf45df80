"""Other numbers than dense single precision: mixed precision, complex, sparse, nested, quantized, none at all."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tests.zoo.registry import program


@program
def autocast() -> Any:
    layer, x = nn.Linear(4, 4), torch.randn(2, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x).sum()
    y.backward()
    return y, layer.weight.grad


@program
def autocast_turned_off_inside() -> Any:
    layer, x = nn.Linear(4, 4), torch.randn(2, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        h = layer(x)
        with torch.autocast("cpu", enabled=False):
            y = layer(h.float())
    return h, y


@program
def complex_numbers() -> Any:
    a = torch.randn(4, dtype=torch.cfloat, requires_grad=True)
    torch.fft.fft(a).abs().sum().backward()
    return a.grad


@program
def complex_views() -> Any:
    a = torch.randn(3, 2, requires_grad=True)
    z = torch.view_as_complex(a)
    y = (z * z.conj()).real + z.imag + torch.view_as_real(z * 1j)[:, 0]
    y.sum().backward()
    return y, a.grad, z.conj().resolve_conj().detach(), z.angle().detach()


@program
def sparse() -> Any:
    places = torch.tensor([[0, 1], [1, 0]])
    matrix = torch.sparse_coo_tensor(places, torch.tensor([1.0, 2.0]), (2, 2), requires_grad=True)
    y = torch.sparse.mm(matrix, torch.ones(2, 2)).sum()
    y.backward()
    return y


@program
def sparse_gradients() -> Any:
    table = nn.Embedding(6, 3, sparse=True)
    optimizer = torch.optim.SparseAdam(table.parameters())
    table(torch.tensor([1, 1, 4])).sum().backward()
    gradient = table.weight.grad.to_dense()
    optimizer.step()
    return gradient, table.weight


@program
def sparse_rows() -> Any:
    matrix = torch.eye(3).to_sparse_csr()
    return matrix @ torch.randn(3, 2), matrix.to_dense(), matrix.values()


@program
def nested() -> Any:
    ragged = torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(1, 3)], layout=torch.jagged)
    return (ragged * 2).values()


@program
def nested_and_strided() -> Any:
    ragged = torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(1, 3)])
    return torch.nested.to_padded_tensor(ragged * 2, 0.0), [part + 1 for part in ragged.unbind()]


@program
def quantized() -> Any:
    a = torch.quantize_per_tensor(torch.tensor([0.5, 1.0, -1.0]), 0.1, 3, torch.qint8)
    return a.int_repr(), (a.dequantize() + 1), torch.fake_quantize_per_tensor_affine(torch.randn(3), 0.1, 0, -128, 127)


@program
def no_elements() -> Any:
    return (torch.zeros(0, 3) @ torch.zeros(3, 2)).sum()


@program
def no_elements_with_gradients() -> Any:
    layer, x = nn.Linear(3, 2), torch.zeros(0, 3, requires_grad=True)
    layer(x).sum().backward()
    return x.grad, layer.weight.grad, torch.cat([torch.zeros(0), torch.ones(2)])


@program
def not_finite() -> Any:
    x = torch.tensor([0.0, -1.0, torch.inf], requires_grad=True)
    y = x.log()
    y.sum().backward()
    return y, x.grad, torch.nan_to_num(y).detach()


@program
def integers_and_truth() -> Any:
    a = torch.arange(5)
    return (
        a // 2,
        a % 3,
        a << 1,
        (a > 2) & ~(a == 4),
        a.bitwise_xor(3),
        torch.where(a > 2, a, -a),
        a.cumsum(0),
        a.sort(),
    )


@program
def half_precision() -> Any:
    layer = nn.Linear(4, 2).to(torch.bfloat16)
    y = layer(torch.randn(3, 4, dtype=torch.bfloat16))
    y.sum().backward()
    return y, layer.weight.grad, torch.ones(2, dtype=torch.float16) * 3


@program
def linear_algebra() -> Any:
    a = torch.randn(3, 3, requires_grad=True)
    spd = a @ a.T + torch.eye(3)
    y = torch.linalg.solve(spd, torch.ones(3)).sum() + torch.linalg.cholesky(spd).logdet() + torch.linalg.det(spd)
    y.backward()
    return y, a.grad


@program
def singular_values() -> Any:
    a = torch.randn(3, 3)
    return torch.linalg.svdvals(a), torch.linalg.matrix_norm(a, "nuc"), torch.linalg.eigvalsh(a + a.T)
