"""Mixtral, made small: a router sends each word to two of four experts."""

import torch
from transformers import MixtralConfig, MixtralForCausalLM

torch.manual_seed(0)
config = MixtralConfig(
    vocab_size=1000, hidden_size=64, intermediate_size=128, num_hidden_layers=4, num_attention_heads=4,
    num_key_value_heads=2, num_local_experts=4, output_router_logits=True,
)  # fmt: skip
model = MixtralForCausalLM(config)
input_ids = torch.randint(1000, (1, 16))
loss = model(input_ids=input_ids, labels=input_ids).loss
loss.backward()
