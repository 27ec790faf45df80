"""See what PyTorch code did: run it unchanged, and get the graph of what it computed.

import tracer
graph = tracer.trace(model, x)
graph.save("model.svg")
"""

from tracer.graph import Graph, GraphError, Node, Scope, Source, Stats, Value, load
from tracer.recording import NothingRecorded, Recording
from tracer.tracing import NumberNeeded, from_tensor, record, trace

__all__ = [
    "Graph",
    "GraphError",
    "Node",
    "NothingRecorded",
    "NumberNeeded",
    "Recording",
    "Scope",
    "Source",
    "Stats",
    "Value",
    "from_tensor",
    "load",
    "record",
    "trace",
]
