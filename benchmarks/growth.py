"""Time and memory from `Graph` to SVG as pictures grow: `python -m benchmarks growth`;
`python -m benchmarks.growth --plot docs/images/growth.svg` draws it.

An LSTM written by hand, unrolled for more and more steps, is flat; in a GPT-2 of more and more layers (`--layers`)
modules lie in modules. Each size is drawn by a process of its own, which loads the saved graph and no torch; seconds
are those of one core.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

import render
import tracer
from benchmarks.timing import Effort, Row
from render import text
from render.formats.svg import escape

BOUNDS = {300: 0.15, 3_400: 1.5, 10_000: 4.0, 100_000: 45.0}  # boxes: seconds
STEPS_OF_BOUNDS = (19, 212, 625, 6_250)  # steps that give so many boxes: 16 each
LAYERS_OF_BOUNDS = (10, 121, 357, 3_571)  # likewise layers: 28 each
LARGEST_QUICK = 3_400
MEGABYTES = 1500.0
STEPS = (5, 20, 66, 227, 667, 2_000, 6_667)  # 16 boxes each
MARGIN, WIDTH, HEIGHT = 64, 460, 300  # of the plot
INK, SOFT, LINE = "#1f2937", "#cbd2da", "#2f6fb7"


class Measured(NamedTuple):
    """What drawing a graph took."""

    boxes: int
    seconds: float
    megabytes: float


def rows(effort: Effort) -> Iterator[Row]:
    """Seconds and memory of the sizes that have a bound, flat and nested."""
    for kind, counts in (("", STEPS_OF_BOUNDS), (" in modules", LAYERS_OF_BOUNDS)):
        for count, (boxes, bound) in zip(counts, BOUNDS.items(), strict=True):
            if effort.of(boxes) != boxes and boxes > LARGEST_QUICK:
                continue
            (found,) = measure([effort.of(count, 2)], nested=bool(kind))
            work = f"Graph to SVG, {text.count(found.boxes)} boxes{kind}"
            yield Row(work, "s", found.seconds, bound)
            if boxes == max(BOUNDS):
                yield Row(work, "MB at the peak", found.megabytes, MEGABYTES)


def draw(path: str) -> Measured:
    """Draws a saved graph with an operation a box, as a user does."""
    graph = tracer.load(path)
    start = time.process_time()
    drawing = render.draw(graph, level="function")
    drawing.render("svg")
    seconds = time.process_time() - start
    return Measured(len(drawing.scene.boxes), seconds, peak() / 1024)


def peak() -> float:
    """The most memory this process has held, in KiB; where Linux tells it, without what the one before it held."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(counts: Sequence[int], *, nested: bool = False) -> Iterator[Measured]:
    """Draws an LSTM of so many steps, or a GPT-2 of so many layers, for each of `counts`."""
    program = layers if nested else steps
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            path = Path(folder) / f"{count}.json"
            with tracer.record() as recording:
                program(count)()
            recording.graph.save(path)
            del recording
            command = [sys.executable, "-m", "benchmarks.growth", "--draw", str(path)]
            yield Measured(*json.loads(subprocess.run(command, capture_output=True, check=True).stdout))
            path.unlink()


def steps(count: int) -> Callable[[], object]:
    from benchmarks.pictures import lstm_by_hand

    return lambda: lstm_by_hand(count)


def layers(count: int) -> Callable[[], object]:
    import torch

    from benchmarks.pictures import GPT

    model = GPT(count)
    return lambda: model(torch.arange(6)[None])


def plot(found: Sequence[Measured]) -> str:
    """Seconds against boxes, both on logarithmic axes, with the bounds as open circles."""
    points = [(each.boxes, each.seconds) for each in found]
    ticks = [_tick(10**power, vertical=False) for power in range(2, 6)]
    ticks += [_tick(10.0**power, vertical=True) for power in range(-2, 3)]
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in (_at(*point) for point in points))
    marks = [_circle(point, LINE, LINE) for point in points] + [_circle(each, "none", INK) for each in BOUNDS.items()]
    last = _at(*points[-1])
    words = [
        _words(MARGIN + WIDTH / 2, MARGIN + HEIGHT + 44, "boxes in the picture"),
        _words(MARGIN, 30, "seconds from Graph to SVG, one core (○ what they may be)", "start"),
        _words(last[0], last[1] + 130, f"{text.number(found[-1].megabytes / 1024)} GB at the peak", "end"),
    ]
    width, height = WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            "font-family=\"Arial, Helvetica, 'Liberation Sans', sans-serif\">",
            f"<title>{escape('Time to draw an unrolled LSTM, against its size')}</title>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *ticks,
            f'<polyline points="{way}" fill="none" stroke="{LINE}" stroke-width="2"/>',
            *marks,
            *words,
            "</svg>",
            "",
        )
    )


def _at(boxes: float, seconds: float) -> tuple[float, float]:
    """Where a measurement stands: 100 to 100,000 boxes, 0.01 to 100 seconds."""
    return MARGIN + WIDTH * (math.log10(boxes) - 1.8) / 3.4, MARGIN + HEIGHT * (2 - math.log10(seconds)) / 4


def _tick(value: float, *, vertical: bool) -> str:
    if vertical:
        y = _at(100, value)[1]
        line = f'<path d="M{MARGIN} {y:.1f}h{WIDTH}" stroke="{SOFT}"/>'
        return line + _words(MARGIN - 8, y + 4, f"{value:g}", "end")
    x = _at(value, 1)[0]
    line = f'<path d="M{x:.1f} {MARGIN}v{HEIGHT}" stroke="{SOFT}"/>'
    return line + _words(x, MARGIN + HEIGHT + 20, text.count(int(value)))


def _circle(point: tuple[float, float], fill: str, stroke: str) -> str:
    x, y = _at(*point)
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{fill}" stroke="{stroke}" stroke-width="1.5"/>'


def _words(x: float, y: float, words: str, anchor: str = "middle") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="13" fill="{INK}">{escape(words)}</text>'


def main() -> None:
    """Prints a row for each size, and draws the plot where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", type=Path, help="SVG file to draw")
    parser.add_argument("--steps", type=int, nargs="*", default=STEPS, help="of the LSTM, 16 boxes each")
    parser.add_argument("--layers", type=int, nargs="*", help="of a GPT-2 in place of the LSTM, 28 boxes each")
    parser.add_argument("--draw", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.draw:
        sys.stdout.write(json.dumps(draw(asked.draw)))
        return
    table = Table("boxes", "seconds", "ms a box", "peak MB")
    found = []
    for each in measure(asked.layers or asked.steps, nested=bool(asked.layers)):
        found.append(each)
        per_box = f"{1000 * each.seconds / each.boxes:.2f}"
        table.add_row(text.count(each.boxes), f"{each.seconds:.2f}", per_box, text.count(round(each.megabytes)))
    Console().print(table)
    if asked.plot:
        asked.plot.write_text(plot(found), encoding="utf-8")


if __name__ == "__main__":
    main()
