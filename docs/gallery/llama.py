"""Llama, made small: rotary positions, grouped queries, gated layers."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)
config = LlamaConfig(
    vocab_size=32000, hidden_size=256, intermediate_size=688, num_hidden_layers=8, num_attention_heads=8,
    num_key_value_heads=4,
)  # fmt: skip
model = LlamaForCausalLM(config)
input_ids = torch.randint(32000, (1, 16))
loss = model(input_ids=input_ids, labels=input_ids).loss
loss.backward()
