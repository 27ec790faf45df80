"""A vision transformer (ViT-Base, 86 million random weights) that classifies one image."""

import torch
from transformers import ViTConfig, ViTForImageClassification

torch.manual_seed(0)
model = ViTForImageClassification(ViTConfig(num_labels=1000))
pixel_values = torch.randn(1, 3, 224, 224)
labels = torch.tensor([7])
loss = model(pixel_values=pixel_values, labels=labels).loss
loss.backward()
