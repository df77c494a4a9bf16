"""How often worlds are played, checked before the compiled half sees it."""

from __future__ import annotations

from operator import index
from typing import TypedDict


class Sampling(TypedDict):
    """What :func:`gatewright.run` and :func:`gatewright.sweep` have in common."""

    runs: int
    threads: int
    confidence: float


def sampling(*, runs: int, seed: int | None, threads: int, confidence: float) -> Sampling:
    """The same numbers, if they are in range.

    Raises:
        ValueError: One is not; says which, and what would be right.
        TypeError: One is no number.
    """
    if index(runs) < 1:
        raise ValueError(f"runs is {runs}; expected at least 1")
    if seed is not None and not 0 <= index(seed) < 2**64:
        raise ValueError(f"seed is {seed}; expected 0 to 2**64 - 1")
    if not 0 <= index(threads) <= 4096:
        raise ValueError(f"threads is {threads}; expected 0 to 4096, 0 for one per hardware thread")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence is {confidence}; expected above 0 and below 1, such as 0.95")
    return {"runs": runs, "threads": threads, "confidence": confidence}
