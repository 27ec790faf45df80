"""The arguments of a kernel's call <-> Python text, in which `t0`, `t1`, ... stand for its tensors, in order.

The text is complete, so that a saved graph can be run again, and is read back through the syntax tree by a list of what
is allowed: it may come from anywhere, so nothing in it is ever evaluated.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch

from tracer.pytorch.tape import TENSOR

_TENSOR: Final = re.compile(r"t(0|[1-9]\d{0,8})\Z")
_NUMBERS: Final = {"inf": float("inf"), "nan": float("nan")}
_WORDS: Final = {
    str(word): word
    for word in vars(torch).values()
    if isinstance(word, (torch.dtype, torch.layout, torch.memory_format))
}
_CALLS: Final[Mapping[str, Callable[..., Any]]] = {
    "complex": complex, "torch.device": torch.device, "torch.Generator": torch.Generator,
}  # fmt: skip


def write(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """The arguments of a call as text, with `tape.TENSOR` or the tensors themselves in it.

    What is no plain data (a function, an object of C++'s) is written `...`.

    A generator of random numbers is written by its device, and None for torch's own.
    """
    numbers = iter(range(sys.maxsize))
    parts = [_text(given, numbers) for given in args]
    parts += [f"{name}={_text(given, numbers)}" for name, given in kwargs.items()]
    return sys.intern(", ".join(parts))


def _text(given: Any, numbers: Iterator[int]) -> str:
    writer = _WRITERS.get(type(given))
    if writer is not None:
        return writer(given)
    if given is TENSOR or isinstance(given, torch.Tensor):
        return f"t{next(numbers)}"
    if isinstance(given, list):
        return f"[{', '.join([_text(item, numbers) for item in given])}]"
    if isinstance(given, tuple):
        return f"({''.join([f'{_text(item, numbers)}, ' for item in given]).removesuffix(' ')})"
    return "..."


def _generator(given: torch.Generator) -> str:
    default = given.device.type == "cpu" and given is torch.default_generator
    return "None" if default else f"torch.Generator({str(given.device)!r})"


_WRITERS: Final[Mapping[type, Callable[[Any], str]]] = {
    **dict.fromkeys((int, float, bool, str, type(None)), repr),
    **dict.fromkeys((torch.dtype, torch.layout, torch.memory_format), str),
    complex: lambda given: f"complex({given.real!r}, {given.imag!r})",
    torch.device: lambda given: f"torch.device({str(given)!r})",
    torch.Generator: _generator,
}


class Unreadable(ValueError):  # noqa: N818 - reads as the sentence it is
    """The text of a call that cannot be read back: incomplete, or not of our writing."""


@dataclass(frozen=True, slots=True)
class _Tensor:
    """The place of a tensor in a call that was read."""

    index: int


def read(text: str, tensors: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments that `write` wrote.

    Args:
        text: As in `Node.call`.
        tensors: What to put in place of `t0`, `t1`, ...

    Raises:
        Unreadable: The text stands for less than the whole call, or is none of ours.
    """
    args, kwargs = _parse(text)
    try:
        return [_filled(each, tensors) for each in args], {name: _filled(each, tensors) for name, each in kwargs}
    except IndexError:
        raise Unreadable(f"{text!r} names more tensors than the {len(tensors)} it was given") from None


def _filled(given: Any, tensors: Sequence[Any]) -> Any:
    if isinstance(given, _Tensor):
        return tensors[given.index]
    if isinstance(given, (list, tuple)):
        return type(given)([_filled(item, tensors) for item in given])
    return given


@functools.lru_cache(maxsize=4096)
def _parse(text: str) -> tuple[tuple[Any, ...], tuple[tuple[str, Any], ...]]:
    """A call with `_Tensor` for its tensors; calls in a program repeat."""
    try:
        call = ast.parse(f"f({text})", mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise Unreadable(f"{text!r} is no list of arguments: {error}") from error
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise Unreadable(f"{text!r} is no list of arguments")
    names = [each.arg for each in call.keywords]
    if None in names or len(set(names)) < len(names):
        raise Unreadable(f"{text!r} does not name its arguments once each")
    args = tuple(_data(each, f"argument {place}") for place, each in enumerate(call.args, 1))
    return args, tuple((str(each.arg), _data(each.value, f"argument {each.arg!r}")) for each in call.keywords)


def _data(node: ast.expr, where: str) -> Any:
    """The data that a part of the text stands for, if it is of an allowed form."""
    match node:
        case ast.Constant(value=found) if found is not Ellipsis and not isinstance(found, (bytes, complex)):
            return found
        case ast.Constant(value=found) if found is Ellipsis:
            raise Unreadable(f"{where} is no plain data (a function, a symbolic size, an object of C++'s)")
        case ast.List(elts=items):
            return [_data(item, where) for item in items]
        case ast.Tuple(elts=items):
            return tuple([_data(item, where) for item in items])
        case ast.UnaryOp(op=ast.USub(), operand=operand) if type(number := _data(operand, where)) in (int, float):
            return -number
        case ast.Name(id=name) if name in _NUMBERS:
            return _NUMBERS[name]
        case ast.Name(id=name) if _TENSOR.match(name):
            return _Tensor(int(name[1:]))
        case ast.Attribute() if (name := ast.unparse(node)) in _WORDS:
            return _WORDS[name]
        case ast.Call(func=function, args=args, keywords=[]) if (name := ast.unparse(function)) in _CALLS:
            return _made(_CALLS[name], [_data(each, where) for each in args], where)
    raise Unreadable(f"{where} holds {type(node).__name__}, which no call of ours has")


def _made(make: Callable[..., Any], given: list[Any], where: str) -> Any:
    if all(isinstance(each, (int, float, str)) for each in given):
        try:
            return make(*given)
        except (TypeError, ValueError, RuntimeError) as error:
            raise Unreadable(f"{where}: {error}") from error
    raise Unreadable(f"{where} calls {make.__name__} with what it does not take")
