"""The U-Net of Stable Diffusion, made small: it tells the noise in a picture, given a text."""

import torch
from diffusers import UNet2DConditionModel

torch.manual_seed(0)
unet = UNet2DConditionModel(
    sample_size=16, block_out_channels=(32, 64), layers_per_block=1, norm_num_groups=8, cross_attention_dim=32,
    down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    attention_head_dim=8,
)  # fmt: skip
noisy = torch.randn(1, 4, 16, 16)
text = torch.randn(1, 77, 32)
noise = torch.randn(1, 4, 16, 16)
predicted = unet(noisy, torch.tensor(500), encoder_hidden_states=text).sample
loss = torch.nn.functional.mse_loss(predicted, noise)
loss.backward()
