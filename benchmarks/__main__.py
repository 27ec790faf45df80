"""Prints the table of what graphtrace costs, all of it or some families of rows: `python -m benchmarks [--quick]`."""

from __future__ import annotations

import importlib
import math

import click
from rich.console import Console
from rich.table import Table

from benchmarks.timing import Effort, Row

FAMILIES = ("startup", "scalar", "autograd", "memory", "capture", "layout", "growth", "views")
FULL, QUICK = Effort(), Effort(rounds=3, scale=0.1)


@click.command()
@click.argument("families", nargs=-1, type=click.Choice(FAMILIES))
@click.option("--quick", is_flag=True, help="A tenth of the sizes, three rounds: a minute, and no verdict.")
def main(families: tuple[str, ...], quick: bool) -> None:
    """Measures every row, the ways in turn in one run, and prints it beside its bound."""
    for family in families or FAMILIES:
        table = Table("work", "measured", "reached", "quartiles", "bound", "met", title=family, title_justify="left")
        for row in importlib.import_module(f"benchmarks.{family}").rows(QUICK if quick else FULL):
            table.add_row(*cells(row))
        Console(width=130).print(table)


def cells(row: Row) -> tuple[str, ...]:
    spread = "" if row.low is None or row.high is None else f"{number(row.low)} - {number(row.high)}"
    bound = "" if row.bound is None else f"{'at least ' if row.least else ''}{row.bound:g}"
    return row.work, row.measure, number(row.reached), spread, bound, row.verdict


def number(value: float) -> str:
    """Three significant digits."""
    if math.isnan(value) or value == 0:
        return "-" if value else "0"
    return f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


if __name__ == "__main__":
    main()
