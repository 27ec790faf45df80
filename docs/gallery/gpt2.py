"""GPT-2 (small, 124 million random weights): what it says to eight words, and the loss."""

import torch
from transformers import GPT2Config, GPT2LMHeadModel

torch.manual_seed(0)
model = GPT2LMHeadModel(GPT2Config())
input_ids = torch.randint(50257, (1, 8))
loss = model(input_ids=input_ids, labels=input_ids).loss
loss.backward()
