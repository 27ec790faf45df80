"""Layers with state, shared or computed weights and random numbers of their own."""

from __future__ import annotations

import random
from typing import Any

import numpy
import torch
from torch import nn
from torch.nn import functional

from tests.zoo.registry import program


@program
def convolution_with_batch_norm() -> Any:
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2, 1)
    )
    y = model(torch.randn(3, 1, 4, 4))
    y.sum().backward()
    return y, [parameter.grad for parameter in model.parameters()], dict(model.named_buffers())


@program
def batch_norm_in_train_and_eval() -> Any:
    norm, x = nn.BatchNorm1d(3), torch.randn(8, 3)
    outputs = [norm.train(mode)(x) for mode in (True, True, False)]
    return outputs, dict(norm.named_buffers())


@program
def many_kinds_of_layers() -> Any:
    x = torch.randn(2, 4, 6)
    norms = nn.LayerNorm(6), nn.GroupNorm(2, 4), nn.InstanceNorm1d(4), nn.RMSNorm(6)
    shapes = nn.ConvTranspose1d(4, 2, 2), nn.AvgPool1d(2), nn.AdaptiveMaxPool1d(2), nn.Upsample(scale_factor=2)
    return [layer(x).detach() for layer in (*norms, *shapes, nn.GELU(), nn.SiLU(), nn.PReLU(), nn.Softmax(-1))]


@program
def losses() -> Any:
    scores, target = torch.randn(3, 4, requires_grad=True), torch.tensor([0, 3, 1])
    parts = [
        functional.cross_entropy(scores, target, label_smoothing=0.1),
        functional.nll_loss(scores.log_softmax(-1), target),
        functional.mse_loss(scores, torch.zeros(3, 4)),
        functional.binary_cross_entropy_with_logits(scores, torch.ones(3, 4)),
        functional.kl_div(scores.log_softmax(-1), torch.full((3, 4), 0.25), reduction="batchmean"),
        functional.smooth_l1_loss(scores, torch.ones(3, 4)),
    ]
    sum(parts).backward()
    return parts, scores.grad


@program
def embedding_bag() -> Any:
    bag, table = nn.EmbeddingBag(6, 3, mode="mean"), nn.Embedding(6, 3, padding_idx=0, max_norm=1.0)
    y = bag(torch.tensor([1, 2, 4, 5]), torch.tensor([0, 2])) + table(torch.tensor([0, 3]))
    y.sum().backward()
    return y, bag.weight.grad, table.weight.grad


@program
def parametrization() -> Any:
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))
    layer(torch.randn(2, 3)).sum().backward()
    return layer(torch.ones(1, 3)).detach()


@program
def parametrization_of_the_authors() -> Any:
    class Symmetric(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.triu() + x.triu(1).transpose(-1, -2)

    layer = nn.Linear(3, 3)
    nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
    with nn.utils.parametrize.cached():
        (layer(torch.ones(1, 3)) + layer(torch.zeros(1, 3))).sum().backward()
    return layer.weight, layer.parametrizations.weight.original.grad


@program
def spectral_norm() -> Any:
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3))
    layer(torch.randn(2, 3)).sum().backward()
    return layer.parametrizations.weight.original.grad, dict(layer.named_buffers())


@program
def tied_weights() -> Any:
    embedding, head = nn.Embedding(10, 4), nn.Linear(4, 10, bias=False)
    head.weight = embedding.weight
    head(embedding(torch.tensor([1, 2]))).sum().backward()
    return embedding.weight.grad


@program
def lazy_module() -> Any:
    return nn.LazyLinear(3)(torch.ones(1, 4)).detach()


@program
def weights_are_initialised() -> Any:
    layer = nn.Linear(3, 3)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.constant_(layer.bias, 0.5)
    layer.apply(lambda module: module.bias.data.add_(1))
    return layer(torch.ones(1, 3)), layer.bias


@program
def dropout() -> Any:
    x = torch.ones(4, 6, requires_grad=True)
    y = nn.Dropout(0.5)(x) + nn.Dropout2d(0.5)(x.view(2, 2, 3, 2)).view(4, 6) + nn.AlphaDropout(0.2)(x)
    y.sum().backward()
    return y, x.grad, nn.Dropout(0.5).eval()(x)


@program
def random_operations() -> Any:
    draws = [torch.rand(2), torch.randn_like(torch.ones(2)), torch.randint(9, (3,)), torch.randperm(4)]
    draws += [torch.bernoulli(torch.full((3,), 0.5)), torch.multinomial(torch.ones(4), 2), torch.empty(2).normal_()]
    return *draws, random.random(), numpy.random.rand(2).tolist(), functional.gumbel_softmax(torch.ones(3))


@program
def random_state_is_kept_and_restored() -> Any:
    generator = torch.Generator().manual_seed(7)
    state = torch.get_rng_state()
    first = torch.rand(2, generator=generator) + torch.rand(2)
    torch.set_rng_state(state)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        inside = torch.rand(2)
    return first, inside, torch.rand(2)


@program
def distributions() -> Any:
    mean = torch.zeros(3, requires_grad=True)
    normal = torch.distributions.Normal(mean, torch.ones(3))
    sample = normal.rsample()
    loss = -normal.log_prob(sample.detach()).sum() + sample.sum()
    loss.backward()
    return sample, mean.grad, torch.distributions.Categorical(logits=torch.ones(4)).sample()
