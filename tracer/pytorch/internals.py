"""The parts of torch that are not public and have no public counterpart, in one place, for when torch moves them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

_autograd: Any = torch.autograd
_jit: Any = torch._C

# Number that the next autograd node of this thread will get.
sequence_number: Final[Callable[[], int]] = _autograd._get_sequence_nr

# The autograd node whose backward is running, or None.
current_autograd_node: Final[Callable[[], Any]] = torch._C._current_autograd_node

# Modules and names under which the entry to the autograd engine is looked up.
ENGINE: Final = ((torch.autograd, "_engine_run_backward"), (torch.autograd.graph, "_engine_run_backward"))


# Where torch looks up how a hook is added to an autograd function: `(hooks or None, hook) -> hooks, handle`.
HOOKED_BY: Final = (torch.autograd.function._HookMixin, "_register_hook")


# Where the compiler asks whether there are hooks on all modules, to warn of them.
HOOKS_ASKED: Final = (torch.nn.modules.module, "_has_any_global_hook")


def global_hooks() -> list[dict[int, Any]]:
    """The hooks on the calls of all modules, by the ids of their handles."""
    tables = vars(torch.nn.modules.module)
    names = [name for name in tables if name.startswith("_global_") and "registration" not in name]
    return [tables[name] for name in names if isinstance(tables[name], dict)]


class Hooks(dict[Any, Callable[..., Any]]):
    """The hooks of an autograd function; a dict that can be referred to weakly, as torch's handles need it."""

    __slots__ = ("__weakref__",)


def is_wrapped(tensor: torch.Tensor) -> bool:
    """Whether a tensor is what `torch.func`, or a batch of gradients, computes with in place of another one."""
    functions: Any = torch._C._functorch
    return functions.is_functorch_wrapped_tensor(tensor) or functions.is_legacy_batchedtensor(tensor)  # type: ignore[no-any-return]


def modes() -> tuple[list[Any], list[Any]]:
    """The function modes and the dispatch modes that are on, outermost first."""
    overrides: Any = torch.overrides
    dispatch: Any = torch.utils._python_dispatch
    return overrides._get_current_function_mode_stack(), dispatch._get_current_dispatch_mode_stack()


def only_fakes_below() -> bool:
    """Whether no dispatch mode is on but those of fake tensors, which answer questions as the tensors themselves do."""
    return all(isinstance(mode, FakeTensorMode) for mode in modes()[1])


def leave_to_python(functions: Iterable[Any]) -> None:
    """Tells the compiler, if the program has loaded it, to compile neither these functions nor what they call."""
    frames: Any = sys.modules.get("torch._C._dynamo.eval_frame")
    if frames is not None and "torch._dynamo" in sys.modules:
        strategy = frames._FrameExecStrategy(frames._FrameAction.SKIP, frames._FrameAction.SKIP)
        for function in functions:
            frames.set_code_exec_strategy(function.__code__, strategy)


class Quietly:
    """While we look at tensors ourselves: no class is asked, no mode told, and `torch.jit.trace` sees nothing."""

    __slots__ = ("_guard", "_tracing")

    def __enter__(self) -> None:
        self._guard: Any = torch._C.DisableTorchFunction()
        self._guard.__enter__()
        self._tracing: Any = _jit._get_tracing_state()
        if self._tracing is not None:
            _jit._set_tracing_state(None)

    def __exit__(self, *error: object) -> None:
        if self._tracing is not None:
            _jit._set_tracing_state(self._tracing)
        self._guard.__exit__(*error)


@contextlib.contextmanager
def natively() -> Iterator[None]:
    """Takes away whatever may stand between a call and its kernel: modes, gradients, autocast, inference mode."""
    dispatch: Any = torch.utils._python_dispatch
    internals: Any = torch._C
    with (
        internals.DisableTorchFunction(),
        internals._DisableFuncTorch(),
        internals._DisableAutocast(),
        torch.inference_mode(False),
        torch.no_grad(),
    ):
        modes = [dispatch._pop_mode() for _ in range(internals._len_torch_dispatch_stack())]
        try:
            yield
        finally:
            for mode in reversed(modes):
                dispatch._push_mode(mode)


def forget_module_hook(handle: Any) -> None:
    """Removes a global module hook with all that torch notes of it; `handle.remove()` leaves a part behind."""
    handle.remove()
    tables: Any = torch.nn.modules.module
    for name in ("_global_forward_hooks_with_kwargs", "_global_forward_hooks_always_called"):
        getattr(tables, name, {}).pop(handle.id, None)


def met(mode: Any) -> list[torch.Tensor]:
    """The real tensors that a `FakeTensorMode` has made fake ones for, and that are still alive."""
    return list(mode.fake_tensor_converter.meta_converter.describer.lookup_tensor)
