"""Whisper (tiny, 38 million random weights): sound in, words out."""

import torch
from transformers import WhisperConfig, WhisperForConditionalGeneration

torch.manual_seed(0)
config = WhisperConfig(
    d_model=384, encoder_layers=4, decoder_layers=4, encoder_attention_heads=6, decoder_attention_heads=6,
    encoder_ffn_dim=1536, decoder_ffn_dim=1536, decoder_start_token_id=1,
)  # fmt: skip
model = WhisperForConditionalGeneration(config)
input_features = torch.randn(1, 80, 3000)
labels = torch.randint(50000, (1, 6))
loss = model(input_features=input_features, labels=labels).loss
loss.backward()
