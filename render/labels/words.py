"""What all words of a picture share: the graph and what is asked for, the names of values, look-ups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from render import text
from render.dims import Dims
from render.options import Style
from render.scene import Text
from render.theme import Theme
from render.views.backward import is_opposite
from render.views.closing import is_closed_module
from render.views.merging import alike, turns
from render.views.saved import Kept, kept
from render.words import Words as Said
from render.words import words as said
from tracer.graph import Graph, Node, Scope, Stats, Value

Lines = tuple[tuple[Text, ...], ...]

NAME_SIZE: Final[Mapping[Style, float]] = {"data": 17, "operations": 15.5}
DETAIL_SIZE: Final[Mapping[Style, float]] = {"data": 13, "operations": 12.5}
MAX_DETAIL: Final = 36  # characters: `TransformerEncoder · 51,264 params`; details are set smaller than names
_LARGE: Final = ((10**9, "B"), (10**6, "M"))  # as the field counts parameters


@dataclass(frozen=True)
class Words:
    """The words for the records of one graph in one style.

    Attributes:
        graph: As it is drawn.
        theme: Gives the colours.
        style: Gives the sizes.
        items: What is to be shown.
        dims: Names of sizes.
        lang: Of the words that are not the author's.
    """

    graph: Graph
    theme: Theme
    style: Style
    items: frozenset[str]
    dims: Dims = field(default_factory=Dims)
    lang: str = "en"

    @cached_property
    def say(self) -> Said:
        """The words that are not the author's."""
        return said(self.lang)

    @cached_property
    def names(self) -> Mapping[int, str]:
        """Names by value id; an in-place version without a name of its own bears that of its predecessor."""
        found: dict[int, str] = {}
        for value in self.graph.values:
            before = None if value.version_of is None else found.get(value.version_of)
            name = value.name if value.name is not None else before
            if name is not None and text.clean(name).strip("_"):  # `_` is how one says that it has no name
                found[value.id] = text.clean(name)
        outputs = [each for each in dict.fromkeys(self.graph.outputs) if each not in found]
        for number, value_id in enumerate(outputs):
            found[value_id] = self.say("output") + ("" if len(outputs) == 1 else f" {number}")
        return found

    @cached_property
    def kept(self) -> Mapping[int, Kept]:
        """The tensors that are marked as kept for backward."""
        return kept(self.graph)

    def states_shape(self, node: Node) -> bool:
        """Whether a box says itself what shape comes out of it: a closed module in which several operations ran."""
        return is_closed_module(node) and node.attrs.get("operations", 0) > 1

    def is_parameter(self, value_id: int) -> bool:
        """Whether the value is a parameter (buffers are none)."""
        return self._value(value_id).kind == "parameter"

    def colour(self, rows: Iterable[Sequence[Text]], told: str) -> tuple[Text, ...]:
        """What a box's colour tells, unless its other rows say it."""
        if not told:
            return ()
        said = [text.plain(row) for row in rows]
        is_gradient = told.startswith("|grad|") and any(row.startswith(("|grad|", "grad ")) for row in said)
        return () if is_gradient or any(told in row for row in said) else self._detail(told)

    def parameters(self, number: int, *, each: bool = False) -> str:
        """A number of parameters, in the language of the picture."""
        return parameters(number, each=each, lang=self.lang)

    def repetition(self, scope: Scope) -> str:
        """How often what is drawn once ran, in the language of the picture."""
        return repetition(scope, self.lang)

    def _detail(self, words: str) -> tuple[Text, ...]:
        if not words:
            return ()
        return (text.run(text.elide(words, MAX_DETAIL), DETAIL_SIZE[self.style], self.theme.muted),)

    def _value(self, value_id: int) -> Value:
        return self.graph.value_by_id[value_id]

    def _scope(self, node: Node) -> Scope | None:
        return None if node.scope is None else self.graph.scope_by_id.get(node.scope)

    @cached_property
    def _population(self) -> Mapping[int, int]:
        """How many operations lie in each module, at any depth; one and its derivative opposite are one."""
        return population(self.graph)


def population(graph: Graph) -> Mapping[int, int]:
    """How many operations lie in each scope, at any depth; one and its derivative opposite are one."""
    counts: dict[int, int] = {}
    for node in graph.nodes:
        for scope in () if is_opposite(graph, node) else graph.path(node.scope):
            counts[scope.id] = counts.get(scope.id, 0) + 1
    return counts


def parameters(number: int, *, each: bool = False, lang: str = "en") -> str:
    """A number of parameters, as pictures tell it: `2,080 params`, `124 M params`; the exact one is in tooltips.

    Args:
        number: How many.
        each: Whether each of several copies has as many.
        lang: In which language.
    """
    scaled = next(((size, letter) for size, letter in _LARGE if number >= size), None)
    told = "" if scaled is None else f"{text.number(number / scaled[0])} {scaled[1]}"
    return said(lang).counted("params each" if each else "params", number, told)


def repetition(scope: Scope, lang: str = "en") -> str:
    """How often what is drawn once ran: `×200` with the same weights, `12 alike` with its own each time."""
    if turns(scope) == 1:
        return ""
    return said(lang).counted("alike", turns(scope)) if alike(scope) else f"×{text.count(turns(scope))}"


def scalar(stats: Stats | None) -> float | None:
    """The number itself, where the statistics are those of a single element and kept it."""
    if stats is None or isinstance(stats.value, bool) or not isinstance(stats.value, (int, float)):
        return None
    return stats.value
