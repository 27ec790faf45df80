"""The built-in scalar autograd: a number that remembers how it was computed, and small networks made of it.

Needs nothing but the standard library. Code written for micrograd runs with its imports changed:

    from tracer.scalar import Value             # in place of micrograd.engine
    from tracer.scalar import Neuron, Layer, MLP  # in place of micrograd.nn
"""

from __future__ import annotations

from tracer.scalar.engine import Observer, Operand, Scalar, Value, observers
from tracer.scalar.functions import exp, log, relu, sigmoid, sqrt, tanh
from tracer.scalar.nn import MLP, Layer, Module, Neuron

__all__ = [
    "MLP",
    "Layer",
    "Module",
    "Neuron",
    "Observer",
    "Operand",
    "Scalar",
    "Value",
    "exp",
    "log",
    "observers",
    "relu",
    "sigmoid",
    "sqrt",
    "tanh",
]
