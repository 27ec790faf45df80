"""KL divergence of the lecture's digit: H(P,Q) - H(P), and as H(P) is constant, the gradient of H(P,Q)."""

import torch

from tracer.scalar import Scalar

p = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]  # what the image shows: the sixth class, for certain
q = [0.03, 0.01, 0.14, 0.20, 0.09, 0.35, 0.13, 0.03, 0.01, 0.01]  # what the network takes it for

# On scalars, as it is defined: the mean under P of log p/q; a term with p = 0 is 0.
q_6 = Scalar(q[5])
kl = (1 / q_6).log()
kl.backward()
print(f"on scalars: KL = log 1/{q_6.data} = {kl.data:.4f}, dKL/dq6 = {q_6.grad:.4f}")

# In torch, as a difference: a gradient goes to the cross-entropy, and none to the entropy of the truth.
p = torch.tensor(p, dtype=torch.float32)
q = torch.tensor(q, requires_grad=True)
cross_entropy = (-torch.xlogy(p, q)).sum()  # p log q, and 0 where p = 0
entropy = (-torch.xlogy(p, p)).sum()
kl = cross_entropy - entropy
kl.backward()

by_cross_entropy = -p / q.detach()
print(f"in torch:   KL = {cross_entropy.item():.4f} - {entropy.item():.4f} = {kl.item():.4f}")
print(f"dKL/dq6 = {q.grad[5].item():.4f}; equal to dH(P,Q)/dq: {torch.equal(q.grad, by_cross_entropy)}")
