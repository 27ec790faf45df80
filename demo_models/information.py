"""How much one answer tells: one name in a telephone book of N, by halving it and as -log2(1/N)."""

import math

import torch

from tracer.scalar import Scalar

names = 1024

# Open the book in the middle, ask "before or after?", go on with that half: how many questions?
questions, left = 0, names
while left > 1:
    left = math.ceil(left / 2)
    questions += 1
print(f"{names} names: {questions} questions")

# The same without a book: an answer of probability p tells -log2(p) bits.
N = Scalar(names)
p = 1 / N
information = -p.log() / math.log(2)
information.backward()
print(f"on scalars: {information.data:g} bits, and {N.grad:.6f} more for one more name")

N = torch.tensor(float(names), requires_grad=True)
p = 1 / N
information = -p.log2()
information.backward()
print(f"in torch:   {information.item():g} bits, and {N.grad.item():.6f} more for one more name")
