"""Playing a whole grid of settings."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from . import _core
from .frames import Frame
from .progress import Progress, listener
from .sampling import sampling
from .scenario import Scenario, Value, load


class Sweep(Frame):
    """One row per cell of a grid.

    The columns: each setting under its path, as it was given; each estimate under its name, with
    ``_lower`` and ``_upper``; and ``fingerprint``, that of a run with the same settings.

    Attributes:
        settings: Paths of the settings, in order; the last moves fastest from row to row.
        estimates: Names of the estimates, in the order of reports.
        runs: Replications per cell.
        confidence: Of all intervals.
        interrupted: Whether Ctrl-C ended it early; the cells that were finished are here.
    """

    def __init__(
        self,
        table: _core.Table,
        *,
        settings: tuple[str, ...],
        runs: int,
        confidence: float,
        interrupted: bool,
    ) -> None:
        super().__init__(table)
        self.settings = settings
        self.estimates = self.columns[len(settings) : -1 : 3]
        self.runs = runs
        self.confidence = confidence
        self.interrupted = interrupted

    def __repr__(self) -> str:
        ended = ", interrupted" if self.interrupted else ""
        over = ", ".join(self.settings)
        return f"Sweep({len(self)} cells over {over}; {self.runs} runs each{ended})"


def sweep(
    scenario: Scenario | str | os.PathLike[str],
    *,
    over: Mapping[str, Iterable[Value]],
    runs: int = 400,
    seed: int | None = None,
    threads: int = 0,
    confidence: float = 0.95,
    twin: bool = True,
    progress: Progress = None,
) -> Sweep:
    """Plays a scenario with every combination of some settings.

    All cells face the same random worlds, so differences between cells are differences between
    settings. Cells that differ in settings of the policy alone are played together. The
    interpreter's lock is released meanwhile. Ctrl-C ends it early and keeps the finished cells; if
    there are none, it raises KeyboardInterrupt.

    Args:
        scenario: A scenario, or the file to load it from.
        over: Values by path, in the order of the rows: the last path moves fastest.
        runs: Replications per cell, at least 1.
        seed: None for the scenario's own.
        threads: 0 for one per hardware thread; the result does not depend on it.
        confidence: Of the intervals, above 0 and below 1.
        twin: Whether to play the healthy twins of harmful cells, too.
        progress: See :data:`gatewright.Progress`.

    Raises:
        PlanError: A path or a value is wrong; says all that are, before anything is played.
        TypeError: A value is no bool, int, float or str.
        ValueError: A setting has no values, or ``runs``, ``seed``, ``threads`` or ``confidence`` is
            out of range.
    """
    if not isinstance(scenario, Scenario):
        scenario = load(scenario)
    axes = {path: list(values) for path, values in over.items()}
    table, interrupted = _core.sweep(
        study=scenario._study,
        over=axes,
        seed=seed,
        **sampling(runs=runs, seed=seed, threads=threads, confidence=confidence),
        twin=twin,
        progress=listener(progress),
    )
    return Sweep(
        table,
        settings=tuple(axes),
        runs=runs,
        confidence=confidence,
        interrupted=interrupted,
    )
