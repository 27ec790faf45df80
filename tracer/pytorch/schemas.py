"""A kernel's schema -> the names of its arguments, which it writes and which it gives views of; once per kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch

_MAX_ITEMS: Final = 16  # elements of a list argument that are kept
_MAX_TEXT: Final = 200  # characters of a text argument that are kept
_BATCH_NORMS: Final = ("native_batch_norm", "cudnn_batch_norm", "miopen_batch_norm")  # write, though no schema says so


@dataclass(frozen=True, slots=True)
class Kernel:
    """The facts of one operator overload.

    Attributes:
        op: `mm`.
        target: `aten.mm.default`.
        arguments: Names of the positional arguments.
        defaults: Default value by argument name.
        written: Names of the arguments that are written in place (or into, for `out=`).
        writes: Whether a call may write any.
        view_of: For each result, the name of the argument whose memory it shares without writing, or None; for a list
            of results, the one for all.
        func: The operator.
        run: Runs it.
        quiet: Whether it is no step of a program: fake tensors ask for devices, optimizers time themselves.
        plain: Whether all it does is to make one tensor, from arguments that are no lists of tensors, without random
            numbers; not of a detach, for torch detaches on its own account too.
        views: Whether that tensor shares the memory of its first argument.
        fills: Whether its results hold numbers; what `empty` leaves in memory differs from run to run.
        copies: Whether that tensor holds the very elements of its first argument, in memory of its own or not.
        workspace: Numbers of the results that hold none, but are room for its own backward.
    """

    op: str
    target: str
    arguments: tuple[str, ...]
    defaults: Mapping[str, Any]
    written: frozenset[str]
    view_of: tuple[str | None, ...]
    func: Any
    run: Callable[..., Any]
    writes: bool = False
    quiet: bool = False
    plain: bool = False
    views: bool = False
    fills: bool = True
    copies: bool = False
    workspace: tuple[int, ...] = ()


_COPIES: Final = frozenset(("clone", "_unsafe_view"))
_QUIET: Final = frozenset(("prim", "profiler"))
_WORKSPACES: Final = {"mkldnn_rnn_layer": (3,), "_cudnn_rnn": (3,), "miopen_rnn": (3,)}
_UNFILLED: Final = frozenset("empty empty_like empty_strided empty_permuted new_empty new_empty_strided".split())


def describe(func: Any) -> Kernel:
    """The facts of an operator overload (`torch.ops.aten.mm.default`) or a higher-order operator."""
    schema = getattr(func, "_schema", None)
    target = str(func)
    if schema is None:
        return Kernel(getattr(func, "__name__", target), target, (), {}, frozenset(), (), func, func)
    op = schema.name.split("::")[-1]
    read, written = {}, set()
    for argument in schema.arguments:
        if argument.alias_info is None:
            continue
        if argument.alias_info.is_write:
            written.add(argument.name)
        else:
            for alias in argument.alias_info.before_set:
                read[alias] = argument.name
    view_of = tuple(_viewed(result, read) for result in schema.returns)
    if "-> Tensor(a)[]" in str(schema):  # pieces of one tensor (split, unbind): torch tells it in the text alone
        view_of = (read.get("a"),)
    random = torch.Tag.nondeterministic_seeded in func.tags
    lists = any("List[" in str(argument.type) and "Tensor" in str(argument.type) for argument in schema.arguments)
    views = op != "lift_fresh" and len(view_of) == 1 and view_of[0] == schema.arguments[0].name
    one = len(schema.returns) == 1 and str(schema.returns[0].type) == "Tensor"
    return Kernel(
        op=op,
        target=target,
        arguments=tuple(argument.name for argument in schema.arguments),
        defaults={a.name: a.default_value for a in schema.arguments if a.has_default_value()},
        written=frozenset(written),
        view_of=view_of,
        func=func,
        run=func._op,
        writes=bool(written) or op in _BATCH_NORMS,
        quiet=func.namespace in _QUIET,
        plain=one and not written and (views or view_of == (None,)) and not random and not lists and op != "detach",
        views=views,
        fills=op not in _UNFILLED,
        copies=op in _COPIES,
        workspace=_WORKSPACES.get(op, ()),
    )


def _viewed(result: Any, read: Mapping[str, str]) -> str | None:
    if result.alias_info is None or result.alias_info.is_write:
        return None
    return next((read[alias] for alias in sorted(result.alias_info.before_set) if alias in read), None)


def written(kernel: Kernel, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """The tensors (or what stands for them) that a call writes, in the order of the schema, lists spread out."""
    given = {**dict(zip(kernel.arguments, args)), **kwargs}
    names: Sequence[str] = [name for name in kernel.arguments if name in kernel.written]
    if kernel.op in _BATCH_NORMS and given.get("training"):
        names = ("running_mean", "running_var")
    found: list[Any] = []
    for name in names:
        data = given.get(name)
        found.extend(data if isinstance(data, (list, tuple)) else [data])
    return [each for each in found if each is not None]


def attributes(kernel: Kernel, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that are no tensors and differ from their defaults, as plain data, by name."""
    found: dict[str, Any] = {}
    for name, given in (*zip(kernel.arguments, args), *kwargs.items()):
        if isinstance(given, torch.Tensor) or given is None:
            continue
        if name in kernel.defaults and kernel.defaults[name] == given:
            continue
        data = plain(given)
        if data is not None:
            found[name] = data
    return found


def plain(given: Any) -> Any:
    """An argument as plain data: numbers, texts and short lists of them; None for what is not kept."""
    if isinstance(given, (bool, int, float)):
        return given
    if isinstance(given, str):
        return given[:_MAX_TEXT]
    if isinstance(given, (torch.dtype, torch.device, torch.layout, torch.memory_format, complex)):
        return str(given).removeprefix("torch.")
    if isinstance(given, (torch.SymInt, torch.SymFloat, slice)) or given is Ellipsis:
        return str(given)
    if isinstance(given, (list, tuple)) and 0 < len(given) <= _MAX_ITEMS:
        items = [plain(item) for item in given if not isinstance(item, torch.Tensor)]
        return tuple(items) if items and all(item is not None for item in items) else None
    return None
