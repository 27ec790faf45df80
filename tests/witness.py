"""An independent witness of the kernels that a program runs: torch's own C++ observer, not our recorder.

`torch.profiler.ExecutionTraceObserver` notes every call of the dispatcher, in every thread, forward and backward, as a
tree. The program runs without a recording, under a dispatch mode of the witness's own that does nothing, because torch
takes other ways when any mode is on (autograd then adds gradients out of place, a compiled function runs eagerly).
Kernels are the calls that reached that mode, and, where torch hides calls from all modes, the outermost ones that do
more than call other operators. Every kernel must be a node of the graph, but for those that the tables here excuse.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.overrides import TorchFunctionMode
from torch.profiler import ExecutionTraceObserver
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader

from tests.zoo.concurrency import Noise, batches

if TYPE_CHECKING:
    import tracer

Program = Callable[[], Any]
_PRINTED: Final = torch.ones(1)
_MODE: Final = "PythonDispatchMode"

# Programs that the observer cannot follow, and why; the witness's own mode counts their kernels, in the main thread.
UNOBSERVED: Final = {
    "sparse_rows": "the observer of torch 2.13 ends the process when it meets a CSR tensor",
    "nested_and_strided": "the same for a nested tensor that is not jagged",
    "fused_encoder_with_padding": "the same: torch makes such a tensor of the padding",
    "processes": "a forked process writes into its parent's trace",
    "data_loader_with_workers": "a forked process writes into its parent's trace",
}

# Calls that torch hides from all modes and that are no steps of a program: what they may be at most, and why. They
# are excused only where they were hidden: the same calls are counted when a mode could see them.
HIDDEN: Final[dict[str, tuple[Callable[[Counter[str]], float], str]]] = {
    "aten.detach": (lambda owned: float("inf"), "autograd's own, for what it saves and hands out"),
    "aten.empty.memory_format": (lambda owned: owned["aten.lift_fresh"], "memory of torch.tensor(), which is lifted"),
    "aten.detach_": (lambda owned: owned["aten.lift_fresh"], "the end of torch.tensor()"),
    "aten.alias": (lambda owned: float("inf"), "a tensor is given another class"),
    "aten.is_same_size": (lambda owned: float("inf"), "forward mode asks, and computes nothing"),
    "aten.empty_strided": (lambda owned: float("inf"), "memory of a fake tensor"),
    "aten.set_.source_Storage_storage_offset": (lambda owned: float("inf"), "memory of a fake tensor"),
    "aten._has_same_storage_numel": (lambda owned: float("inf"), "forward mode asks, and computes nothing"),
}

# Parts of a program that a graph leaves out on purpose: the kernels of the part are excused, as often as they run.
LEFT_OUT: Final[dict[str, tuple[Callable[[], Counter[str]], str]]] = {
    "to_python_and_numpy": (lambda: total(_PRINTED.__repr__), "a tensor is printed"),
    "functionalized": (lambda: Counter({"aten.add_.Tensor": 1}), "never runs: it is rewritten as aten.add"),
    "data_loader": (lambda: _loading(batches(shuffle=True)), "a graph begins at the batch"),
    "data_loader_with_workers": (lambda: _loading(batches(num_workers=1), heard), "the same"),
    "data_set_of_the_authors": (
        lambda: _loading(DataLoader(Noise(), batch_size=2)) - total(lambda: list(Noise())),
        "the same; what the data set computes is the author's",
    ),
}

# Programs whose control flow is an operator, which is one node: the kernels that may run inside it. It compiles what is
# inside, which fails under a mode of Python's, so these run under none and all their kernels are hidden.
ONE_NODE: Final = {
    "conditional": {"aten._local_scalar_dense", "aten.add.Tensor"},
    "conditional_with_gradient": {
        "aten._local_scalar_dense", "aten.cos", "aten.sin", "aten.mul.Tensor", "aten.neg", "aten.detach",
    },
    "loop_as_an_operator": {"aten.lt.Scalar", "aten._local_scalar_dense", "aten.add.Tensor", "aten.mul.Tensor"},
}  # fmt: skip
_CONTROL: Final = ("torch.cond", "cond", "torch.while_loop", "while_loop")


@dataclass(frozen=True)
class Testimony:
    """What the witness saw: kernels that reached a mode, and kernels that torch hid from all modes."""

    __test__ = False

    seen: Counter[str]
    hidden: Counter[str]


class Listener(TorchDispatchMode):
    """A mode that changes nothing and remembers what it saw."""

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(str(func).removesuffix(".default"))
        return func(*args, **(kwargs or {}))


class _Detaches(TorchFunctionMode):
    """Counts the detaches that the author, or Python code of torch's, calls by name."""

    count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func in (torch.Tensor.detach, torch.detach, torch.Tensor.data.__get__)  # type: ignore[attr-defined]
        return func(*args, **(kwargs or {}))


