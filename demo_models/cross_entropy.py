"""Cross-entropy H(P,Q) of the lecture's digit: the truth is the sixth class, so only -log 0.35 is left."""

import torch

from tracer.scalar import Scalar

p = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]  # what the image shows: the sixth class, for certain
q = [0.03, 0.01, 0.14, 0.20, 0.09, 0.35, 0.13, 0.03, 0.01, 0.01]  # what the network takes it for

# On scalars: of ten terms -p log q the one with p = 1 is left.
q_6 = Scalar(q[5])
H = -q_6.log()
H.backward()
print(f"on scalars: H(P,Q) = -log {q_6.data} = {H.data:.4f}, dH/dq6 = -1/{q_6.data} = {q_6.grad:.4f}")

# In torch: all ten terms at once.
p = torch.tensor(p, dtype=torch.float32)
q = torch.tensor(q, requires_grad=True)
log_q = q.log()
H = -(p * log_q).sum()
H.backward()
print(f"in torch:   H(P,Q) = {H.item():.4f}, dH/dq =", [round(each, 4) + 0 for each in q.grad.tolist()])
