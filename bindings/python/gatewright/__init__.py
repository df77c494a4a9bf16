"""Rehearses the staged rollout of an AI model before it happens.

A scenario is a world (traffic, models, effects, noise) and a policy (stages, gates, rollback).
:func:`run` plays it many times and says how often the policy halts, where, how late, and what that
costs the users; :func:`sweep` does so over a grid of settings::

    import gatewright as gw

    scenario = gw.load("scenarios/catalog/cost_regression.yaml")
    print(gw.run(scenario, runs=400).text())

numpy is imported when a result is asked for as an array, pandas and matplotlib when they are asked
for by name.
"""

from . import plots, testing
from ._core import RolloutView, RunRecord, Violation, __version__
from .curves import Calibration, GateCurve, calibrate
from .errors import Diagnostic, PlanError
from .frames import Frame
from .gate import (
    GATE_TESTS,
    Budget,
    Covariate,
    Distribution,
    Evidence,
    Form,
    GateTest,
    Guarantee,
    Harm,
    Reading,
    Summary,
    Window,
    gate_test,
)
from .grid import Sweep, sweep
from .policy import Action, Cause, Policy, Proposal, advance, complete, halt, hold
from .progress import Progress
from .results import Estimate, RunRecords, RunResult, run
from .scenario import Gate, Scenario, Stage, load, loads

__all__ = [
    "GATE_TESTS",
    "Action",
    "Budget",
    "Calibration",
    "Cause",
    "Covariate",
    "Diagnostic",
    "Distribution",
    "Estimate",
    "Evidence",
    "Form",
    "Frame",
    "Gate",
    "GateCurve",
    "GateTest",
    "Guarantee",
    "Harm",
    "PlanError",
    "Policy",
    "Progress",
    "Proposal",
    "Reading",
    "RolloutView",
    "RunRecord",
    "RunRecords",
    "RunResult",
    "Scenario",
    "Stage",
    "Summary",
    "Sweep",
    "Violation",
    "Window",
    "__version__",
    "advance",
    "calibrate",
    "complete",
    "gate_test",
    "halt",
    "hold",
    "load",
    "loads",
    "plots",
    "run",
    "sweep",
    "testing",
]
