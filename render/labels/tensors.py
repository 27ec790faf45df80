"""What the boxes of tensors and the arrows between operations say."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from render import text
from render.labels.words import DETAIL_SIZE, MAX_DETAIL, NAME_SIZE, Lines, Words, scalar
from render.scene import Text
from tracer.graph import Stats, Value

EDGE_SIZE: Final = 12.0
EDGE_GAP: Final = 6.0  # room around the words beside an arrow


class TensorWords(Words):
    """The words for tensors."""

    def tensor(self, value: Value, told: str = "", module: str = "") -> Lines:
        """The lines of a tensor's box: name; shape or number; gradient; what its colour tells, where none says it.

        Args:
            value: The tensor.
            told: What its colour tells.
            module: The name of the module that its box lies in, which its own need not repeat.
        """
        rows = [self._name(value, module), *self._facts(value), self._kept(value), self._gradient(value)]
        return tuple(row for row in (*rows, self.colour(rows, told)) if row)

    def _name(self, value: Value, module: str) -> tuple[Text, ...]:
        name = self.names.get(value.id)
        if name is None or ("names" not in self.items and value.kind != "constant"):
            return ()
        own = name.removeprefix(f"{module}.") if module else name
        return (text.name_run(own or name, NAME_SIZE[self.style], self.theme.text),)

    def _facts(self, value: Value) -> Lines:
        words = self._told(value)
        if value.kind == "parameter" and self.style == "operations" and len(value.shape) > 1:
            words.append(self.parameters(value.numel))
        *above, last = map(self._detail, _broken(words, MAX_DETAIL))
        if "numbers" in self.items and value.shape == () and _is_wrong(scalar(value.data)):
            return (*above, self._wrong(*last))
        return (*above, (*last, *self._trouble(value.data, lead=bool(last))))

    def facts(self, value: Value) -> str:
        """Shape (or number, for a scalar), type and mean of a tensor, as far as they are to be shown."""
        return " · ".join(self._told(value))

    def _told(self, value: Value) -> list[str]:
        number = scalar(value.data) if value.shape == () and "numbers" in self.items else None
        words = []
        if number is not None:
            words.append(f"data {text.number(number)}" if self.theme.records else text.number(number))
        elif "shapes" in self.items:
            words.append(self.dims.shape(value.shape, weight=value.kind == "parameter") or self.say("scalar"))
        if "dtypes" in self.items and value.dtype:
            words.append(value.dtype)
        if "sizes" in self.items and value.nbytes:
            words.append(text.size(value.nbytes))
        if "values" in self.items and number is None and value.data is not None:
            words.append(_values(value.data))
        return [word for word in words if word]

    def _kept(self, value: Value) -> tuple[Text, ...]:
        """The bytes that it takes to keep a tensor for backward; where another shares its memory, which."""
        mark = self.kept.get(value.id)
        if mark is None:
            return ()
        if mark.storage == value.id:
            return self._detail(self.say("kept", bytes=text.size(mark.bytes)))
        source = self._value(mark.storage).view_of if mark.storage in self.graph.value_by_id else None
        name = self.names.get(mark.storage) or (self.names.get(source) if source is not None else None)
        return self._detail(self.say("kept with", name=name or self.say("another")))

    def _gradient(self, value: Value) -> tuple[Text, ...]:
        words = self.gradient(value) if "norms" in self.items else ""
        if not words or value.grad is None:
            return ()
        run = text.run(words, DETAIL_SIZE[self.style], self.theme.gradient_text)
        alone = value.grad.norm is None or (value.shape == () and _is_wrong(scalar(value.grad)))
        rest = self._trouble(value.grad, lead=True)
        return tuple(replace(each, gradient=True) for each in (self._wrong(run) if alone and rest else (run, *rest)))

    def gradient(self, value: Value) -> str:
        """`grad` and the number for a scalar, `|grad|` and the norm for other tensors; empty where there is none.

        Where no element is finite there is no norm either: what they are stands in its place.
        """
        number = scalar(value.grad) if value.shape == () else None
        if number is not None:
            return f"grad {text.number(number)}"
        if value.grad is None:
            return ""
        norm = _counted(value.grad) if value.grad.norm is None else text.number(value.grad.norm)
        return f"|grad| {norm}" if norm else ""

    def _trouble(self, stats: Stats | None, *, lead: bool) -> tuple[Text, ...]:
        """How many elements are NaN or infinite, after what stands before."""
        counted = "" if stats is None else _counted(stats)
        joined = f"{' · ' if lead else ''}{counted}"
        return (text.run(joined, DETAIL_SIZE[self.style], self.theme.error, bold=True),) if counted else ()

    def trouble(self, value: Value) -> str:
        """How many elements of a tensor are NaN or infinite; empty where none is."""
        return "" if value.data is None else _counted(value.data)

    def _wrong(self, *runs: Text) -> tuple[Text, ...]:
        """What says itself that something is wrong, in the colour of errors."""
        return tuple(text.run(each.text, each.size, self.theme.error, bold=True) for each in runs)

    @property
    def next_turn(self) -> Text:
        """The words beside an arrow that leads to the next turn of a loop."""
        return _beside(text.run("t → t+1", EDGE_SIZE, self.theme.muted))

    @property
    def turn_before(self) -> Text:
        """The words beside a gradient's arrow that leads to the turn before."""
        return _beside(text.run("t+1 → t", EDGE_SIZE, self.theme.muted))

    def edge(self, value: Value) -> Text | None:
        """The words beside an arrow between two operations: name and shape of what it carries.

        A tensor without a name that is as the one it was made from is not worth a word.
        """
        name = self.names.get(value.id) if "results" in self.items else None
        producer = self.graph.producer.get(value.id)
        source = self._value(producer.inputs[0]) if producer is not None and producer.inputs else None
        if name is None and source is not None and self.facts(source) == self.facts(value):
            return None
        stated = producer is not None and self.states_shape(producer) and len(producer.outputs) == 1
        facts = "" if stated else self.facts(value)
        if not name and not facts:
            return None
        base, index = text.indexed(name or "")
        after = f" · {facts}" if name and facts else facts
        if not index:
            return _beside(text.run(text.elide(base, 16) + after, EDGE_SIZE, self.theme.muted))
        return _beside(text.run(base, EDGE_SIZE, self.theme.muted, subscript=index, after=after))


def _broken(words: Iterable[str], limit: int) -> list[str]:
    """Words side by side, in as many lines as it takes for none to be longer than it may be; one at least."""
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} · {word}" if lines[-1] else word
        if lines[-1] and len(longer) > limit:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _is_wrong(number: float | None) -> bool:
    return number is not None and not math.isfinite(number)


def _counted(stats: Stats) -> str:
    """`nan 3 · inf 1`; empty where all elements are finite."""
    return " · ".join(f"{name} {text.count(n)}" for name, n in (("nan", stats.nan), ("inf", stats.inf)) if n)


def _beside(run: Text) -> Text:
    """A run with the room that it needs beside an arrow."""
    return replace(run, width=round(1.08 * run.width + EDGE_GAP, 2))


def _values(stats: Stats) -> str:
    if stats.value is not None:
        flat = list(_flat(stats.value))
        if len(flat) <= 4:
            return "[" + ", ".join(text.number(each) for each in flat) + "]"
    return "" if stats.mean is None else f"mean {text.number(stats.mean)}"


def _flat(value: Any) -> Iterable[float]:
    return (each for item in value for each in _flat(item)) if isinstance(value, tuple) else (value,)
