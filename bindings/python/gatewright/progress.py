"""How far a long call is, told to a function or drawn on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable

Progress = bool | Callable[[int, int], object] | None
"""``True`` draws a line on stderr if that is a terminal; a function is called with
``(done, total)``, both in replications, at most twenty times a second, in the caller's thread."""


def listener(progress: Progress) -> Callable[[int, int], object] | None:
    """The function to tell, if any."""
    if callable(progress):
        return progress
    return _draw if progress and sys.stderr.isatty() else None


def _draw(done: int, total: int) -> None:
    width = 40
    filled = width * done // total
    end = "\n" if done == total else ""
    bar = "#" * filled + "." * (width - filled)
    print(f"\r{bar} {done:,} of {total:,} runs", end=end, file=sys.stderr, flush=True)
