"""Training loops: optimizers, schedules, scaled losses, several models, accumulated gradients."""

from __future__ import annotations

import copy
import io
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tests.zoo.registry import program


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


def _step(kind: Any, **options: Any) -> Any:
    layer = nn.Linear(3, 3)
    optimizer = kind(layer.parameters(), lr=0.1, **options)
    for _ in range(2):
        optimizer.zero_grad()
        layer(torch.randn(2, 3)).sum().backward()
        nn.utils.clip_grad_norm_(layer.parameters(), 0.1)
        optimizer.step()
    return layer.weight.detach(), layer.bias.grad, optimizer.state_dict()["state"]


@program
def optimizer_one_by_one() -> Any:
    return _step(torch.optim.AdamW, foreach=False)


@program
def optimizer_for_each() -> Any:
    return _step(torch.optim.AdamW, foreach=True)


@program
def optimizer_fused() -> Any:
    return _step(torch.optim.AdamW, fused=True)


@program
def gradient_descent() -> Any:
    return _step(torch.optim.SGD)


@program
def gradient_descent_with_momentum() -> Any:
    return _step(torch.optim.SGD, momentum=0.9, nesterov=True, weight_decay=0.01)


@program
def adam_for_each() -> Any:
    return _step(torch.optim.Adam, foreach=True, amsgrad=True)


@program
def update_by_hand() -> Any:
    w = torch.randn(3, requires_grad=True)
    for _ in range(2):
        (w * w).sum().backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
            w.grad.zero_()
    return w


@program
def schedule() -> Any:
    layer = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(layer.parameters(), 1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    for _ in range(2):
        optimizer.zero_grad()
        layer(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        scheduler.step()
    return layer.weight, scheduler.get_last_lr()


@program
def gradient_scaler() -> Any:
    layer = nn.Linear(2, 2)
    scaler, optimizer = torch.amp.GradScaler("cpu"), torch.optim.SGD(layer.parameters(), 0.1)
    scaler.scale(layer(torch.ones(1, 2)).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    return layer.weight.detach()


@program
def gradient_scaler_that_skips_a_step() -> Any:
    layer = nn.Linear(2, 2)
    scaler, optimizer = torch.amp.GradScaler("cpu", init_scale=4.0), torch.optim.SGD(layer.parameters(), 0.1)
    for factor in (torch.inf, 1.0):
        optimizer.zero_grad()
        scaler.scale((layer(torch.ones(1, 2)) * factor).sum()).backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
    return layer.weight, scaler.get_scale()


@program
def gradient_accumulation() -> Any:
    layer = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    for number, x in enumerate(torch.randn(4, 1, 2)):
        (layer(x).sum() / 2).backward()
        if number % 2:
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)
    return layer.weight, layer.weight.grad


@program
def two_models_with_two_losses() -> Any:
    maker, judge = nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 1), nn.Flatten(0))
    optimizers = [torch.optim.Adam(model.parameters(), 0.01) for model in (maker, judge)]
    for _ in range(2):
        real, fake = torch.randn(4, 3), maker(torch.randn(4, 2))
        optimizers[1].zero_grad()
        scores = judge(real), judge(fake.detach())
        judged = sum(
            functional.binary_cross_entropy_with_logits(score, torch.full((4,), label))
            for score, label in zip(scores, (1.0, 0.0))
        )
        judged.backward()
        optimizers[1].step()
        optimizers[0].zero_grad()
        made = functional.binary_cross_entropy_with_logits(judge(fake), torch.ones(4))
        made.backward()
        optimizers[0].step()
    return judged, made, [p.detach() for model in (maker, judge) for p in model.parameters()]


@program
def evaluation_between_steps() -> Any:
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(0.3), nn.Linear(4, 1))
    optimizer, scores = torch.optim.SGD(model.parameters(), 0.1), []
    for _ in range(2):
        optimizer.zero_grad()
        model.train()(torch.randn(4, 2)).sum().backward()
        optimizer.step()
        with torch.no_grad():
            scores.append(model.eval()(torch.ones(2, 2)).mean())
    return scores, model.state_dict()


@program
def moving_average_of_weights() -> Any:
    model = nn.Linear(2, 2)
    average = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(2):
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        average.update_parameters(model)
    return average(torch.ones(1, 2)), model.weight


@program
def inner_loop_of_meta_learning() -> Any:
    weight, x = torch.randn(2, 1, requires_grad=True), torch.randn(4, 2)
    fast = weight
    for _ in range(2):
        (gradient,) = torch.autograd.grad((x @ fast).square().mean(), fast, create_graph=True)
        fast = fast - 0.1 * gradient
    (x @ fast).square().mean().backward()
    return fast, weight.grad


@program
def policy_gradient() -> Any:
    policy = nn.Linear(2, 3)
    distribution = torch.distributions.Categorical(logits=policy(torch.randn(4, 2)))
    actions = distribution.sample()
    loss = -(distribution.log_prob(actions) * torch.randn(4)).mean() - 0.01 * distribution.entropy().mean()
    loss.backward()
    return actions, loss, policy.weight.grad


@program
def model_is_saved_and_copied_between_steps() -> Any:
    model, found = nn.Linear(2, 1), []
    optimizer = torch.optim.Adam(model.parameters(), 0.1)
    for _ in range(2):
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        file = io.BytesIO()
        torch.save({"model": model, "optimizer": optimizer.state_dict(), "grad": model.weight.grad}, file)
        file.seek(0)
        loaded = torch.load(file, weights_only=False)
        found.append((loaded["model"].weight, loaded["grad"], copy.deepcopy(model)(torch.ones(1, 2))))
    return found
