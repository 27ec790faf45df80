"""Puts the facts of a graph into words: what each box, arrow and group says."""

from __future__ import annotations

from render.labels.modules import GroupWords
from render.labels.operations import OperationWords
from render.labels.tensors import TensorWords
from render.labels.words import Lines as Lines
from render.labels.words import repetition as repetition
from render.labels.words import scalar as scalar


class Wording(TensorWords, OperationWords, GroupWords):
    """All words for the records of one graph in one style."""
