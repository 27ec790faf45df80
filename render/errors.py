"""The one error of drawing, and the wording shared by every wrong choice."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RenderError(ValueError):
    """A picture that cannot be made as asked; the message says what is allowed and what to do next."""


def wrong_choice(what: str, given: object, allowed: Iterable[str]) -> RenderError:
    """The error for `given` where one of `allowed` was expected.

    Args:
        what: What is being chosen (`theme`).
        given: What the user wrote.
        allowed: Every choice there is, in the order to list them.
    """
    choices = tuple(allowed)
    near = difflib.get_close_matches(str(given).lower(), choices, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return RenderError(f"unknown {what}: {given!r} (must be one of {', '.join(choices)}){hint}")


def no_match(what: str, pattern: str, names: Iterable[str]) -> RenderError:
    """The error for a pattern that fits none of `names`; the message shows the nearest, or the first few.

    Args:
        what: What is being looked for (`module`).
        pattern: What the user wrote.
        names: All there are, in the order to list them; repeats and empty ones are left out.
    """
    known = tuple(dict.fromkeys(name for name in names if name))
    if not known:
        return RenderError(f"no {what} matches {pattern!r}: there is none in this graph")
    near = difflib.get_close_matches(pattern, known, n=3, cutoff=0.5) or _ending_near(pattern, known)
    listed = ", ".join(near or known[:8]) + (", ..." if not near and len(known) > 8 else "")
    return RenderError(f"no {what} matches {pattern!r} ({'nearest are' if near else 'there are'} {listed})")


def _ending_near(pattern: str, known: Iterable[str]) -> list[str]:
    """Names with a last part near a pattern (`layers.0.attn`), one for each."""
    ends = {name.rpartition(".")[2]: name for name in known}
    return [ends[end] for end in difflib.get_close_matches(pattern, ends, n=3, cutoff=0.5)]


def check_count(option: str, given: object, least: int) -> None:
    """Raises a RenderError unless `given` is a whole number from `least` up.

    Args:
        option: As the user writes it (`auto:boxes`).
        given: What the user wrote.
        least: The smallest that makes sense.
    """
    if isinstance(given, bool) or not isinstance(given, int) or given < least:
        raise RenderError(f"{option} must be a whole number from {least} up, not {given!r}")
