from __future__ import annotations

import gatewright as gw
import numpy as np
import pytest


@pytest.fixture
def thresholds() -> gw.Scenario:
    """A small world whose cost gate is a bare threshold."""
    scenario = gw.load("tests/golden/inputs/cost.yaml")
    return scenario.with_({"policy.gates.cost.test": "{fixed_threshold: {after: 2 of 3}}"})


def test_a_curve_falls_from_the_tightest_threshold_to_the_laxest(thresholds: gw.Scenario) -> None:
    curves = gw.calibrate(thresholds, runs=20, points=50)
    assert len(curves) == 50 * len(curves.gates)
    for gate in curves.gates:
        rows = np.array([name == gate for name in curves.column("gate")])
        assert (np.diff(curves.column("threshold")[rows]) > 0).all()
        for name in ("false_alarm_rate_alone", "detection_probability"):
            assert (np.diff(curves.column(name)[rows]) <= 0).all()


def test_each_threshold_is_that_of_playing_the_plan_again(thresholds: gw.Scenario) -> None:
    margins = [1.05, 1.1, 1.2, 1.4]
    curves = gw.calibrate(thresholds, gates=["cost"], thresholds=margins, runs=30, validate=False)
    assert curves.gates["cost"].threshold_is == "margin"
    for row, margin in enumerate(margins):
        rise = f"{100 * (margin - 1):.0f}%"
        changed = thresholds.with_({"policy.gates.cost.harm.rises_by": rise})
        played = gw.run(changed, runs=30)
        for name in ("false_alarm_rate", "detection_probability"):
            assert curves.column(name)[row] == played.estimates[name].value
        delay = played.estimates["detection_delay_minutes_p50"].value
        assert np.array_equal(
            curves.column("detection_delay_minutes_p50")[row], delay, equal_nan=True
        )


def test_threads_change_nothing(thresholds: gw.Scenario) -> None:
    one, three = (gw.calibrate(thresholds, runs=12, points=20, threads=n) for n in (1, 3))
    for name in one.columns:
        assert np.array_equal(
            np.asarray(one.column(name)),
            np.asarray(three.column(name)),
            equal_nan=name not in ("gate",),
        )
    assert one.gates == three.gates


def test_what_cannot_be_calibrated_is_said(thresholds: gw.Scenario) -> None:
    with pytest.raises(ValueError, match="no gate speed"):
        gw.calibrate(thresholds, gates=["speed"], runs=1)
    with pytest.raises(ValueError, match="points is 0"):
        gw.calibrate(thresholds, points=0)
    with pytest.raises(ValueError, match="budget is 5"):
        gw.calibrate(thresholds, budget=5)
    waiting = thresholds.with_({"policy.ramp.strict.advance_when": "safety_shown"})
    with pytest.raises(ValueError, match="safety is shown"):
        gw.calibrate(waiting, runs=1)


def test_a_curve_can_be_drawn(thresholds: gw.Scenario) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    curves = gw.calibrate(thresholds, runs=10, points=20, validate=False)
    gate = next(iter(curves.gates))
    ax = gw.plots.threshold_curve(curves, gate)
    assert gate in ax.get_xlabel()
    with pytest.raises(KeyError):
        gw.plots.threshold_curve(curves, "speed")
