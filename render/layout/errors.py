"""The two ways in which an engine can fail for reasons that are not the scene's."""

from __future__ import annotations


class EngineMissing(RuntimeError):  # noqa: N818 - the name says what is the matter, as FileNotFoundError does
    """The program that an engine stands on is not installed; the message says which and how to get it."""


class LayoutTimeout(RuntimeError):  # noqa: N818
    """An engine took longer than it may; the message says how long that was and what to do instead."""
