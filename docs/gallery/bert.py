"""BERT (base, 110 million random weights), filling in masked words of two sentences of different lengths."""

import torch
from transformers import BertConfig, BertForMaskedLM

torch.manual_seed(0)
model = BertForMaskedLM(BertConfig())
input_ids = torch.randint(30522, (2, 8))
attention_mask = torch.tensor([[1] * 8, [1] * 5 + [0] * 3])
loss = model(input_ids=input_ids, attention_mask=attention_mask, labels=input_ids).loss
loss.backward()
