"""What graphtrace takes once: the import, and a small script rendered from the command line."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import demo_models
from benchmarks.timing import Effort, Row, Times, interleaved, row

COMMAND = "import sys, cli; sys.argv[0] = 'graphtrace'; cli.main()"


def rows(effort: Effort) -> Iterator[Row]:
    """The rows, each the difference of two processes."""
    script = str(demo_models.available()["rnn_cell"])
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder, "rnn_cell.svg"))
        commands = {
            "nothing": ("-c", "pass"),
            "import tracer": ("-c", "import tracer"),
            "python": (script,),
            "graphtrace": ("-c", COMMAND, "render", script, "-o", out),
        }
        ways = [lambda name=name, words=words: {name: python(*words)} for name, words in commands.items()]
        times = interleaved(ways, effort.rounds)
    yield row("import tracer", "ms more than nothing", more(times, "import tracer", "nothing"), 30)
    yield row("python rnn_cell.py", "ms", [1000 * each for each in times["python"]])
    yield row("graphtrace render rnn_cell.py", "ms more than python", more(times, "graphtrace", "python"), 300)


def python(*words: str) -> float:
    """Runs Python, with compiled modules kept as in an installed package; the processor time it took, in seconds."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *words], check=True, capture_output=True, env={**environment, "OMP_NUM_THREADS": "1"}
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def more(times: Times, what: str, base: str) -> list[float]:
    return [1000 * (each - less) for each, less in zip(times[what], times[base])]
