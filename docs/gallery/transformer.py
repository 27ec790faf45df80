"""A transformer, written plainly: twelve blocks of attention and a perceptron, each beside a short cut."""

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """Every word looks at those before it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, words, width = x.shape
        q, k, v = self.qkv(x).view(batch, words, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(batch, words, width))


class Block(nn.Module):
    """Attention, then a perceptron for each word."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    """Words of shape (batch, words) in, scores of the next word, of shape (batch, words, vocabulary), out."""

    def __init__(self, vocabulary: int, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, words: Tensor) -> Tensor:
        x = self.embed(words)
        x = self.blocks(x)
        return self.head(self.norm(x))


torch.manual_seed(0)
model = Transformer(vocabulary=1000, width=128, heads=4, layers=12)
words = torch.randint(1000, (2, 16))
targets = torch.randint(1000, (2, 16))
scores = model(words)
loss = nn.functional.cross_entropy(scores.flatten(0, 1), targets.flatten())
loss.backward()
