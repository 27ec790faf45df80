"""A picture in words, for those who cannot see it."""

from __future__ import annotations

from collections.abc import Iterator

from render import text
from tracer.graph import Graph


def described(graph: Graph, caption: str) -> str:
    """The caption of a picture, and what its graph holds."""
    return text.clean(" ".join((*((caption,) if caption else ()), *_sentences(graph))))


def _sentences(graph: Graph) -> Iterator[str]:
    operations = text.count(len(graph.nodes))
    yield f"Computation graph of {graph.name}: {operations} operation{'' if len(graph.nodes) == 1 else 's'}."
    gradients = sum(value.grad is not None for value in graph.values)
    if gradients:
        yield f"{text.count(gradients)} tensor{' has' if gradients == 1 else 's have'} a gradient."
    for node in graph.nodes:
        if node.error is not None:
            yield f"{node.op} failed: {node.error}"
