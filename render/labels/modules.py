"""What modules and loops are called, and the titles of the groups that they are drawn as."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

from render import text
from render.families import sign
from render.labels.words import Lines, Words
from render.views.merging import alike, first_and_last, lacking, step, turns
from tracer.graph import Graph, Scope

MAX_LACKING: Final = 3  # operations that did not run in every turn are named in the title of a loop


class GroupWords(Words):
    """The words for open modules and for loops."""

    def group(self, scope: Scope, weights: int) -> Lines:
        """The title of an open module: name, type and how many parameters it has; of a loop, how often it ran."""
        details = []
        if step(scope) is not None:
            return ((text.run(text.clean(scope.name), 14.5, self.theme.text, bold=True),),)
        if scope.kind == "loop":
            title = self.repetition(scope)
            details += [] if alike(scope) else [self._loop(scope), *self._lacking(scope)]
        else:
            kind, title = text.clean(scope.type), module_name(self.graph, scope)
            details += [text.elide(kind)] if kind and kind != title else []
            called = self.say("call", number=text.count(scope.call + 1))
            details += [called] if scope.call and turns(scope) == 1 else []
            details += [self.repetition(scope), *self._lacking(scope)]
        details += [self.parameters(weights, each=bool(alike(scope)))] if weights and "counts" in self.items else []
        head = text.run(text.elide(title, 40), 14.5, self.theme.text, bold=True)
        rest = text.run(" " + " · ".join(word for word in details if word), 12.5, self.theme.muted)
        return ((head, rest),) if any(details) else ((head,),)

    def _lacking(self, scope: Scope) -> Iterator[str]:
        """What did not run in the first or in the last turn."""
        for which in ("first", "last"):
            lines = lacking(scope, which)
            if len(lines) > MAX_LACKING:
                yield self.say.counted(f"{which} without many", len(lines))
            elif lines:
                yield self.say(f"{which} without", lines=", ".join(text.clean(sign(line)) for line in lines))

    def _loop(self, scope: Scope) -> str:
        """That it is a loop, and where in the author's code."""
        if scope.source is None:
            return self.say("loop")
        return self.say("loop at", place=f"{text.clean(PurePath(scope.source.file).name)}:{scope.source.line}")


def short_name(scope: Scope) -> str:
    """The last part of a module's name; its type where that part is a mere number (`layers.0`)."""
    last = text.clean(scope.name.rpartition(".")[2])
    return text.clean(scope.type) if scope.type and (not last or last.isdigit()) else last


def module_name(graph: Graph, scope: Scope) -> str:
    """A module's name as far as the groups around it do not say it; of copies, the first and the last name."""
    around = [f"{each.name}." for each in graph.path(scope.parent) if each.kind == "module"]
    prefix = next((above for above in reversed(around) if scope.name.startswith(above)), "")
    names = [text.clean(name.removeprefix(prefix)) for name in first_and_last(scope) or (scope.name,)]
    return " … ".join(name for name in names if name) or text.clean(scope.type)  # the groups around it say the rest
