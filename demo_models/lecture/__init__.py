"""What is shown of each demo, and the lecture that they make together: `lecture.toml`, read and drawn."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import render
from render import charts
from render.lecture import Lecture, Page
from render.scene import Label
from tracer.graph import Graph

NAME = "lecture"  # of all demos together, as one asks for them
Words = Mapping[str, Any]  # a text, or texts, by language


@dataclass(frozen=True)
class Part:
    """A demo and what is shown of it.

    Attributes:
        demo: Its name.
        title: By language.
        figures: As in the file, in their order.
    """

    demo: str
    title: Words
    figures: Sequence[Mapping[str, Any]]

    @property
    def select(self) -> Literal["all", "first"]:
        """Which passes are to be kept, as for `tracer.record`."""
        return "all" if any(figure.get("pass", 1) > 1 for figure in self.figures) else "first"


@dataclass(frozen=True)
class Showing:
    """A part whose demo has run.

    Attributes:
        part: What is to be shown.
        graphs: The passes that were kept.
        variables: What the script's variables hold at its end.
        lang: Of the words.
        options: Of every picture, over those of the figures.
    """

    part: Part
    graphs: Sequence[Graph]
    variables: Mapping[str, Any]
    lang: str
    options: Mapping[str, Any]

    def pictures(self, *, charts: bool) -> Iterator[tuple[str, render.Drawing]]:
        """The figures that are pictures, each with what tells its file apart (nothing for the first).

        Args:
            charts: Whether those are wanted that show no graph.
        """
        for figure in self.part.figures:
            name = f"-{figure['name']}" if "name" in figure else ""
            if "pass" in figure:
                found = render.figures(self.graphs[figure["pass"] - 1], **self._chosen(figure))
                many = len(found) > 1
                yield from ((f"{name}-{at}" if many else name, each) for at, each in enumerate(found, 1))
            elif name and charts:
                yield name, self._page(figure)

    @property
    def plain(self) -> Mapping[str, Any]:
        """The options that matter to slides without a graph."""
        return {name: value for name, value in self.options.items() if name == "theme"}

    def slides(self) -> Iterator[render.Drawing]:
        """Everything, as it stands in a deck."""
        for figure in self.part.figures:
            if "pass" in figure and figure.get("told", True):
                graph = replace(self.graphs[figure["pass"] - 1], name=self._sentence(figure))
                yield render.draw(graph, **self._chosen(figure, "deck"))
            else:
                yield self._page(figure)

    def _chosen(self, figure: Mapping[str, Any], also: str = "") -> Mapping[str, Any]:
        """The options of a figure, and those it has in a deck; what the user wrote wins."""
        usual = {**figure.get("draw", {}), **figure.get(also, {})}
        if not {"level", "depth"}.isdisjoint(self.options):
            usual.pop("view", None)  # which would say the level, too
        return {**usual, **self.options}

    def _page(self, figure: Mapping[str, Any]) -> Page:
        """A slide that is shown at once: a graph, or what is made of the variables."""
        if "pass" in figure:
            graph, given = self.graphs[figure["pass"] - 1], None
            options = render.draw(graph, **self._chosen(figure, "deck")).options
        else:
            graph, options = Graph(self._sentence(figure)), render.draw(Graph(), **self.plain).options
            given = next(_MAKERS[kind] for kind in _MAKERS if kind in figure)(self, figure, options.theme)
            given = replace(given, labels=tuple(map(self._label, given.labels)))
        heading, caption, speech = (
            self._say(each) for each in (self.part.title, figure.get("caption"), figure.get("notes"))
        )
        return Page(graph, options, given=given, heading=heading, caption=caption, speech=speech)

    def _label(self, label: Label) -> Label:
        return replace(label, runs=tuple(replace(run, text=self._spelled(run.text)) for run in label.runs))

    def _sentence(self, figure: Mapping[str, Any]) -> str:
        """What a told graph is called: its caption, or the title of the part."""
        caption = self._say(figure.get("caption")) or self._say(self.part.title)
        return caption[:1].upper() + caption[1:]

    def _say(self, words: Words | None) -> str:
        """A text in the language that was asked for, with the script's numbers in it."""
        return "" if words is None else self._filled(words[self.lang])

    def _filled(self, template: str) -> str:
        return self._spelled(template.format_map(self.variables))

    def _spelled(self, words: str) -> str:
        """Numbers as they are written in the language: a comma between thousands would be that of a fraction."""
        return re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", words) if self.lang == "ru" else words

    def _words(self, figure: Mapping[str, Any], theme: Any) -> Any:
        return charts.page([self._filled(line) for line in figure["page"][self.lang]], theme)

    def _table(self, figure: Mapping[str, Any], theme: Any) -> Any:
        asked = figure["table"]
        rows = self.variables[asked["of"]] if "of" in asked else asked["rows"][self.lang]
        filled = [[_typeset(each if "of" in asked else self._filled(each)) for each in row] for row in rows]
        return charts.table(asked["head"][self.lang], filled, theme)

    def _bars(self, figure: Mapping[str, Any], theme: Any) -> Any:
        asked = figure["bars"]
        return charts.bars([self._series(each) for each in asked["of"]], theme, along=self._say(asked["along"]))

    def _series(self, asked: Mapping[str, Any]) -> charts.Series:
        numbers = self.variables[asked["numbers"]]
        if "key" in asked:
            numbers = numbers[asked["key"]]
        split = self.variables[asked["split"]] if "split" in asked else None
        parts = asked["parts"][self.lang] if "parts" in asked else ()
        return charts.Series(self._say(asked["name"]), numbers, split, tuple(parts))

    def _matrix(self, figure: Mapping[str, Any], theme: Any) -> Any:
        asked = figure["matrix"]
        rows = self.variables[asked["of"]]
        return charts.matrix(rows, theme, down=self._say(asked["down"]), across=self._say(asked["across"]))


