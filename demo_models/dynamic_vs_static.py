"""One recurrent network twice: run as it comes, and captured beforehand by torch.export; what each cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class RNN(nn.Module):
    """As many turns as the sequence is long."""

    def __init__(self) -> None:
        super().__init__()
        self.W_x = nn.Parameter(torch.randn(10, 20))
        self.W_h = nn.Parameter(torch.randn(20, 20))

    def forward(self, sequence: list[Tensor]) -> Tensor:
        """The loss, of inputs of shape (batch, 10)."""
        h = torch.zeros(len(sequence[0]), 20)
        for x in sequence:
            h = torch.tanh(x @ self.W_x + h @ self.W_h)
        return h.sum()


class BytesHeld(TorchDispatchMode):
    """After each operation, the bytes of all tensors that it or an earlier one made and that are still alive."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self.timeline: list[int] = []

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs the operation as ever, then counts."""
        result = operation(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()  # views share one
                self.alive[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
        self.alive = {key: held for key, held in self.alive.items() if not held[0].expired()}
        self.timeline.append(sum(size for _, size in self.alive.values()))
        return result


def planned(graph: torch.fx.Graph) -> Iterator[int]:
    """The same for a captured graph, before it runs: sizes are known, and what is read for the last time is freed."""
    last_reader = {operand: node for node in graph.nodes for operand in node.all_input_nodes}
    alive: dict[torch.fx.Node, int] = {}
    for node in graph.nodes:
        if node.op == "call_function":
            alive[node] = node.meta["val"].nbytes
            yield sum(alive.values())
        alive = {made: size for made, size in alive.items() if last_reader.get(made) is not node}


def kernels(graph: torch.fx.Graph) -> list[str]:
    """What torch.compile launches on a CPU: a product and the sum after it as one, elementwise operations as one."""
    groups: list[list[torch.fx.Node]] = []
    for node in (node for node in graph.nodes if node.op == "call_function"):
        feeding = [group for group in groups if group[-1] in node.all_input_nodes and fuses(group, node)]
        if feeding:
            feeding[-1].append(node)
        else:
            groups.append([node])
    return [" + ".join(node.target.overloadpacket.__name__ for node in group) for group in groups]


def fuses(group: list[torch.fx.Node], node: torch.fx.Node) -> bool:
    """Whether an operation is launched with those before it (as in the code that torch.compile writes, torch 2.13)."""
    if "matmul" in group[0].name:
        return len(group) == 1 and "add" in node.name
    elementwise = torch.Tag.pointwise
    return elementwise in group[-1].target.tags and (elementwise in node.target.tags or "sum" in node.name)


torch.manual_seed(0)
rnn = RNN()
sequence = [torch.randn(32, 10) for _ in range(2)]

# Dynamic: the graph is made as it runs.
loss = rnn(sequence)
loss.backward()

# Static: captured once, without running; then it runs as it was captured.
captured = torch.export.export(rnn, (sequence,))
static_rnn = captured.module()
loss = static_rnn(sequence)
loss.backward()

# What is held in memory, measured in the one, planned in the other.
rnn.zero_grad()
with BytesHeld() as held:
    loss = rnn(sequence)
    steps_of_forward = len(held.timeline)
    loss.backward()
timeline, peak = held.timeline, max(held.timeline)
plan = list(planned(captured.graph))
planned_peak, kernels_run = max(plan), len(plan)
launches = kernels(captured.graph)
fused = len(launches)
print(f"dynamic: {peak:,} bytes at most, known when it is over")
print(f"static:  {planned_peak:,} bytes at most for forward, known before it runs")
print(f"dynamic: {kernels_run} kernels in forward, one an operation")
print(f"static:  {fused} for torch.compile, which fuses: {', '.join(launches)}")

# What each cannot do.
longer = [torch.randn(32, 10) for _ in range(3)]
print(f"dynamic: a sequence of 3 is a longer graph, loss {rnn(longer).item():.3f}")
try:
    static_rnn(longer)
except Exception as error:
    refusal = type(error).__name__
    print(f"static:  a sequence of 3 is refused, {refusal}")
