"""What a recording is told by the scalar engine, and that nothing is told or kept when there is none."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tracer.scalar import Observer, Scalar, observers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Notes:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.order: list[Scalar] = []

    def operation(self, out: Scalar) -> None:
        self.events.append(out.op)

    def backward_started(self, root: Scalar) -> None:
        self.events.append(f"from {root.name}, {root.grad}")

    def backward_finished(self, root: Scalar, order: Sequence[Scalar]) -> None:
        self.events.append(f"done {root.name}, {root.grad}")
        self.order = list(order)


@contextmanager
def observing(observer: Observer) -> Iterator[None]:
    observers.append(observer)
    try:
        yield
    finally:
        observers.remove(observer)


def test_every_operation_and_backward_is_told_in_order() -> None:
    notes = Notes()
    x, y = Scalar(2, name="x"), Scalar(3)
    unseen = x * y
    with observing(notes):
        product = unseen * 2
        out = (product - x).tanh()
        out.name = "out"
        out.backward()
    _ = out * out
    assert notes.events == ["*", "-", "tanh", "from out, 0.0", "done out, 1.0"]
    assert notes.order == [out, out.operands[0], product, unseen, y, x]


def test_backward_order_puts_results_before_operands_and_leaves_out_constants() -> None:
    notes = Notes()
    x = Scalar(0.5)
    early = x.exp()
    late = x * 3 + early
    with observing(notes):
        (late * early).backward()
    place = {scalar: at for at, scalar in enumerate(notes.order)}
    assert all(place[scalar] < place[o] for scalar in place for o in scalar.operands if o.requires_grad)
    assert all(scalar.requires_grad for scalar in place)


def test_several_observers_and_one_that_leaves_while_it_is_told() -> None:
    class Once(Notes):
        def operation(self, out: Scalar) -> None:
            super().operation(out)
            observers.remove(self)

    once, notes = Once(), Notes()
    observers.append(once)
    with observing(notes):
        _ = Scalar(1) + 1 + 1
    assert (once.events, notes.events, observers) == (["+"], ["+", "+"], [])


def test_an_observer_that_fails_is_heard() -> None:
    class Broken(Notes):
        def operation(self, out: Scalar) -> None:
            raise LookupError(out.op)

    with observing(Broken()), pytest.raises(LookupError, match="tanh"):
        Scalar(1).tanh()
    assert observers == []