def _typeset(number: str) -> str:
    """Numbers as a script prints them with the sign that is a minus."""
    return re.sub(r"(?<!\w)-(?=\d)", "−", " ".join(number.split()))


_MAKERS: Mapping[str, Callable[[Showing, Mapping[str, Any], Any], Any]] = {
    "page": Showing._words,
    "table": Showing._table,
    "bars": Showing._bars,
    "matrix": Showing._matrix,
}


def parts() -> tuple[Part, ...]:
    """The parts of the lecture, in their order."""
    return tuple(Part(each["demo"], each["title"], each["figure"]) for each in _read()["part"])


def part(demo: str) -> Part:
    """What is shown of a demo; of one that is not in the lecture, its first pass."""
    found = next((each for each in parts() if each.demo == demo), None)
    return found or Part(demo, dict.fromkeys(_read()["title"], demo.replace("_", " ")), [{"pass": 1}])


def deck(showings: Sequence[Showing], *, whole: bool) -> Lecture:
    """Parts that have run as one deck.

    Args:
        showings: In their order, at least one.
        whole: Whether they are the lecture, which begins with its title and what there is.
    """
    first = showings[0]
    title = str((_read() if whole else {"title": first.part.title})["title"][first.lang])
    plain = render.draw(Graph(title), **first.plain)
    slides = [slide for each in showings for slide in each.slides()]
    if whole:
        names = [f"- {each.part.title[each.lang]}" for each in showings]
        scene = charts.page(names, plain.options.theme)
        caption = str(_read()["outline"][first.lang])
        slides.insert(0, Page(plain.graph, plain.options, given=scene, heading=title, caption=caption))
    return Lecture(plain.graph, plain.options, sequence=tuple(slides))


@lru_cache(maxsize=1)
def _read() -> Mapping[str, Any]:
    if sys.version_info >= (3, 11):  # here, since other commands need neither
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads((Path(__file__).parent / "lecture.toml").read_text(encoding="utf-8"))
