"""A quick record is the dataclass it was, but for the time it takes to make one."""

from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace
from typing import Any

import pytest

from tracer.records import quick


@dataclass(frozen=True, slots=True)
class Plain:
    a: int
    b: str = "b"
    c: list[int] = field(default_factory=list)


@quick
@dataclass(frozen=True, slots=True)
class Quick:
    a: int
    b: str = "b"
    c: list[int] = field(default_factory=list)


@pytest.mark.parametrize("args", [(1,), (1, "x"), (1, "x", [2])], ids=str)
def test_arguments_and_defaults(args: tuple[Any, ...]) -> None:
    plain, made = Plain(*args), Quick(*args)
    assert (made.a, made.b, made.c) == (plain.a, plain.b, plain.c)
    assert repr(made) == repr(plain).replace("Plain", "Quick")
    assert made == Quick(**dict(zip("abc", args)))
    assert Quick(1).c is not Quick(1).c


def test_the_signature_is_that_of_the_dataclass() -> None:
    assert (
        list(inspect.signature(Quick).parameters.values())[:2] == list(inspect.signature(Plain).parameters.values())[:2]
    )
    with pytest.raises(TypeError, match=r"Quick.__init__\(\) missing 1 required positional argument: 'a'"):
        Quick()  # type: ignore[call-arg]


def test_it_is_frozen_and_of_its_own_class() -> None:
    made = Quick(1)
    assert type(made) is Quick
    with pytest.raises(FrozenInstanceError):
        made.a = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del made.a
    with pytest.raises((AttributeError, TypeError)):  # TypeError on older Pythons, a slip of dataclasses
        made.d = 2  # type: ignore[attr-defined]


def test_copies_and_pickles() -> None:
    made = Quick(1, "x", [2])
    for twin in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made)), replace(made)):
        assert (twin, type(twin)) == (made, Quick)
    assert replace(made, b="y") == Quick(1, "y", [2])
