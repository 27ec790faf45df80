"""What holds for every test: nothing that recording puts into Python, torch or the scalar engine outlives it."""

from __future__ import annotations

import gc
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import pytest

# One thread for each process, whether it tests or is started by a test: several with several wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

_THRESHOLDS = gc.get_threshold()


@pytest.fixture(autouse=True)
def nothing_survives() -> Iterator[None]:
    """Fails a test that leaves a hook, a mode, a patch, an observer or an import finder behind."""
    before = traces()
    yield
    after = traces()
    for what, found in after.items():
        # A test may be the first to import torch or the scalar engine: then there was nothing before it.
        assert found == before.get(what, type(found)()), f"{what} outlived the test"


def traces() -> dict[str, Any]:
    """Everything that a recording can leave behind, by what it is; empty lists where nothing is left."""
    found: dict[str, Any] = {
        "import finders": [each for each in sys.meta_path if type(each).__module__.startswith("tracer")],
        "thresholds of the collector": [each for each in (gc.get_threshold(),) if each != _THRESHOLDS],
    }
    engine = sys.modules.get("tracer.scalar.engine")
    if engine is not None:
        found["observers of the scalar engine"] = list(engine.observers)
    if hasattr(sys.modules.get("torch"), "compile"):  # imported to its end
        found |= traces_in_torch()
    return found


def traces_in_torch() -> dict[str, Any]:
    """The same for torch."""
    import torch
    from torch.nn.modules import module as modules
    from torch.optim import optimizer as optimizers
    from torch.utils import _python_dispatch as dispatch

    owners = (
        *(
            torch,
            torch.Tensor,
            torch.autograd,
            torch.autograd.graph,
            torch.autograd.Function,
            torch.func,
            torch.compiler,
        ),
        *(modules, modules.Module, optimizers.Optimizer, torch.utils.checkpoint, torch.utils.data.DataLoader),
        *(torch._higher_order_ops, threading.Thread, warnings),
    )
    tables = {**vars(modules), **vars(optimizers)}
    tables.pop("_global_forward_hooks_with_kwargs")  # torch itself leaves marks of removed hooks in it
    return {
        "function modes": torch.overrides._get_current_function_mode_stack(),
        "dispatch modes": dispatch._get_current_dispatch_mode_stack(),
        "global hooks": [name for name, table in tables.items() if name.startswith("_global_") and table],
        "saved tensor hooks": list(filter(None, [torch._C._autograd._top_saved_tensors_default_hooks(True)])),
        "patches": [f"{owner.__name__}.{name}" for owner in owners for name, it in vars(owner).items() if _is_ours(it)],
    }


def _is_ours(found: Any) -> bool:
    """Whether a function, or the one inside a class method, was written here."""
    function = found.__func__ if isinstance(found, (classmethod, staticmethod)) else found
    return isinstance(function, FunctionType) and f"{os.sep}tracer{os.sep}" in function.__code__.co_filename
