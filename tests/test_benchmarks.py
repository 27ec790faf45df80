"""Benchmarks are no tests; but each is run once at its smallest, so that it does not rot."""

from __future__ import annotations

import importlib
import math

import pytest

from benchmarks.__main__ import FAMILIES, cells
from benchmarks.timing import Effort, Row

SMALLEST = Effort(rounds=1, scale=0.0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # those of peers, where they are installed
@pytest.mark.parametrize("family", FAMILIES)
def test_it_runs(family: str) -> None:
    found = list(importlib.import_module(f"benchmarks.{family}").rows(SMALLEST))
    assert any(row.bound is not None for row in found)
    assert all(math.isfinite(row.reached) for row in found if "Error" not in row.measure)
    assert all(len(cells(row)) == 6 for row in found)


def test_a_row_says_whether_its_bound_is_met() -> None:
    assert [Row("", "", 2, bound).verdict for bound in (None, 3, 2, 1)] == ["", "yes", "yes", "no"]
    assert [Row("", "", 2, bound, least=True).verdict for bound in (3, 2, 1)] == ["no", "yes", "yes"]
