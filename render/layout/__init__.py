"""Layout engines: each takes a `Scene` and gives the same scene with everything placed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from render.layout import graphviz, layered
from render.layout.errors import EngineMissing, LayoutTimeout
from render.layout.late import where_read
from render.layout.levels import check
from render.layout.tags import per_use

if TYPE_CHECKING:
    from collections.abc import Mapping

    from render.scene import Scene


@dataclass(frozen=True, slots=True)
class Engine:
    """A way to place a scene.

    Attributes:
        name: As it is asked for.
        help: One line on what it is.
        place: Takes a scene and gives it placed.
    """

    name: str
    help: str
    place: Callable[[Scene], Scene]


ENGINES: Final[Mapping[str, Engine]] = MappingProxyType(
    {
        engine.name: engine
        for engine in (
            Engine("layered", "our own layered layout; needs nothing installed", layered.place),
            Engine("dot", "Graphviz; needs its program `dot` on PATH", graphviz.place),
        )
    }
)


def place(scene: Scene, *, engine: str = "layered") -> Scene:
    """The scene with its layout.

    Positions of all boxes, sizes of the groups, paths of the edges, centres of their labels and the size of the
    picture are set; what is read all along the run is drawn once per use (`tags`), and what a module reads late lies
    where it is read (`late`); everything else stays. The same scene always gets the same layout.

    Args:
        scene: With fixed sizes for all boxes but groups, which have what their title needs.
        engine: One of `ENGINES`.

    Raises:
        ValueError: There is no such engine, or the scene refers to boxes that are not there.
        EngineMissing: The engine needs a program that is not installed.
        LayoutTimeout: The engine takes too long on this scene.
    """
    if engine not in ENGINES:
        raise ValueError(f"unknown layout engine: {engine!r} (must be one of {', '.join(ENGINES)})")
    check(scene)
    return _turned(ENGINES[engine].place(where_read(per_use(_turned(scene)))))


def _turned(scene: Scene) -> Scene:
    """The scene with the edges that run against the flow turned round; twice is as before."""
    if not any(edge.against for edge in scene.edges):
        return scene
    edges = (
        replace(edge, tail=edge.head, head=edge.tail, path=edge.path[::-1]) if edge.against else edge
        for edge in scene.edges
    )
    return replace(scene, edges=tuple(edges))


__all__ = ["ENGINES", "Engine", "EngineMissing", "LayoutTimeout", "place"]
