"""A program cannot tell whether it is recorded, keeps no tensor longer for it, and leaves nothing of ours in torch."""

from __future__ import annotations

import contextlib
import gc
import io
import math
import random
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pytest
import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

import tracer
from tests.facts import facts
from tests.zoo import ZOO

# What the recorder does not pass yet, and why.
TELLS: dict[str, str] = {
    "compiled_by_aot_autograd": "it runs eagerly, so the result has the eager program's grad_fn",
    "module_hooks": "a warning that a module's backward hook raises in C++ names a file of torch's",
    "singular_values": "under any mode torch computes the vectors too, and another routine rounds differently",
}


def seed() -> None:
    torch.manual_seed(0)
    numpy.random.seed(0)
    random.seed(0)


@contextlib.contextmanager
def every_warning() -> Iterator[list[Any]]:
    """All warnings, also those that torch gives once in a process."""
    always = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield caught
    finally:
        torch.set_warn_always(always)


def all_that_a_user_sees(program: Callable[[], Any], around: Any) -> dict[str, Any]:
    """What a program gives back, prints and warns of, and the random numbers that come next."""
    seed()
    printed = io.StringIO()
    with every_warning() as caught, contextlib.redirect_stdout(printed), around:
        result = program()
    return {
        "result": facts(result),
        "printed": printed.getvalue(),
        "warnings": [(each.category.__name__, str(each.message), each.filename, each.lineno) for each in caught],
        "torch": torch.get_rng_state().tolist(),
        "numpy": repr(numpy.random.get_state()),
        "python": random.getstate(),
    }


# Programs of which torch compiles a part, once in a process.
COMPILED = ("scripted_function", "scripted_module", "jvp", "hessian_of_a_function", "dual_numbers")


@pytest.mark.parametrize("name", ZOO)
def test_a_program_cannot_tell(name: str, request: pytest.FixtureRequest) -> None:
    if name in TELLS:
        request.applymarker(pytest.mark.xfail(strict=True, reason=TELLS[name]))
    if name in COMPILED:
        all_that_a_user_sees(ZOO[name], contextlib.nullcontext())  # what is compiled once and kept is compiled now
    plain = all_that_a_user_sees(ZOO[name], contextlib.nullcontext())
    recorded = all_that_a_user_sees(ZOO[name], tracer.record())
    for what, seen in plain.items():
        assert recorded[what] == seen, what


class Memory(TorchDispatchMode):
    """Weak references to the memory of all that kernels make."""

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()
        self.made: list[StorageWeakRef] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for made in result if isinstance(result, (tuple, list)) else (result,):
            if type(made) is torch.Tensor and made.layout is torch.strided and not made.is_nested:
                self.made.append(StorageWeakRef(made.untyped_storage()))
        return result

    def alive(self) -> list[int]:
        gc.collect()
        return [number for number, reference in enumerate(self.made) if not reference.expired()]


def memory_alive(program: Callable[[], Any], around: Any) -> tuple[list[int], list[int]]:
    """Which of the tensors that were made live on: at the end of the program, and after it let go of its results."""
    seed()
    with Memory() as memory:
        with around:
            result = program()
            at_the_end = memory.alive()
        del result
        return at_the_end, memory.alive()


# Control flow that is an operator compiles what is inside, which fails under a mode such as that of this test.
COMPILES = ("conditional", "conditional_with_gradient", "loop_as_an_operator")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in ZOO if name not in COMPILES])
def test_no_tensor_lives_longer(name: str, request: pytest.FixtureRequest) -> None:
    gc.freeze()  # what was there before need not be looked through again, which takes a quarter of a second
    try:
        memory_alive(ZOO[name], contextlib.nullcontext())  # what torch makes once and keeps, it makes now
        run = tracer.record()
        assert memory_alive(ZOO[name], run) == memory_alive(ZOO[name], contextlib.nullcontext())
        assert run.whole is not None
    finally:
        gc.unfreeze()


def test_the_memory_test_notices_what_is_kept() -> None:
    kept = []

    def program() -> None:
        kept.append(torch.ones(3))

    assert memory_alive(program, contextlib.nullcontext()) == ([0], [0])
    assert memory_alive(lambda: torch.ones(3).sum(), contextlib.nullcontext()) == ([1], [])


def test_a_variable_that_is_deleted_dies_at_once() -> None:
    def without_names() -> torch.Tensor:
        return torch.nn.Linear(2, 2)(torch.ones(1, 2))

    with tracer.record():
        held = torch.ones(3) * 2
        reference = weakref.ref(held)
        without_names()
        del held
        assert reference() is None


def test_exceptions_keep_no_tensor_alive() -> None:
    held = torch.ones(2, 3)
    reference = weakref.ref(held)
    with pytest.raises(RuntimeError), tracer.record():
        torch.mm(held, held)
    del held
    gc.collect()
    assert reference() is None


def swapped() -> Any:
    a, b = torch.ones(2) * 2, torch.zeros(3) + 1
    torch.utils.swap_tensors(a, b)
    return a, b


def converted_by_swapping() -> Any:
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        layer = torch.nn.Linear(2, 2)
        layer(torch.ones(1, 2))
        return layer.to(torch.float64)(torch.ones(1, 2, dtype=torch.float64))
    finally:
        torch.__future__.set_swap_module_params_on_conversion(False)


@pytest.mark.parametrize("program", [swapped, converted_by_swapping])
def test_tensors_can_be_swapped(program: Any) -> None:
    plain = all_that_a_user_sees(program, contextlib.nullcontext())
    assert all_that_a_user_sees(program, tracer.record()) == plain


def test_an_expanded_tensor_is_measured_as_the_one_that_it_repeats() -> None:
    with tracer.record() as run:  # of 1 << 50 elements it would never end
        torch.ones(1).expand(1 << 25)
    assert run.whole.values[-1].data.norm == pytest.approx(math.sqrt(1 << 25), rel=1e-5)


# Programs that torch runs in another way while they are recorded: the word by which the graph says so.
OTHER_WAYS = {
    "compiled_by_dynamo": "compile",
    "compiled_by_aot_autograd": "compile",
    "compiled_with_a_graph_break": "compile",
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OTHER_WAYS)
def test_a_graph_says_where_the_program_took_another_way(name: str) -> None:
    with tracer.record() as run:
        ZOO[name]()
    assert any(OTHER_WAYS[name] in note for note in run.graph.meta.get("notes", ()))


def test_a_recording_whose_graph_was_not_asked_for_keeps_no_module_alive() -> None:
    variables: dict[str, Any] = {"torch": torch}
    with tracer.record() as run:
        exec(compile("x = torch.ones(3)\ny = torch.nn.functional.relu(x * 2)\n", "<program>", "exec"), variables)
    reference = weakref.ref(variables["x"])
    del variables
    gc.collect()
    assert reference() is None
    assert [node.op for node in run.graph.nodes] == ["ones", "mul", "relu"]
