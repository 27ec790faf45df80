"""The level of kernels: an operator of ATen's, seen by a `TorchDispatchMode`, forward and backward -> a node."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tracer.builder import NodeDraft, ValueDraft
from tracer.graph import Phase, ValueKind
from tracer.pytorch.arguments import write
from tracer.pytorch.frames import author_frame
from tracer.pytorch.internals import current_autograd_node, sequence_number
from tracer.pytorch.schemas import Kernel, attributes, describe
from tracer.pytorch.standins import call_as, caller
from tracer.pytorch.tensors import DTYPES, tensors_in

if TYPE_CHECKING:
    from tracer.pytorch.capture import TorchBackend

_DETACH: Final = torch.ops.aten.detach.default
_LIFT: Final = torch.ops.aten.lift_fresh.default
_NO_STEPS: Final = frozenset(
    ("prim", "profiler")
)  # namespaces: fake tensors ask for devices, optimizers time themselves
_UNFILLED: Final = frozenset("empty empty_like empty_strided empty_permuted new_empty new_empty_strided".split())
_described: dict[Any, Kernel] = {}


class DispatchMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Hands every kernel to the backend."""

    supports_higher_order_operators = True

    def __init__(self, kernels: KernelWatch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._kernels = kernels

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Torch would wrap the handler below, at the price of importing torch._dynamo (a second) and of every call."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self._kernels.run(func, args, kwargs or {})


class CompilerSafeDispatchMode(DispatchMode):  # type: ignore[no-untyped-call]
    """The same, for a program that uses the compiler: wrapped, so that the compiler does not try to compile us."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self._kernels.run(func, args, kwargs or {})


class KernelWatch:
    """Notes the kernels of one recording.

    A kernel and its autograd node are joined by the node's sequence number: autograd makes the node just before it
    runs the kernel, so a kernel that finds the number higher than the one before it has a node of its own.

    Attributes:
        by_sequence: The forward kernel of each autograd node, by sequence number.
        from_gradient: Ids of gradients that the author took, and of what was computed from them.
    """

    def __init__(self, backend: TorchBackend) -> None:
        self._backend = backend
        self._sequence = 0
        self.by_sequence: dict[int, NodeDraft] = {}
        self.from_gradient: set[int] = set()

    def reset(self) -> None:
        """Autograd nodes made up to now are not of this recording."""
        self._sequence = sequence_number()

    def forget(self, nodes: Container[int], values: Container[int]) -> int:
        """Lets go of nodes and values that were forgotten; gives the oldest sequence number that is still of use."""
        self.by_sequence = {number: node for number, node in self.by_sequence.items() if node.id in nodes}
        self.from_gradient = {value for value in self.from_gradient if value in values}
        return min(self.by_sequence, default=self._sequence)

    def run(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Runs a kernel and notes it."""
        backend = self._backend
        if backend.muted or not backend.recording.recording or getattr(func, "namespace", None) in _NO_STEPS:
            return func(*args, **kwargs)
        if backend.calls.current is not None:
            return self._run(func, args, kwargs)
        if not backend.backward.running and author_frame(2)[2]:
            return func(*args, **kwargs)  # a data loader unpacks what its workers sent
        with torch._C.DisableTorchFunction():  # outside of a call the function mode is on, and would see what we do
            return self._run(func, args, kwargs)

    def _run(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        backend = self._backend
        sequence = sequence_number()
        call = backend.calls.current
        if func is _DETACH and not (call is not None and call.detaches):
            return self._alias(func, args, kwargs)
        kernel = _described.get(func)
        if kernel is None:
            kernel = _described[func] = describe(func)
        tensors = () if func is _LIFT else tensors_in((args, kwargs), 4)
        inputs = tuple([backend.read(tensor).id for tensor in tensors])
        phase = self._phase(inputs, sequence)
        if phase == "forward" and not backend.recording.forward_begins():
            return call_as(caller(3), func, args, kwargs)
        node = self._node(kernel, inputs, phase, attributes(kernel, args, kwargs))
        node.call = write(args, kwargs)
        backend.keeper.state(node, func, args, kwargs)
        try:
            result = call_as(caller(3), func, args, kwargs)
        except Exception as error:
            node.error = f"{type(error).__name__}: {error}"
            backend.failure_noted = True
            raise
        node.outputs = self._results(kernel, node, args, kwargs, result)
        if func is _LIFT:
            backend.keeper.value(backend.builder.values[node.outputs[0]], result)
        if phase == "update":
            values = backend.builder.values
            self.from_gradient.update(ref for ref in node.outputs if values[ref].kind == "result")
        if sequence > self._sequence:
            self._own(node, sequence - 1)
        return result

    def _own(self, node: NodeDraft, sequence: int) -> None:
        """The autograd node of this number was made for this kernel, so its result requires a gradient."""
        self._sequence = sequence + 1
        self.by_sequence[sequence] = node
        for output in node.outputs[:1]:
            self._backend.builder.values[output].requires_grad = True

    def _alias(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """A detach on torch's own account, to save a tensor or hand out a gradient: no step of the program."""
        result = call_as(caller(4), func, args, kwargs)
        draft = self._backend.table.find(args[0])
        if draft is not None and isinstance(result, torch.Tensor):
            self._backend.table.bind(result, draft)
        return result

    def _phase(self, inputs: tuple[int, ...], sequence: int) -> Phase:
        """The phase of a kernel; what is computed from a gradient, without one of its own, is an update."""
        backend = self._backend
        call = backend.calls.current
        if backend.backward.running or (call is not None and call.seeds):
            return "backward"
        if backend.backward.updating and not torch.is_grad_enabled():
            return "update"
        return "update" if sequence == self._sequence and not self.from_gradient.isdisjoint(inputs) else "forward"

    def _node(self, kernel: Kernel, inputs: tuple[int, ...], phase: Phase, attrs: Mapping[str, Any]) -> NodeDraft:
        backend = self._backend
        call = backend.calls.current
        scope = forward = None
        if phase == "backward":
            autograd = current_autograd_node() if backend.backward.running else None
            scope, forward = backend.backward.place(autograd, self.by_sequence)
        elif call is not None:
            scope = backend.calls.scope(call).id
        node = backend.builder.node(
            kernel.op, kernel.target, inputs, (), phase=phase, scope=scope, forward=forward, attrs=attrs
        )
        if call is not None:
            call.kernels.append(node)
        return node

    def _results(
        self, kernel: Kernel, node: NodeDraft, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any
    ) -> tuple[int, ...]:
        """Values for what a kernel returned and what it wrote in place."""
        given = {**dict(zip(kernel.arguments, args)), **kwargs}
        names = [name for name in kernel.arguments if name in kernel.written]
        written = [tensor for name in names for tensor in tensors_in(given.get(name))]
        outputs: list[int] = []
        for index, returned in enumerate(result if isinstance(result, (tuple, list)) else (result,)):
            base = kernel.view_of[index] if index < len(kernel.view_of) else None
            for tensor in tensors_in(returned, 2):
                if not any(tensor is other for other in written):
                    outputs.append(self._made(tensor, given.get(base) if base is not None else None, node))
        outputs.extend(self._new_version(tensor, node) for tensor in written)
        return tuple(outputs)

    def _made(self, tensor: torch.Tensor, viewed: Any, node: NodeDraft) -> int:
        table = self._backend.table
        base = table.find(viewed) if isinstance(viewed, torch.Tensor) else None
        kind: ValueKind = "result" if node.inputs else "constant"
        known = base.data if base is not None and _shows_the_same(tensor, base) else None
        filled = None if base is not None else node.op not in _UNFILLED
        draft = table.add(tensor, kind=kind, view_of=base.id if base is not None else None, data=known, filled=filled)
        if kind == "constant" and self._backend.calls.current is None and node.phase == "forward":
            self._backend.namer.name_outsider(draft)
        return draft.id

    def _new_version(self, tensor: torch.Tensor, node: NodeDraft) -> int:
        """The version of a tensor that an in-place operation made."""
        table = self._backend.table
        old = table.find(tensor)
        table.wrote(tensor, node)
        if old is None:
            return table.add(tensor, kind="result").id
        kind: ValueKind = old.kind if old.kind in ("parameter", "buffer") else "result"
        return table.add(tensor, kind=kind, name=old.name, version_of=old.id, view_of=old.view_of).id


def _shows_the_same(view: torch.Tensor, base: ValueDraft) -> bool:
    """Whether a view holds all the elements of its base in another shape or order, so that their statistics agree."""
    if base.data is None or base.data.value is not None or DTYPES.get(view.dtype) != base.dtype:
        return False
    return view.numel() == math.prod(base.shape) and 0 not in view.stride()
