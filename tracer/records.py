"""For records made by the million: `quick` constructors for frozen dataclasses, and a pause for the garbage collector.

The constructor of a frozen dataclass must go around its own lock with `object.__setattr__`, which costs 0.1 µs a
field. The quick one takes the lock off for as long as it writes: the object is for that moment of a class with the
same slots and nothing else. A `maker` needs no more than that moment: it begins with an object of that class. What has
the same slots already, a draft, is made a record without a copy.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import MISSING, Field, fields
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_Record = TypeVar("_Record")
_set_class: Final = object.__dict__["__class__"].__set__  # a record's own `__setattr__` refuses
_absent: Final = object()
_makers: Final[dict[type[Any], Callable[..., Any]]] = {}
_copiers: Final[dict[type[Any], Callable[[Any], Any]]] = {}  # what they make is open to change yet


def quick(record: type[_Record]) -> type[_Record]:
    """Replaces the constructor of a class made by `dataclass(frozen=True, slots=True)`; use as a decorator above it.

    Arguments, defaults and results stay what they were; fields with `init=False` and `__post_init__` are not provided
    for, nor are subclasses.
    """
    found = fields(record)  # type: ignore[arg-type]
    names: dict[str, Any] = {
        "set_class": _set_class,
        "opened": type(record.__name__, (), {"__slots__": tuple(each.name for each in found)}),
        "record": record,
        "absent": _absent,
    }
    lines = [*[_line(each, names) for each in found], "self.__class__ = record"]
    parameters = ", ".join(f"{each.name}=default_{each.name}" if _optional(each) else each.name for each in found)
    inits = [f"def __init__(self, {parameters}):", "set_class(self, opened)", *lines]
    makes = [f"def make({parameters}):", "self = opened()", *lines, "return self"]
    copies = ["def copy(record):", "self = opened()", *[f"self.{each.name} = record.{each.name}" for each in found]]
    for code in (inits, makes, [*copies, "return self"]):
        exec("\n    ".join(code), names)  # as the dataclass itself does: only written-out assignments are quick
    made = names["__init__"]
    made.__annotations__ = record.__init__.__annotations__
    made.__qualname__ = f"{record.__qualname__}.__init__"
    record.__init__ = made  # type: ignore[method-assign]
    _makers[record], _copiers[record] = names["make"], names["copy"]
    return record


def maker(record: type[_Record]) -> Callable[..., _Record]:
    """What makes a `quick` record from the same arguments as its class, in two thirds of the time."""
    return _makers[record]


def close(draft: Any, record: type[Any]) -> None:
    """Makes a record of an object of a class with the same slots: whoever holds it can change it no more."""
    _set_class(draft, record)


def changed(record: _Record, **changes: Any) -> _Record:
    """As `dataclasses.replace`, for our records, in a fifth of the time."""
    kind = type(record)
    copy = _copiers[kind](record)
    for name, data in changes.items():
        setattr(copy, name, data)
    _set_class(copy, kind)
    return copy  # type: ignore[no-any-return]


def _optional(each: Field[Any]) -> bool:
    return each.default is not MISSING or each.default_factory is not MISSING


def _line(each: Field[Any], names: dict[str, Any]) -> str:
    """The assignment of one field; puts its default under the name that the signature gives it."""
    names[f"default_{each.name}"] = each.default
    if each.default_factory is MISSING:
        return f"self.{each.name} = {each.name}"
    names[f"default_{each.name}"] = _absent
    names[f"new_{each.name}"] = each.default_factory
    return f"self.{each.name} = new_{each.name}() if {each.name} is absent else {each.name}"


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keeps the garbage collector from looking at growing heaps of new records over and over, for half of the time.

    Only for code that makes no cycles: what is new is taken for long-lived, without a look at it. Young garbage goes
    before, so that it is not taken for that.
    """
    enabled = gc.isenabled()
    if enabled:
        gc.collect(1)
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            _age()
            gc.enable()


def _age() -> None:
    """Moves what the collector would look at next to what it has looked at often."""
    if not gc.get_freeze_count():  # else the program has frozen objects itself, and wants them to stay so
        gc.freeze()
        gc.unfreeze()
