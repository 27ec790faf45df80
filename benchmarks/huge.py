"""A model larger than the machine: Llama-3 405B's shape, forward and backward, recorded on fake and on meta tensors.

    pip install -c constraints.txt -e '.[models]' && python -m benchmarks.huge [--layers 2]

Every run has a process of its own, so that its peak memory is its own, and the ways take turns. There are two floors:
`bare modes` are a function mode and a dispatch mode that do nothing, the `least recorder` is that of
`benchmarks.floors`, which makes no graph and finds no names.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

TOKENS = 2048
LAYERS = 126
# Of the released model: two vocabularies, the last norm, and in each layer attention, feed-forward and two norms.
WIDTH, INNER, HEADS, GROUPS, WORDS = 16384, 53248, 128, 8, 128256
LAYER = 2 * WIDTH * WIDTH + 2 * WIDTH * WIDTH * GROUPS // HEADS + 3 * WIDTH * INNER + 2 * WIDTH
KINDS = ("fake", "meta made fake", "meta")
WAYS = ("bare modes", "least recorder", "recording")
SLOWER, MEGABYTES = 1.5, 600  # bounds


def model(layers: int) -> Any:
    """The model on whatever device or mode is on."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=layers,
        num_attention_heads=HEADS,
        num_key_value_heads=GROUPS,
        vocab_size=WORDS,
        max_position_embeddings=131072,
        tie_word_embeddings=False,
    )
    return LlamaForCausalLM(config)


def prepare(kind: str, way: str, layers: int) -> tuple[Any, Callable[[Any], None], Any]:
    """What must be on while the model runs, its forward and backward, and the tokens they take."""
    import torch
    import transformers.masking_utils
    from torch._subclasses.fake_tensor import FakeTensorMode

    # A check for padding reads a number unless the model is being traced; it knows fake tensors, but not meta ones.
    transformers.masking_utils.is_tracing = lambda *_: True
    fake = FakeTensorMode()
    with torch.device("meta") if kind == "meta" or (way == "recording" and kind == "meta made fake") else fake:
        llama = model(layers)
        ids = torch.zeros(1, TOKENS, dtype=torch.long)

    def step(tokens: Any) -> None:
        llama(input_ids=tokens, labels=tokens, use_cache=False).loss.backward()

    return contextlib.nullcontext() if kind == "meta" else fake, step, ids


def once(kind: str, way: str, layers: int) -> dict[str, float]:
    """Seconds of the processor, which other programs do not change, peak megabytes, and what was counted."""
    import tracer
    from benchmarks.capture import BareDispatchMode, BareFunctionMode
    from benchmarks.floors import least_modes

    context, step, tokens = prepare(kind, way, layers)
    start = time.process_time()
    counted: dict[str, float] = {}
    if way == "bare modes":
        with context, BareFunctionMode(), BareDispatchMode():
            step(tokens)
        seconds = time.process_time() - start
    elif way == "least recorder":
        with context, least_modes():
            step(tokens)
        seconds = time.process_time() - start
    else:
        graph = tracer.trace(step, tokens, fake=kind != "meta")
        seconds, totals = time.process_time() - start, graph.totals()
        counted = {name: getattr(totals, name) for name in totals.__slots__} | {"kernels": len(graph.nodes)}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)
    return {"seconds": seconds, "megabytes": peak, **counted}


def apart(kind: str, way: str, layers: int) -> dict[str, float]:
    """`once` in a process of its own, with compiled modules kept as in an installed package."""
    command = [sys.executable, "-m", "benchmarks.huge", "--layers", str(layers), "--once", kind, way]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    folder = Path(__file__).parent.parent
    run = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder, env=environment)
    lines = run.stdout.splitlines()
    return json.loads(lines[-1])  # type: ignore[no-any-return]


def row(kind: str, layers: int, rounds: int) -> list[str]:
    """One line of the table."""
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            runs[way].append(apart(kind, way, layers))
    bare, *slower = ([run["seconds"] for run in runs[way]] for way in WAYS)
    least, recording = (median(each / base for each, base in zip(times, bare)) for times in slower)
    last, peak = runs["recording"][-1], max(run["megabytes"] for run in runs["recording"])
    right = last["parameters"] == 2 * WORDS * WIDTH + WIDTH + layers * LAYER
    return [
        kind,
        f"{last['kernels']:,}",
        f"{median(bare):.1f}",
        f"{least:.2f}",
        f"{recording:.2f} ({SLOWER})",
        f"{peak:.0f} ({MEGABYTES})",
        f"{last['parameters']:,} {'as expected' if right else 'WRONG'}",
        f"{last['forward_flops'] / 1e12:,.0f} + {last['backward_flops'] / 1e12:,.0f}",
        f"{last['activation_bytes'] / 1e9:,.0f} / {last['saved_bytes'] / 1e9:,.0f}",
    ]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=LAYERS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--once", nargs=2, metavar=("KIND", "WAY"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        print(json.dumps(once(*options.once, options.layers)))
        return
    from rich.console import Console
    from rich.table import Table

    headings = (
        "tensors", "kernels", "bare modes, CPU s", "least recorder / bare modes", "recording / bare modes (bound)",
        "peak MB (bound)", "parameters",
        "TFLOP forward + backward", "activations / saved GB",
    )  # fmt: skip
    table = Table(*headings, title=f"Llama of {options.layers} layers, {TOKENS} tokens, forward and backward")
    for kind in KINDS:
        table.add_row(*row(kind, options.layers, options.rounds))
    Console(width=None if sys.stdout.isatty() else 180).print(table)


if __name__ == "__main__":
    main()
