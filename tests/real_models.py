"""Models that nobody here wrote, small and with random weights: `MODELS` holds by name what makes one and its loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import diffusers
import torch
import transformers as t

Loss = Callable[[], torch.Tensor]
MODELS: dict[str, Callable[[], tuple[torch.nn.Module, Loss]]] = {}


def model(make: Callable[[], tuple[torch.nn.Module, Loss]]) -> Callable[[], tuple[torch.nn.Module, Loss]]:
    MODELS[make.__name__] = make
    return make


def words(*shape: int) -> torch.Tensor:
    return torch.randint(3, 60, shape)


def language(network: torch.nn.Module, **given: Any) -> tuple[torch.nn.Module, Loss]:
    """A model of language and its loss on two short sentences."""
    ids = words(2, 6)
    return network, lambda: network(input_ids=ids, labels=ids, **given).loss


@model
def gpt2() -> Any:
    return language(t.GPT2LMHeadModel(t.GPT2Config(vocab_size=64, n_positions=16, n_embd=16, n_layer=2, n_head=2)))


@model
def bert() -> Any:
    config = t.BertConfig(
        vocab_size=64, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    mask = torch.ones(2, 6)
    mask[0, 4:] = 0
    return language(t.BertForMaskedLM(config), attention_mask=mask)


@model
def deberta() -> Any:
    config = t.DebertaV2Config(
        vocab_size=64, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        relative_attention=True, pos_att_type=["p2c", "c2p"], max_position_embeddings=16,
    )  # fmt: skip
    return language(t.DebertaV2ForMaskedLM(config))


@model
def t5() -> Any:
    config = t.T5Config(vocab_size=64, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, decoder_start_token_id=0)
    return language(t.T5ForConditionalGeneration(config))


@model
def bart() -> Any:
    config = t.BartConfig(
        vocab_size=64, d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=16,
    )  # fmt: skip
    return language(t.BartForConditionalGeneration(config))


@model
def llama() -> Any:
    config = t.LlamaConfig(
        vocab_size=64, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2,
    )  # fmt: skip
    return language(t.LlamaForCausalLM(config))


@model
def gemma() -> Any:
    config = t.Gemma2Config(
        vocab_size=64, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=8, sliding_window=4,
    )  # fmt: skip
    return language(t.Gemma2ForCausalLM(config))


@model
def mixtral() -> Any:
    config = t.MixtralConfig(
        vocab_size=64, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, num_local_experts=4, output_router_logits=True,
    )  # fmt: skip
    return language(t.MixtralForCausalLM(config))


@model
def mamba() -> Any:
    return language(t.MambaForCausalLM(t.MambaConfig(vocab_size=64, hidden_size=16, num_hidden_layers=2, state_size=4)))


@model
def rwkv() -> Any:
    return language(t.RwkvForCausalLM(t.RwkvConfig(vocab_size=64, hidden_size=16, num_hidden_layers=2)))


@model
def vit() -> Any:
    config = t.ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=8, patch_size=4
    )
    network, pixels = t.ViTForImageClassification(config), torch.randn(2, 3, 8, 8)
    return network, lambda: network(pixel_values=pixels, labels=torch.tensor([0, 1])).loss


@model
def swin() -> Any:
    config = t.SwinConfig(
        image_size=16, patch_size=2, embed_dim=8, depths=[2, 2], num_heads=[2, 2], window_size=2, drop_path_rate=0.2
    )
    network, pixels = t.SwinForImageClassification(config), torch.randn(2, 3, 16, 16)
    return network, lambda: network(pixel_values=pixels, labels=torch.tensor([0, 1])).loss


@model
def resnet() -> Any:
    config = t.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    network, pixels = t.ResNetForImageClassification(config), torch.randn(2, 3, 16, 16)
    return network, lambda: network(pixel_values=pixels, labels=torch.tensor([0, 1])).loss


@model
def convnext() -> Any:
    network = t.ConvNextForImageClassification(t.ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2))
    pixels = torch.randn(2, 3, 16, 16)
    return network, lambda: network(pixel_values=pixels, labels=torch.tensor([0, 1])).loss


@model
def whisper() -> Any:
    config = t.WhisperConfig(
        vocab_size=64, num_mel_bins=8, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, max_source_positions=8,
        max_target_positions=8, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
    )  # fmt: skip
    network, features, labels = t.WhisperForConditionalGeneration(config), torch.randn(2, 8, 16), words(2, 5)
    return network, lambda: network(input_features=features, labels=labels).loss


@model
def wav2vec2() -> Any:
    config = t.Wav2Vec2Config(
        vocab_size=64, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        conv_dim=(8, 8), conv_stride=(5, 4), conv_kernel=(10, 4), num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2, mask_time_prob=0.0,
    )  # fmt: skip
    network, sound, labels = t.Wav2Vec2ForCTC(config), torch.randn(2, 400), words(2, 3)
    return network, lambda: network(sound, labels=labels).loss


@model
def clip() -> Any:
    shared = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = t.CLIPConfig(
        text_config={**shared, "vocab_size": 64, "max_position_embeddings": 8, "eos_token_id": 2},
        vision_config={**shared, "image_size": 8, "patch_size": 4},
        projection_dim=8,
    )
    network, ids, pixels = t.CLIPModel(config), words(2, 5), torch.randn(2, 3, 8, 8)
    return network, lambda: network(input_ids=ids, pixel_values=pixels, return_loss=True).loss


@model
def unet() -> Any:
    network = diffusers.UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, cross_attention_dim=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=4,
    )  # fmt: skip
    noise, text = torch.randn(1, 4, 8, 8), torch.randn(1, 3, 8)
    return network, lambda: network(noise, torch.tensor(7), encoder_hidden_states=text).sample.pow(2).mean()


@model
def autoencoder() -> Any:
    network = diffusers.AutoencoderKL(
        block_out_channels=(8, 16), norm_num_groups=4, sample_size=8, latent_channels=2,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    pixels = torch.randn(1, 3, 8, 8)
    return network, lambda: (network(pixels, sample_posterior=True).sample - pixels).pow(2).mean()