def heard(program: Program) -> list[str]:
    """The kernels that reach a mode in this thread, in order."""
    with Listener() as listener:
        program()
    return listener.seen


def authors_detaches(program: Program) -> int:
    """How often a program detaches a tensor itself."""
    with _Detaches() as mode:
        program()
    return mode.count


def observed(program: Program, *, listening: bool = True) -> Testimony:
    """The kernels that run in a program, in all its threads; under no mode unless `listening`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        observer = ExecutionTraceObserver().register_callback(str(path))
        try:
            with Listener() if listening else contextlib.nullcontext():
                observer.start()
                program()
        finally:
            observer.stop()
            observer.unregister_callback()
        nodes = json.loads(path.read_text())["nodes"]
    found = list(_kernels(nodes))
    return Testimony(*[Counter(name for name, hidden in found if hidden is which) for which in (False, True)])


def total(program: Program) -> Counter[str]:
    """All kernels of a program, hidden or not."""
    found = observed(program)
    return found.seen + found.hidden


def _loading(loader: DataLoader[Any], count: Callable[[Program], Any] | None = None) -> Counter[str]:
    """The kernels of a data loader, without those that make its data."""
    return Counter((count or total)(lambda: list(loader)))


def owned(graph: tracer.Graph) -> Counter[str]:
    """How often each kernel is in a graph."""
    names = (node.target.removesuffix(".default") for node in graph.nodes)
    return Counter(name for name in names if name not in _CONTROL)


def testify(name: str, program: Program) -> Testimony:
    """What the witness has to say about a program of the zoo, less what a graph leaves out on purpose."""
    if name in UNOBSERVED:
        found = Testimony(Counter(heard(program)), Counter())
    else:
        found = observed(program, listening=name not in ONE_NODE)
    seen, hidden = Counter(found.seen), Counter(found.hidden)
    for kernel in ONE_NODE.get(name, ()):
        del seen[kernel], hidden[kernel]
    if name in LEFT_OUT:
        for kernel, count in LEFT_OUT[name][0]().items():
            from_seen = min(count, seen[kernel])
            seen[kernel] -= from_seen
            hidden[kernel] -= min(count - from_seen, hidden[kernel])
    return Testimony(+seen, +hidden)


def unowned(testimony: Testimony, graph: tracer.Graph, detaches: int) -> dict[str, int]:
    """Kernels that the graph does not own (above 0) or that never ran (below 0); empty when all is well.

    Args:
        testimony: What the witness saw.
        graph: The whole run.
        detaches: How often the author detached. All other detaches are autograd's own, and no steps; and the `.data`
            of a tensor asks modes for a detach without calling the dispatcher.
    """
    mine, expected = owned(graph), Counter(testimony.seen)
    expected["aten.detach"] = detaches
    for kernel, count in testimony.hidden.items():
        most = HIDDEN[kernel][0](mine) if kernel in HIDDEN else 0
        expected[kernel] += count if count > most else 0
    expected.subtract(mine)
    # Asked for devices and for the time, which are no steps of a program; `x.data = y` runs no kernel, but is a step.
    other = ("prim.", "profiler.", "aten.set_data")
    return {kernel: count for kernel, count in expected.items() if count and not kernel.startswith(other)}


def _kernels(nodes: list[dict[str, Any]]) -> Iterator[tuple[str, bool]]:
    """Walks the tree of calls; gives each kernel, and whether it was hidden from modes.

    A call that raised was never closed: it is missing from the trace, and what ran after it hangs loose.
    """
    schema = {node["id"]: _schema(node) for node in nodes}
    parent = {node["id"]: node["ctrl_deps"] for node in nodes}
    modes = {node["id"] for node in nodes if node["name"] == _MODE}
    reach = set()  # calls below which something reached the mode
    below = defaultdict(list)
    for call in sorted(schema, reverse=True):
        if call in modes or call in reach:
            reach.add(parent[call])
        below[parent[call] if parent[call] in schema and parent[call] != call else None].append(call)
    calls = below[None]
    while calls:
        call = calls.pop()
        name = schema[call]
        if name and parent[call] in modes and _nearest(parent[call], parent, schema) == name:
            yield name.replace("::", ".", 1), False
        elif name and call not in reach and not _is_composite(name):
            yield name.replace("::", ".", 1), True
        else:
            calls.extend(below[call])


def _nearest(call: int, parent: dict[int, int], schema: dict[int, str]) -> str:
    """The operator that a mode was asked for: the nearest one above it."""
    while call in schema and not schema[call] and parent[call] != call:
        call = parent[call]
    return schema.get(call, "")


def _schema(node: dict[str, Any]) -> str:
    """`aten::add.Tensor`; empty for what is no operator."""
    return next((each["value"].split("(")[0] for each in node["attrs"] if each["name"] == "op_schema"), "")


def _is_composite(name: str) -> bool:
    """Whether an operator only calls others."""
    return bool(torch._C._dispatch_has_kernel_for_dispatch_key(name, "CompositeImplicitAutograd"))
