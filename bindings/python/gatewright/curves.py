"""False alarms and detection of each gate over its threshold, from one recording."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from . import _core
from .frames import Frame
from .progress import Progress, listener
from .results import Estimate
from .sampling import sampling
from .scenario import Scenario, load


class GateCurve(NamedTuple):
    """What a gate's curve is about, and what it suggests.

    Attributes:
        gate: Name of the gate.
        test: How it weighs its samples.
        guarantee: What the test promises about false alarms.
        threshold_is: ``"margin"``: what the gate compares its reading with, such as 1.2 for
            ``rises_by: 20%``; ``"evidence"``: the share of the evidence needed.
        planned: The threshold of the plan; 1 where it is a share of evidence.
        budget: False alarms that this gate alone may raise, 0 to 1.
        alpha: Where threshold t means the budget ``alpha**t``; else None.
        tuned_by_budget: The test is tuned to its budget: the plan with the budget ``alpha**t``
            would weigh its samples a little differently.
        crossing_alone: The tightest threshold at which the gate alone is within its budget.
        crossing_in_plan: The same of the whole plan and its budget.
        choice: The tightest threshold whose interval is within the gate's budget. It flatters
            itself: it was chosen from these runs.
        false_alarm_on_fresh_runs: Of the choice, in worlds that it was not chosen from; None
            without a choice.
        detection_on_fresh_runs: The same for detection.
    """

    gate: str
    test: str
    guarantee: str
    threshold_is: Literal["margin", "evidence"]
    planned: float
    budget: float
    alpha: float | None
    tuned_by_budget: bool
    crossing_alone: float | None
    crossing_in_plan: float | None
    choice: float | None
    false_alarm_on_fresh_runs: Estimate | None
    detection_on_fresh_runs: Estimate | None


class Calibration(Frame):
    """One row per gate and threshold, from the tightest threshold to the laxest.

    The columns: ``gate``, ``threshold``, and with ``_lower`` and ``_upper`` the estimates
    ``false_alarm_rate_alone`` and ``detection_probability_alone`` (as if no other gate could halt),
    ``false_alarm_rate``, ``detection_probability`` and ``detection_delay_minutes_p50`` (of the
    plan, other gates as they are written).

    Attributes:
        gates: What each gate's curve is about, by name.
        runs: Replications per world.
        confidence: Of all intervals.
        interrupted: Whether Ctrl-C ended it early; what was finished is here.
    """

    def __init__(
        self,
        table: _core.Table,
        *,
        gates: Sequence[GateCurve],
        runs: int,
        confidence: float,
        interrupted: bool,
    ) -> None:
        super().__init__(table)
        self.gates = {gate.gate: gate for gate in gates}
        self.runs = runs
        self.confidence = confidence
        self.interrupted = interrupted

    def __repr__(self) -> str:
        ended = ", interrupted" if self.interrupted else ""
        return f"Calibration({', '.join(self.gates)}; {self.runs} runs{ended})"


def calibrate(
    scenario: Scenario | str | os.PathLike[str],
    *,
    gates: Iterable[str] = (),
    thresholds: Iterable[float] = (),
    points: int = 1_000,
    budget: float | None = None,
    validate: bool = True,
    runs: int = 400,
    seed: int | None = None,
    threads: int = 0,
    confidence: float = 0.95,
    progress: Progress = None,
) -> Calibration:
    """Plays a scenario once with its gates watching, and reads every threshold off that recording.

    The halting times are exactly those of playing the plan again with each threshold. Ctrl-C ends
    it early and keeps the finished runs; if there are none, it raises KeyboardInterrupt.

    Args:
        scenario: A scenario, or the file to load it from.
        gates: Names; empty for all that can halt a rollout.
        thresholds: Empty for ``points`` of them, spread over what the runs reached.
        points: Of each curve.
        budget: False alarms that the plan may raise, 0 to 1; None for its own, or 5%.
        validate: Whether to play the choices in as many fresh worlds.
        runs: Replications, at least 1.
        seed: None for the scenario's own.
        threads: 0 for one per hardware thread; the result does not depend on it.
        confidence: Of the intervals, above 0 and below 1.
        progress: See :data:`gatewright.Progress`.

    Raises:
        PlanError: The scenario is wrong.
        ValueError: The plan waits for safety to be shown, which moves with the threshold; there is
            no such gate; or a number is out of range.
    """
    if not isinstance(scenario, Scenario):
        scenario = load(scenario)
    if points < 1:
        raise ValueError(f"points is {points}; expected at least 1")
    if budget is not None and not 0.0 < budget < 1.0:
        raise ValueError(f"budget is {budget}; expected above 0 and below 1, such as 0.05")
    table, curves, played, interrupted = _core.calibrate(
        study=scenario._study,
        gates=list(gates),
        thresholds=list(thresholds),
        points=points,
        budget=budget,
        validate=validate,
        seed=scenario.seed if seed is None else seed,
        **sampling(runs=runs, seed=seed, threads=threads, confidence=confidence),
        progress=listener(progress),
    )
    return Calibration(
        table,
        gates=[
            GateCurve(*curve[:-2], *(Estimate(*each) if each else None for each in curve[-2:]))
            for curve in curves
        ],
        runs=played,
        confidence=confidence,
        interrupted=interrupted,
    )
