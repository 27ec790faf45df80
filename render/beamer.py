r"""Overlays: the slides of a deck as one frame of beamer, each thing written once with the slides that it is on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def layered(slides: Sequence[Sequence[str]]) -> list[tuple[str, list[int]]]:
    """What is painted on some slides, each thing once, from the lowest up, with the numbers of its slides.

    Args:
        slides: What is painted on each, from the lowest up. Two things have the same order wherever they are together.
    """
    numbers: dict[str, list[int]] = {}
    order: list[str] = []
    for number, painted in enumerate(slides, 1):
        after = 0
        places = {each: at for at, each in enumerate(order)}
        fresh: list[tuple[int, str]] = []
        for each in dict.fromkeys(painted):
            if each in places:
                after = max(after, places[each] + 1)
            else:
                fresh.append((after, each))
            numbers.setdefault(each, []).append(number)
        for at, each in reversed(fresh):
            order.insert(at, each)
    return [(each, numbers[each]) for each in order]


def specification(numbers: Iterable[int], last: int) -> str:
    """Slide numbers as beamer has them, ranges together: `<2-4,7->`; empty for all of 1 to `last`."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    if ranges == [[1, last]]:
        return ""
    spelled = (
        f"{first}-" if end == last else f"{first}" if first == end else f"{first}-{end}" for first, end in ranges
    )
    return f"<{','.join(spelled)}>"
