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
