"""Playing one scenario many times, and what comes of it."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from html import escape
from typing import Literal, NamedTuple, overload

from . import _core
from .frames import Frame
from .policy import Policy
from .progress import Progress, listener
from .sampling import sampling
from .scenario import Scenario, load


class Estimate(NamedTuple):
    """A number with its interval.

    Attributes:
        value: The point estimate, in the unit that the name of its column ends with; shares are 0
            to 1. NaN where no run bears on it.
        lower: Lower limit of the two-sided interval at the result's confidence.
        upper: Upper limit.
        runs: Number of runs behind it.
        method: ``"clopper_pearson"`` for shares (exact; Biometrika 26, 1934), ``"student_t"`` for
            means over runs, ``"order_statistics"`` for quantiles (David and Nagaraja, 2003, 7.1).
    """

    value: float
    lower: float
    upper: float
    runs: int
    method: Literal["clopper_pearson", "student_t", "order_statistics"]


class RunRecords(Frame, Sequence[_core.RunRecord]):
    """What each run came to: a sequence of records, and the same as columns.

    The columns are the attributes of :class:`gatewright.RunRecord`, with one truth value
    ``failing.GATE`` per gate, one text ``found.GATE`` per A/B test, and ``violations`` as their
    number.
    """

    def __init__(self, records: _core.Records) -> None:
        super().__init__(records.table())
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[_core.RunRecord]:
        return (self._records[index] for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> _core.RunRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[_core.RunRecord]: ...
    def __getitem__(self, index: int | slice) -> _core.RunRecord | list[_core.RunRecord]:
        if isinstance(index, slice):
            return [self._records[place] for place in range(len(self))[index]]
        return self._records[range(len(self))[index]]

    def __repr__(self) -> str:
        return f"RunRecords({len(self)} runs)"


class RunResult:
    """The operating characteristics of one policy in one world, and the runs behind them.

    Attributes:
        scenario: Name of the scenario.
        sentence: The scenario in one sentence.
        policy: Name of the policy.
        policy_language: ``"native"``; or ``"python"``: each step waited for the interpreter's lock,
            so the runs were played one after the other.
        seed: The random worlds are a function of it and the replication.
        confidence: Of all intervals.
        records: One record per run of the scenario as written, in order of replication.
        twin_records: The same for the healthy twin; empty if it was not played.
        fingerprint: 16 hexadecimal digits; equal for equal build, scenario, policy, seed and runs,
            whatever the number of threads, and equal to that of the command line.
        violations: Broken invariants of the engine; anything but 0 is a defect.
        interrupted: Whether Ctrl-C ended it early; what was finished is here.
        notes: What was looped, bootstrapped or dropped of recorded traces.
    """

    def __init__(self, run: _core.Run) -> None:
        self._run = run
        self.scenario = run.scenario
        self.sentence = run.sentence
        self.policy = run.policy
        self.policy_language = run.policy_language
        self.seed = run.seed
        self.confidence = run.confidence
        self.records = RunRecords(run.records)
        self.twin_records = RunRecords(run.twin_records)
        self.fingerprint = run.fingerprint
        self.violations = run.violations
        self.interrupted = run.interrupted
        self.notes = run.notes

    @functools.cached_property
    def estimates(self) -> dict[str, Estimate]:
        """Estimate by column name, in the order of reports; docs/methods/ defines each."""
        return {name: Estimate(*estimate) for name, estimate in self._run.estimates}

    def text(self) -> str:
        """The report that ``gatewright run`` prints, without colour."""
        return self._run.text()

    def json(self) -> str:
        """The object that ``gatewright run --json`` prints."""
        return self._run.json()

    def __repr__(self) -> str:
        ended = ", interrupted" if self.interrupted else ""
        return (
            f"RunResult({self.scenario!r} under {self.policy!r}: {len(self.records)} runs, "
            f"seed {self.seed}, fingerprint {self.fingerprint}{ended})"
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{estimate.value:.4g}</td>"
            f"<td>{estimate.lower:.4g}</td><td>{estimate.upper:.4g}</td><td>{estimate.runs}</td></tr>"
            for name, estimate in self.estimates.items()
            if estimate.runs > 0
        )
        return (
            f"<p><b>{escape(self.scenario)}</b> under {escape(self.policy)}: "
            f"{escape(self.sentence)}</p><table><tr><th></th><th>estimate</th><th>lower</th>"
            f"<th>upper</th><th>runs</th></tr>{rows}</table>"
            f"<p>seed {self.seed}, {self.confidence:.0%} intervals, "
            f"fingerprint {self.fingerprint}</p>"
        )


def run(
    scenario: Scenario | str | os.PathLike[str],
    policy: Policy | str | os.PathLike[str] | None = None,
    *,
    runs: int = 400,
    seed: int | None = None,
    threads: int = 0,
    confidence: float = 0.95,
    twin: bool = True,
    progress: Progress = None,
) -> RunResult:
    """Plays a scenario many times under one policy.

    The interpreter's lock is released meanwhile. Ctrl-C ends it early and keeps the finished runs;
    if there are none, it raises KeyboardInterrupt.

    Args:
        scenario: A scenario, or the file to load it from.
        policy: None for the scenario's own; a policy file; or a policy in Python, which proposes in
            the place of the scenario's own rules.
        runs: Replications, at least 1. Replication ``i`` of a seed is one random world, the same
            for every policy.
        seed: None for the scenario's own.
        threads: 0 for one per hardware thread; the result does not depend on it.
        confidence: Of the intervals, above 0 and below 1.
        twin: Whether to play the healthy twin of a harmful scenario, too: its halts are the false
            alarms.
        progress: See :data:`gatewright.Progress`.

    Raises:
        PlanError: The scenario or the policy is wrong.
        ValueError: ``runs``, ``seed``, ``threads`` or ``confidence`` is out of range.
        Exception: The first that a policy in Python raised.
    """
    if not isinstance(scenario, Scenario):
        scenario = load(scenario)
    if isinstance(policy, type):
        raise TypeError(f"policy is the class {policy.__name__}; expected an instance of it")
    study, in_python = scenario._study, None
    if isinstance(policy, Policy):
        in_python = policy
    elif policy is not None:
        study = study.with_policy(os.fspath(policy))
    return RunResult(
        _core.run(
            study=study,
            policy=in_python,
            first_replication=0,
            seed=scenario.seed if seed is None else seed,
            **sampling(runs=runs, seed=seed, threads=threads, confidence=confidence),
            twin=twin,
            progress=listener(progress),
        )
    )
