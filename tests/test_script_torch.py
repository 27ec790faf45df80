"""A torch script under graphtrace prints, warns, fails and exits as it does under plain Python."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tests.commands import graphtrace, python

BEGIN = """
import sys, warnings
import torch
from torch import nn
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
optimizer = torch.optim.Adam(model.parameters())
for step in range(2):
    optimizer.zero_grad()
    loss = nn.functional.softmax(model(torch.randn(5, 3))).max(1).values.sum()
    loss.backward()
    optimizer.step()
    print(step, loss.item(), model[0].weight.grad.norm().item())
torch.add(torch.ones(3), 1, out=torch.zeros(2))
print(model[1].running_mean, torch.rand(2))
"""

FAILING = """
class Bad(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        return a * 2
    @staticmethod
    def backward(ctx, grad):
        raise ValueError("no way back")

def fails_in_a_function():
    torch.ones(2, 3) @ torch.ones(2, 3)

def fails_in_a_module():
    model(torch.ones(2, 7))

def fails_in_backward():
    Bad.apply(torch.ones(2, requires_grad=True)).sum().backward()

def fails_in_a_hook():
    h = torch.ones(2, requires_grad=True) * 2
    h.register_hook(lambda grad: grad @ torch.ones(3))
    h.sum().backward()
"""

SCRIPTS = {
    "exits": "class Stop(nn.Module):\n    def forward(self, x):\n        sys.exit(int(x.sum()))\nStop()(torch.ones(5))",
    "fails in a module": "fails_in_a_module()",
    "fails in backward": "fails_in_backward()",
    "prints a traceback": """
        import traceback
        for fails in (fails_in_a_function, fails_in_a_module, fails_in_backward, fails_in_a_hook):
            try:
                fails()
            except Exception:
                traceback.print_exc()
    """,
}
KNOWN = {"prints a traceback": "frames of ours are taken out of what ends a script, not of what it catches"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_cannot_tell(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if name in KNOWN:
        request.applymarker(pytest.mark.xfail(strict=True, reason=KNOWN[name]))
    (tmp_path / "it.py").write_text(BEGIN + FAILING + textwrap.dedent(SCRIPTS[name]), encoding="utf-8")
    plain = python("it.py", cwd=tmp_path)
    traced = graphtrace("render", "it.py", "-o", "it.json", cwd=tmp_path)
    assert (traced.stdout, traced.returncode) == (plain.stdout, plain.returncode)
    assert traced.stderr.startswith(plain.stderr)
    assert (tmp_path / "it.json").exists()
