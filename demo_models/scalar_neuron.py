"""One neuron by hand, then a small network that learns four points, on the built-in scalar autograd (no torch)."""

import random

from tracer.scalar import MLP, Scalar

# A neuron with two inputs: o = tanh(w1*x1 + w2*x2 + b).
x1, x2 = Scalar(2.0), Scalar(0.0)
w1, w2 = Scalar(-3.0), Scalar(1.0)
b = Scalar(6.8813735870195432)

x1w1 = x1 * w1
x2w2 = x2 * w2
weighted = x1w1 + x2w2
n = weighted + b
o = n.tanh()
o.backward()

print(f"neuron: o = {o.data:.4f}")
for name, scalar in (("x1", x1), ("w1", w1), ("x2", x2), ("w2", w2), ("b", b)):
    print(f"  {name} = {scalar.data:7.4f}   do/d{name} = {scalar.grad:7.4f}")

# A multilayer perceptron that learns the sign of the product of its inputs: what no single neuron can do.
random.seed(1)
model = MLP(2, [4, 1])
points = [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)]
targets = [1.0, -1.0, -1.0, 1.0]

print(f"{model}, {len(model.parameters())} parameters")
for step in range(20):
    outputs = [model(point) for point in points]
    loss = sum((output - target) ** 2 for output, target in zip(outputs, targets)) / len(points)
    model.zero_grad()
    loss.backward()
    for p in model.parameters():
        p.data -= 0.1 * p.grad
    if step % 5 == 0 or step == 19:
        print(f"step {step:2d}: loss = {loss.data:.4f}")
print("outputs:", " ".join(f"{output.data:+.2f}" for output in outputs))
