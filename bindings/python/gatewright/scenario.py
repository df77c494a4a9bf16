"""Scenarios: a world, a policy and what is expected of them, as read from a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from html import escape
from typing import Literal

from . import _core
from .errors import Diagnostic

Value = bool | int | float | str
"""What can be set: a text as one would write it in the file, such as ``"10%"``, or a number."""

Setting = str | list["Setting"] | dict[str, "Setting"] | None
"""What stands in a file: texts as they are written, lists, maps, or nothing."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the ramp.

    Attributes:
        name: Name in reports and paths.
        exposure: Share of users' traffic served by the candidate, 0 to 1.
        mirrored: Share of traffic mirrored to the candidate, 0 to 1.
        dwell: Least time at the stage before advancing.
    """

    name: str
    exposure: float
    mirrored: float
    dwell: timedelta


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate of the policy; the check of its split, ``sample_ratio``, comes last.

    Attributes:
        name: Name in reports and paths.
        metric: What it watches; empty for a combined gate, which watches several; ``"units"`` for
            the check of the split.
        test: How it weighs its samples.
        guarantee: What the test promises about false alarms: ``"anytime"``, ``"fixed_looks"``,
            ``"average_run_length"`` or ``"none"``.
        role: ``"protective"``: its failure halts; ``"advisory"``: it only speaks.
        false_alarm: Its share of the rollout's false-alarm budget, 0 to 1; 0 without a guarantee.
    """

    name: str
    metric: str
    test: str
    guarantee: Literal["anytime", "fixed_looks", "average_run_length", "none"]
    role: Literal["protective", "advisory"]
    false_alarm: float


class Scenario:
    """A scenario: immutable; :meth:`with_` makes a changed copy.

    Made by :func:`gatewright.load` and :func:`gatewright.loads`.
    """

    def __init__(self, study: _core.Study) -> None:
        self._study = study

    @property
    def name(self) -> str:
        """Its name."""
        return self._study.name

    @property
    def about(self) -> str:
        """What it is about, in its author's words."""
        return self._study.about

    @property
    def sentence(self) -> str:
        """What is wrong with the candidate, how much traffic, how many users: in one sentence."""
        return self._study.sentence

    @property
    def seed(self) -> int:
        """The seed that runs use unless they are given another; 0 to 2**64 - 1."""
        return self._study.seed

    @property
    def horizon(self) -> timedelta:
        """How long a rollout is played at most."""
        return self._study.horizon

    @property
    def harmful(self) -> bool:
        """Whether the candidate has an effect that counts as harm."""
        return self._study.harmful

    @property
    def policy(self) -> str:
        """Name of the policy."""
        return self._study.policy

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of the policy's ramp, in order."""
        return tuple(Stage(*stage) for stage in self._study.stages)

    @property
    def gates(self) -> tuple[Gate, ...]:
        """The policy's gates, in order."""
        return tuple(Gate(*gate) for gate in self._study.gates)

    @property
    def remarks(self) -> tuple[Diagnostic, ...]:
        """Warnings and notes of reading it; errors raise PlanError instead."""
        return self._study.remarks

    def get(self, path: str) -> Setting:
        """What the file, or a change to it, says at a path.

        Args:
            path: Keys and names of list items joined by dots, such as
                ``"policy.gates.cost.harm.rises_by"``; ``""`` is the whole.

        Returns:
            A text as written (``"20%"``), a list, a dict, or None for an empty place.

        Raises:
            KeyError: Nothing is written there; :meth:`effective` shows the defaults.
        """
        return self._study.get(path)

    def with_(self, settings: Mapping[str, Value]) -> Scenario:
        """A copy with other values at some paths, checked like a file.

        The copy has no ``expect``: what is expected of this scenario need not make sense of
        another.

        Args:
            settings: Value by path, applied in order.

        Raises:
            PlanError: A path or a value is wrong; says all that are.
            TypeError: A value is no bool, int, float or str.
        """
        return Scenario(self._study.changed(dict(settings)))

    def effective(self) -> str:
        """The scenario as YAML with every default written out."""
        return self._study.effective()

    def __repr__(self) -> str:
        stages = ", ".join(stage.name for stage in self.stages)
        gates = ", ".join(gate.name for gate in self.gates)
        return (
            f"Scenario({self.name!r}: {self.sentence})\n"
            f"  policy {self.policy}: stages {stages}; gates {gates or 'none'}"
        )

    def _repr_html_(self) -> str:
        stages = "".join(
            f"<tr><td>{escape(stage.name)}</td><td>{stage.exposure:.4g}</td>"
            f"<td>{stage.mirrored:.4g}</td><td>{stage.dwell}</td></tr>"
            for stage in self.stages
        )
        gates = "".join(
            f"<tr><td>{escape(gate.name)}</td><td>{escape(gate.metric)}</td>"
            f"<td>{escape(gate.test)}</td><td>{gate.guarantee}</td></tr>"
            for gate in self.gates
        )
        return (
            f"<p><b>{escape(self.name)}</b>: {escape(self.sentence)}</p>"
            f"<table><caption>{escape(self.policy)}</caption>"
            "<tr><th>stage</th><th>exposure</th><th>mirrored</th><th>dwell</th></tr>"
            f"{stages}</table>"
            "<table><tr><th>gate</th><th>metric</th><th>test</th><th>guarantee</th></tr>"
            f"{gates}</table>"
        )


def load(path: str | os.PathLike[str]) -> Scenario:
    """Reads a scenario file and the policy file it names.

    Args:
        path: A YAML file.

    Raises:
        PlanError: It cannot be read or is wrong; ``.diagnostics`` lists every problem with file,
            line and column.
    """
    return Scenario(_core.Study.load(os.fspath(path)))


def loads(text: str, file: str = "<text>") -> Scenario:
    """Reads a scenario from a text.

    Args:
        text: What a file would hold.
        file: Name for messages; files that the text names are looked for beside it.

    Raises:
        PlanError: It is wrong.
    """
    return Scenario(_core.Study.parse(text, file))
