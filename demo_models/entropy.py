"""Entropy H(P): what an answer tells on average; nothing where it is known before, most where all are alike."""

import torch

from tracer.scalar import Scalar

p = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]  # what the image shows: the sixth class, for certain
q = [0.03, 0.01, 0.14, 0.20, 0.09, 0.35, 0.13, 0.03, 0.01, 0.01]  # what a network takes it for


def entropy(p):
    """Σ p · (-log p); an answer that never comes (p = 0) tells nothing."""
    return sum(p_i * -p_i.log() for p_i in p if p_i > 0)


# On scalars: every number is a node.
H_q = entropy([Scalar(q_i) for q_i in q])
H_q.backward()

# In torch: a node is a tensor of ten numbers.
q = torch.tensor(q, requires_grad=True)
log_q = q.log()
H = (q * -log_q).sum()
H.backward()

uniform = [Scalar(0.1)] * 10
print(f"H(p) = {entropy([Scalar(p_i) for p_i in p]).data:.4f}: it is known before")
print(f"H(q) = {H_q.data:.4f} on scalars, {H.item():.4f} in torch")
print(f"H(1/10, ..) = {entropy(uniform).data:.4f} = log 10: nothing is known")
