"""T5 (small, 60 million random weights): an encoder, and a decoder that looks at what it gave."""

import torch
from transformers import T5Config, T5ForConditionalGeneration

torch.manual_seed(0)
config = T5Config(d_model=512, d_kv=64, d_ff=2048, num_layers=6, num_heads=8, decoder_start_token_id=0)
model = T5ForConditionalGeneration(config)
input_ids = torch.randint(32128, (1, 8))
labels = torch.randint(32128, (1, 5))
loss = model(input_ids=input_ids, labels=labels).loss
loss.backward()
