"""Recurrent layers, attention and transformers, in training and in evaluation."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tests.zoo.registry import program


def _recurrent(layer: nn.Module) -> Any:
    x = torch.randn(4, 2, 3, requires_grad=True)
    out, hidden = layer(x)
    out.sum().backward()
    return out, hidden, x.grad, [parameter.grad for parameter in layer.parameters()]


@program
def recurrent_network() -> Any:
    return _recurrent(nn.RNN(3, 4, nonlinearity="relu"))


@program
def lstm() -> Any:
    return _recurrent(nn.LSTM(3, 4, num_layers=2, dropout=0.2, bidirectional=True))


@program
def gru() -> Any:
    return _recurrent(nn.GRU(3, 4))


@program
def recurrent_cells() -> Any:
    first, second = nn.LSTMCell(3, 4), nn.GRUCell(4, 4)
    state, h = (torch.zeros(2, 4), torch.zeros(2, 4)), torch.zeros(2, 4)
    for x in torch.randn(3, 2, 3):
        state = first(x, state)
        h = second(state[0], h)
    h.sum().backward()
    return h, first.weight_hh.grad


@program
def packed_sequence() -> Any:
    gru = nn.GRU(3, 4, batch_first=True)
    packed = nn.utils.rnn.pack_padded_sequence(torch.randn(2, 5, 3), [5, 3], batch_first=True)
    out, hidden = gru(packed)
    nn.utils.rnn.pad_packed_sequence(out, batch_first=True)[0].sum().backward()
    return hidden.detach()


@program
def packed_sequence_through_an_lstm() -> Any:
    lstm = nn.LSTM(3, 4)
    packed = nn.utils.rnn.pack_sequence([torch.randn(n, 3) for n in (2, 4, 1)], enforce_sorted=False)
    out, (hidden, _) = lstm(packed)
    hidden.sum().backward()
    return out.data, out.batch_sizes, lstm.weight_ih_l0.grad


@program
def truncated_backward_through_time() -> Any:
    weight, h = torch.randn(3, 3, requires_grad=True), torch.zeros(1, 3)
    for _ in range(3):
        for _ in range(2):
            h = torch.tanh(h @ weight + 1)
        h.sum().backward()
        h = h.detach()
    return weight.grad


@program
def attention_in_training() -> Any:
    attention, x = nn.MultiheadAttention(8, 2, dropout=0.1, batch_first=True), torch.randn(2, 3, 8)
    y, weights = attention(x, x, x)
    y.sum().backward()
    return y, weights, attention.in_proj_weight.grad


@program
def attention_in_evaluation() -> Any:
    attention, x = nn.MultiheadAttention(8, 2, batch_first=True).eval(), torch.randn(2, 3, 8)
    with torch.no_grad():
        return attention(x, x, x, need_weights=False)[0]


@program
def attention_with_masks() -> Any:
    attention, x = nn.MultiheadAttention(8, 2), torch.randn(3, 2, 8)
    causal, padding = nn.Transformer.generate_square_subsequent_mask(3), torch.tensor([[0.0] * 3, [0, 0, -torch.inf]])
    return attention(x, x, x, attn_mask=causal, key_padding_mask=padding, is_causal=True)


@program
def scaled_dot_product_attention() -> Any:
    q, k, v = (torch.randn(1, 2, 3, 4, requires_grad=True) for _ in range(3))
    y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    y.sum().backward()
    return y, q.grad


@program
def transformer_in_training() -> Any:
    model = nn.Transformer(8, 2, 1, 1, 16, dropout=0.1, batch_first=True)
    y = model(torch.randn(2, 3, 8), torch.randn(2, 4, 8))
    y.sum().backward()
    return y, [parameter.grad for parameter in model.parameters()]


@program
def transformer_in_evaluation() -> Any:
    model = nn.Transformer(8, 2, 1, 1, 16, batch_first=True).eval()
    return model(torch.randn(2, 3, 8), torch.randn(2, 4, 8))


@program
def fused_encoder() -> Any:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2).eval()
    with torch.no_grad():
        return encoder(torch.randn(2, 3, 8))


@program
def fused_encoder_with_padding() -> Any:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2).eval()
    with torch.inference_mode():
        padding = torch.tensor([[False, False, True], [False, True, True]])
        return encoder(torch.randn(2, 3, 8), src_key_padding_mask=padding).clone()


@program
def words_are_generated() -> Any:
    table, head, words = nn.Embedding(6, 4), nn.Linear(4, 6), [torch.tensor([1])]
    with torch.no_grad():
        while len(words) < 5 and int(words[-1]) != 0:
            words.append(torch.multinomial(head(table(words[-1])).softmax(-1), 1)[0])
    return words
