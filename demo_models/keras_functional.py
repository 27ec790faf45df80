"""Keras' model of two inputs and two outputs, and a perceptron: PyTorch code in Keras' look."""

import torch
from torch import Tensor, nn


class Dense(nn.Sequential):
    """A layer as Keras counts them: weights and activation in one."""

    def __init__(self, inputs: int, units: int, activation: nn.Module) -> None:
        super().__init__(nn.Linear(inputs, units), activation)


class LSTM(nn.LSTM):
    """Reads words of shape (batch, length, inputs) and gives its last state, as Keras' does."""

    def forward(self, words: Tensor) -> Tensor:  # type: ignore[override]
        """The last state, of shape (batch, units)."""
        states, _ = super().forward(words)
        return states[:, -1]


torch.manual_seed(0)

# How far a piece of news will spread: from its headline, and from when it came out.
embedding = nn.Embedding(10_000, 512)
lstm = LSTM(512, 32, batch_first=True)
auxiliary = Dense(32, 1, nn.Sigmoid())
dense_1 = Dense(32 + 5, 64, nn.ReLU())
dense_2 = Dense(64, 64, nn.ReLU())
dense_3 = Dense(64, 64, nn.ReLU())
main = Dense(64, 1, nn.Sigmoid())

main_input = torch.randint(10_000, (32, 100))
auxiliary_input = torch.randn(32, 5)

state = lstm(embedding(main_input))
auxiliary_output = auxiliary(state)
merged = torch.cat([state, auxiliary_input], dim=1)
main_output = main(dense_3(dense_2(dense_1(merged))))
print("two inputs, two outputs:", tuple(main_output.shape), tuple(auxiliary_output.shape))

# The perceptron of the lecture's practice: 64 pixels, 10 digits.
fc1 = Dense(64, 32, nn.ReLU())
fc2 = Dense(32, 10, nn.Softmax(dim=1))

images = torch.rand(100, 64)
digits = fc2(fc1(images))
print("perceptron:", tuple(digits.shape))
