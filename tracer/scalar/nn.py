"""Takes layer sizes and gives networks of `Scalar`s: a neuron, a layer, a multilayer perceptron, as in micrograd.nn."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from tracer.scalar.engine import Operand, Scalar

if TYPE_CHECKING:
    from collections.abc import Sequence


class Module:
    """What has parameters."""

    def parameters(self) -> list[Scalar]:
        """The numbers to be trained, in a fixed order."""
        return []

    def zero_grad(self) -> None:
        """Sets the gradient of every parameter to 0."""
        for parameter in self.parameters():
            parameter.grad = 0.0


class Neuron(Module):
    """The weighted sum of its inputs and a bias, then (unless `nonlin` is False) a ReLU.

    Attributes:
        w: One weight per input, drawn from `random.uniform(-1, 1)`.
        b: The bias, 0 at first.
        nonlin: Whether the ReLU follows.

    Args:
        nin: Number of inputs.
        nonlin: Whether the ReLU follows.
    """

    def __init__(self, nin: int, nonlin: bool = True) -> None:
        self.w = [Scalar(random.uniform(-1, 1), name=f"w[{i}]") for i in range(nin)]
        self.b = Scalar(0, name="b")
        self.nonlin = nonlin

    def __call__(self, x: Sequence[Operand]) -> Scalar:
        """The output for `nin` inputs."""
        total = self.b
        for weight, entry in zip(self.w, x):
            total = total + weight * entry
        return total.relu() if self.nonlin else total

    def parameters(self) -> list[Scalar]:
        """The weights, then the bias."""
        return [*self.w, self.b]

    def __repr__(self) -> str:
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(Module):
    """Neurons side by side, all reading the same inputs.

    Attributes:
        neurons: One for each output.

    Args:
        nin: Number of inputs.
        nout: Number of outputs.
        nonlin: Whether a ReLU follows each sum.
    """

    def __init__(self, nin: int, nout: int, nonlin: bool = True) -> None:
        self.neurons = [Neuron(nin, nonlin) for _ in range(nout)]

    def __call__(self, x: Sequence[Operand]) -> Any:
        """The list of outputs; the output itself where there is but one."""
        out = [neuron(x) for neuron in self.neurons]
        return out[0] if len(out) == 1 else out

    def parameters(self) -> list[Scalar]:
        """Those of the neurons, in order."""
        return [parameter for neuron in self.neurons for parameter in neuron.parameters()]

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(str(neuron) for neuron in self.neurons)}]"


class MLP(Module):
    """A multilayer perceptron: layers one after the other, a ReLU after all but the last.

    Attributes:
        layers: From the inputs to the outputs.

    Args:
        nin: Number of inputs.
        nouts: Number of outputs of each layer.
    """

    def __init__(self, nin: int, nouts: Sequence[int]) -> None:
        sizes = [nin, *nouts]
        last = len(nouts) - 1
        self.layers = [Layer(sizes[i], sizes[i + 1], nonlin=i != last) for i in range(len(nouts))]

    def __call__(self, x: Sequence[Operand]) -> Any:
        """The list of outputs; the output itself where there is but one."""
        for layer in self.layers:
            x = layer([x] if isinstance(x, Scalar) else x)
        return x

    def parameters(self) -> list[Scalar]:
        """Those of the layers, in order."""
        return [parameter for layer in self.layers for parameter in layer.parameters()]

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(str(layer) for layer in self.layers)}]"
