"""Tells a drawing step by step: each step that `render.gathering` makes of its moments is put into words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from render import text
from render.choosing import LESS, on_page, readable
from render.errors import RenderError
from render.explain import TURNS, begun, explained, is_minus, turned
from render.families import sign
from render.gathering import Part, fewest, gather
from render.labels.words import scalar
from render.listing import span
from render.page import smallest
from render.statements import Statements
from render.steps import Step, Storyboard, Telling, elements
from render.timeline import Moment, Timeline
from render.views.closing import is_closed_module
from render.views.merging import FIRST, turn_of, turns
from render.wish import WORTH_KEEPING
from render.words import Words
from tracer.graph import DRAWABLE

if TYPE_CHECKING:
    from render.drawing import Drawing
    from render.page import Target
    from tracer.graph import Node, Value

MAX_STEPS: Final = 300  # more are nothing to click through
_MAX_FACTS: Final = 4
_MAX_EXPLAINED: Final = 9


def tell(drawing: Drawing, telling: Telling, pages: Sequence[Target]) -> Storyboard:
    """The storyboard of a drawing (pages and errors as for `Drawing.storyboard`)."""
    drawing, by, words = replace(drawing, lang=telling.lang), telling.by, telling.words
    told = on_page(drawing, pages) if pages else readable(drawing)
    timeline = Timeline(told, outside=by in ("line", "timestep"))
    _checked(fewest(told.view, by), by, " or more")  # before it is placed, which may take minutes
    parts = gather(timeline, by)
    _checked(len(parts), by)
    teller = _Teller(timeline, words, telling.explain, drawing.options.hide)
    remarks = [*told.notes, *([] if timeline.has_backward else [words("no backward")])]
    if telling.explain and any(_lacks_numbers(value) for value in told.view.values):
        remarks.append(words("unkept", kept=DRAWABLE, worth=WORTH_KEEPING))
    if told.page is not None and smallest(told.scene) < told.page.least:
        remarks.append(words("small", points=f"{told.page.least:g}"))
    if by == "timestep" and not any(part.turn for part in parts):
        remarks.append(words("no loop"))
    return Storyboard(
        drawing=told,
        steps=tuple(teller.steps(parts)),
        listings=timeline.listings.all,
        title=drawing.options.title or text.clean(told.graph.name),
        words=words,
        motion=telling.motion,
        remarks=tuple(remarks),
    )


def _lacks_numbers(value: Value) -> bool:
    """Whether the numbers of a gradient could have been kept, and were not."""
    return value.grad is not None and value.grad.value is None and DRAWABLE < value.numel <= WORTH_KEEPING


def _checked(steps: int, by: str, more: str = "") -> None:
    """Raises where a deck has more steps than anybody would click through."""
    if steps > MAX_STEPS:
        ways = " or ".join(f"--by {way}" for way in ("line", "module", "timestep") if way != by)
        raise RenderError(
            f"the deck would have {text.count(steps)} steps{more} (at most {MAX_STEPS}): choose {ways}, or {LESS}"
        )


@dataclass(frozen=True)
class _Teller:
    """Puts parts of a timeline into words.

    Attributes:
        timeline: What is told.
        words: In which language.
        explain: Whether backward is told by the chain rule, with its numbers.
        hide: Items that the user asked to leave out.
    """

    timeline: Timeline
    words: Words
    explain: bool
    hide: Sequence[str] = ()

    @cached_property
    def say(self) -> Statements:
        """The words for values and operations: what only the picture has no room for is said, too."""
        drawing = self.timeline.drawing
        return Statements(replace(drawing, options=replace(drawing.options, hide=tuple(self.hide)), drawn=drawing.view))

    def steps(self, parts: Sequence[Part]) -> Iterator[Step]:
        """A step for each part; at least one."""
        shows: dict[int, list[str]] = {}
        for element in elements(self.timeline.scene):
            shows.setdefault(self.timeline.appears[element], []).append(element)
        updated: dict[str, None] = {}
        for part in parts or [Part(())]:
            step = self._step(part)
            if step.kind == "update":
                updated.update(dict.fromkeys(step.lit))
            seen = tuple(element for number in part.moments or (0,) for element in shows.get(number, ()))
            yield replace(step, shows=seen, updated=tuple(updated))

    def _step(self, part: Part) -> Step:
        moments = [self.timeline.moments[number] for number in part.moments]
        if not moments:
            return Step("forward", self.words("whole"))
        title, first = self._title(part, moments), moments[0]
        facts = [*self._facts(moments)]
        most = _MAX_EXPLAINED if self.explain else _MAX_FACTS
        shown = (*facts[: most - 2], "…", facts[-1]) if len(facts) > most else tuple(facts)  # the last is the verdict
        return Step(
            kind=first.kind,
            title=f"{part.turn} · {title}" if part.turn and not part.whole else title,
            lit=tuple(dict.fromkeys(box for moment in moments for box in self._lit(moment))),
            running=span(moment.running for moment in moments),
            about=span(moment.about for moment in moments),
            facts=shown,
            notes="\n".join((f"{title}.", *facts)),
            nodes=tuple(moment.node.id for moment in moments if moment.node is not None),
        )

    def _lit(self, moment: Moment) -> Iterator[str]:
        """The boxes that a moment is about: what ran and what it made; in backward what the gradient goes to."""
        node, boxes = moment.node, self.timeline.boxes
        if moment.kind == "update" and node is None:
            yield from (box for value in moment.values for box in self.timeline.holders(value))
        elif node is None:
            yield from (f"v{value}" for value in moment.values if f"v{value}" in boxes)
        else:
            yield f"n{node.id}"
            given = node.inputs if self._goes_back(moment) else node.outputs
            values = (self.timeline.view.value_by_id[value] for value in given)
            reached = (value for value in values if value.grad is not None or not self._goes_back(moment))
            yield from (f"v{value.id}" for value in reached if f"v{value.id}" in boxes)

    @staticmethod
    def _goes_back(moment: Moment) -> bool:
        """Whether it is backward through an operation of forward."""
        return moment.kind == "backward" and moment.node is not None and moment.node.phase == "forward"

    # Titles.

    def _title(self, part: Part, moments: Sequence[Moment]) -> str:
        first = moments[0]
        if part.whole and part.turn:
            return self._turn_title(part, moments)
        if first.loop is not None:
            return self.words("again", turns=f"t = 1 … {text.count(turns(first.loop))}")
        if first.kind == "update" and first.node is None:
            return self.words("update")
        if first.kind == "backward" and first.node is None:
            return self.words("start", name=self.say.name(first.values[0]))
        if part.module:
            return self.words("module", module=self._module_name(first))
        if self._goes_back(first):
            if len(moments) > 1:
                return self.words("backward module", module=self._module_name(first))
            key = "backward module" if first.node is not None and is_closed_module(first.node) else "backward"
            operation = self._operation(first.node)
            return self.words(key, operation=operation, module=operation)
        return self._forward_title(moments)

    def _turn_title(self, part: Part, moments: Sequence[Moment]) -> str:
        """The title of a step that is a whole turn, or several; of one that is told in full its name alone."""
        stands = any(moment.node and turn_of(self.timeline.view, moment.node) for moment in moments)
        if stands and self._goes_back(moments[0]):
            return self.words("backward", operation=part.turn)
        again = "…" in part.turn or (stands and part.turn != FIRST)
        return self.words("again", turns=part.turn) if again else part.turn

    def _forward_title(self, moments: Sequence[Moment]) -> str:
        place = moments[0].running
        nodes = [moment.node for moment in moments if moment.node is not None]
        made = [value for node in nodes for value in node.outputs] or [v for moment in moments for v in moment.values]
        names = dict.fromkeys(self.say.name(value) for value in made if value in self._names)
        listed = text.elide(", ".join(names), 40)
        operations = text.elide(", ".join(dict.fromkeys(self._operation(node) for node in nodes)), 40)
        if place is not None and (names or operations):
            line = self.words("line", line=place.first)
            return self.words("makes", line=line, names=listed) if names else f"{line}: {operations}"
        if names and operations:
            return self.words("operation", operation=operations, names=listed)
        return operations or (self.words("comes", names=listed) if names else self.words("whole"))

    @property
    def _names(self) -> Any:
        return self.say._words.names

    def _operation(self, node: Node | None) -> str:
        return "" if node is None else sign(text.clean(node.op)) or "operation"

    def _module_name(self, moment: Moment) -> str:
        scopes = self.timeline.view.path(moment.node.scope if moment.node is not None else None)
        names = [scope.name or scope.type for scope in scopes if scope.kind == "module"]
        return text.clean(names[-1]) if names else self._operation(moment.node)

    # Facts.

    def _facts(self, moments: Sequence[Moment]) -> Iterator[str]:
        for moment in moments:
            if moment.kind == "update" and moment.node is None:
                yield self.words("updated", names=", ".join(map(self.say.name, moment.values)))
            elif moment.loop is not None:
                yield from (self.words("carried", name=self.say.name(value)) for value in moment.values)
            elif moment.node is None:
                yield from self._beginnings(moment)
            elif self._goes_back(moment):
                yield from self._explained(moment.node) or self._arrivals(moment.node)
            else:
                yield from self._results(moment.node)

    def _beginnings(self, moment: Moment) -> Iterator[str]:
        """What comes from outside, and what backward begins with."""
        for value in (self.timeline.view.value_by_id[each] for each in moment.values):
            if moment.kind == "forward":
                yield self._stated(self.say.name(value.id), value)
            elif self.explain and value.grad is not None and value.grad.value == 1:
                yield from begun(self.timeline.view, value)
            else:
                yield f"{self.say.name(value.id)}  {self._gradient(value.id)}"

    def _results(self, node: Node) -> Iterator[str]:
        """`i2h = mm(W_x, xᵀ)  (20×1)`, of each result that is of use."""
        for value in node.outputs:
            if value != node.outputs[0] and value not in self._names and value not in self.timeline.view.consumers:
                continue
            name = f"{self.say.name(value)} = " if value in self._names else ""
            whole = bool(turn_of(self.timeline.view, node))  # a turn is no function that the code could call
            words = self.say.name(value) if whole else f"{name}{self._formula(node, 1)}"
            yield self._stated(words, self.timeline.view.value_by_id[value])

    def _stated(self, words: str, value: Value) -> str:
        """Words and the number of what they stand for, or its shape."""
        facts = self.say._words.facts(value)
        trouble = self.say._words.trouble(value)
        if scalar(value.data) is not None and value.shape == () and facts:
            return f"{words} = {facts}"
        told = " · ".join(each for each in (facts, trouble) if each)
        return f"{words}  ({told})" if told else words

    def _formula(self, node: Node, depth: int) -> str:
        """An operation on its operands; those without a name as operations themselves, `depth` levels deep."""
        stands = turn_of(self.timeline.view, node)
        if stands:
            return stands
        operator, operands = self._operation(node), self.say.operands(node)
        depth += is_minus(self.timeline.view, node)
        terms = [self._term(value, depth - 1) for value in operands]
        if len(terms) == 1 and operator in TURNS:
            return turned(terms[0])
        if len(terms) == 1 and operator[:1] == "[":
            return f"{terms[0]}{operator}"
        if len(terms) == 1 and operator == "−":
            return f"−({terms[0]})" if " " in terms[0] else f"−{terms[0]}"
        if len(terms) == 2 and not operator[:1].isalnum() and operator[:1] not in "[_":
            return f"{terms[0]} {operator} {terms[1]}"
        return f"{operator}({', '.join(terms[:3])}{', …' if len(terms) > 3 else ''})"

    def _term(self, value: int, depth: int) -> str:
        maker = self.timeline.view.producer.get(value)
        if value in self._names or self.say._words.constant(value) is not None:
            return self.say.name(value)
        return "…" if maker is None or depth < 0 else self._formula(maker, depth)

    def _brief(self, value: int) -> str:
        """A name for a value: its own, or the operation that made it where there is none or what it went to has it."""
        maker = self.timeline.view.producer.get(value)
        if maker is None or (value in self._names and not self._is_renamed(value)):
            return self._term(value, 0)
        return self._formula(maker, 1)

    def _is_renamed(self, value: int) -> bool:
        """Whether the author gave its name to what was made of it, as in `h = h.tanh()`."""
        made = (each for node in self.timeline.view.consumers.get(value, ()) for each in node.outputs)
        return any(self._names.get(each) == self._names[value] for each in made)

    def _explained(self, node: Node) -> list[str]:
        """The chain rule through an operation, and whether it comes to what autograd found; empty where not asked."""
        lines = explained(self.timeline.view, node) if self.explain else ()
        sent = [line for line in lines if line.kind == "sent"]
        told = [line.text for line in lines if len(lines) < _MAX_EXPLAINED or line.kind != "element"]
        if not sent or any(line.agrees is None for line in sent):
            return told
        count = sum(line.count for line in sent)
        agree = all(line.agrees for line in sent)
        verdict = "differs" if not agree else "equals" if count == len(sent) else "equals all"
        return [*told, self.words(verdict, count=text.count(count))]

    def _arrivals(self, node: Node) -> Iterator[str]:
        for key, values in (("arrives", node.outputs), ("leaves", node.inputs)):
            for value in dict.fromkeys(values):
                gradient, several = self._gradient(value), len(self.timeline.view.consumers.get(value, ())) > 1
                name = self._brief(value)
                if gradient and (name != "…" or key == "arrives"):
                    yield self.words("adds" if key == "leaves" and several else key, gradient=gradient, name=name)

    def _gradient(self, value: int) -> str:
        return self.say._words.gradient(self.timeline.view.value_by_id[value])
