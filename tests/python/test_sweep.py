from __future__ import annotations

import itertools

import gatewright as gw
import numpy as np
import pandas as pd
import pytest

RISES_BY = "policy.gates.cost.harm.rises_by"
MULTIPLY = "candidate.effects.cost.multiply"


@pytest.fixture(scope="module")
def sweep() -> gw.Sweep:
    world = gw.testing.worlds()[1]
    return gw.sweep(world, runs=10, over={RISES_BY: ["10%", "30%"], MULTIPLY: [1.0, 1.2, 2.0]})


def test_one_row_per_cell_in_declared_order(sweep: gw.Sweep) -> None:
    cells = list(zip(sweep.column(RISES_BY), sweep.column(MULTIPLY), strict=True))
    assert cells == list(itertools.product(["10%", "30%"], [1.0, 1.2, 2.0]))
    assert sweep.settings == (RISES_BY, MULTIPLY)
    assert sweep.columns[:2] == sweep.settings
    assert sweep.columns[-1] == "fingerprint"
    assert not sweep.interrupted
    assert "6 cells" in repr(sweep)


def test_columns_are_the_estimates_of_a_run_with_their_limits(sweep: gw.Sweep) -> None:
    run = gw.run(gw.testing.worlds()[1], runs=10)
    assert sweep.estimates == tuple(run.estimates)
    expected = [f"{name}{limit}" for name in run.estimates for limit in ("", "_lower", "_upper")]
    assert list(sweep.columns[2:-1]) == expected


def test_each_cell_is_the_run_with_its_settings(sweep: gw.Sweep) -> None:
    world = gw.testing.worlds()[1]
    for row in range(len(sweep)):
        settings = {path: sweep.column(path).tolist()[row] for path in sweep.settings}
        run = gw.run(world.with_(settings), runs=10)
        assert sweep.column("fingerprint")[row] == run.fingerprint
        for name, estimate in run.estimates.items():
            cell = [sweep.column(name + limit)[row] for limit in ("", "_lower", "_upper")]
            np.testing.assert_array_equal(cell, estimate[:3])


def test_a_harmless_cell_has_no_detection_probability(sweep: gw.Sweep) -> None:
    frame = sweep.to_pandas()
    harmless = frame[MULTIPLY] == 1.0
    assert frame.loc[harmless, "detection_probability"].isna().all()
    assert frame.loc[~harmless, "detection_probability"].notna().all()
    assert frame["false_alarm_rate"].notna().all()


def test_settings_keep_their_kind(world: gw.Scenario) -> None:
    sweep = gw.sweep(
        world,
        runs=1,
        over={
            "seed": [1, 2],
            "policy.false_alarm_budget": ["5%"],
            MULTIPLY: [2, 2.5],
            "candidate.effects.cost.harmful": [True],
        },
    )
    kinds = [sweep.column(path).dtype for path in sweep.settings]
    assert kinds == [np.dtype(np.int64), np.dtype(object), np.dtype(np.float64), np.dtype(bool)]


def test_a_swept_seed_is_used(world: gw.Scenario) -> None:
    sweep = gw.sweep(world, runs=2, over={"seed": [1, 2]})
    expected = [gw.run(world, runs=2, seed=seed).fingerprint for seed in (1, 2)]
    assert list(sweep.column("fingerprint")) == expected


def test_the_result_does_not_depend_on_the_threads(sweep: gw.Sweep) -> None:
    again = gw.sweep(
        gw.testing.worlds()[1],
        runs=10,
        threads=1,
        over={RISES_BY: ["10%", "30%"], MULTIPLY: [1.0, 1.2, 2.0]},
    )
    pd.testing.assert_frame_equal(sweep.to_pandas(), again.to_pandas(), check_exact=True)


def test_policies_may_differ_in_their_stages_and_gates() -> None:
    scenario = gw.load("scenarios/catalog/cost_regression.yaml").with_({"horizon": "1h"})
    policies = ["five_gates_anytime", "five_gates_textbook", "instant"]
    files = [f"../policies/{policy}.yaml" for policy in policies]
    sweep = gw.sweep(scenario, runs=1, over={"policy": files})
    assert len(sweep) == 3
    gates = sweep.to_pandas()["halted_by_gate.latency"]
    assert gates.isna().tolist() == [False, False, True]


def test_mistakes_are_told_before_anything_is_played(world: gw.Scenario) -> None:
    def never(done: int, total: int) -> None:
        raise AssertionError("something was played")

    with pytest.raises(gw.PlanError) as error:
        gw.sweep(
            world,
            over={MULTIPLY: [1.5, 2.0], RISES_BY: ["10%", "ten", "10"], "horizn": ["6h"]},
            progress=never,
        )
    text = str(error.value)
    assert "horizn" in text
    assert "did you mean" in text
    with pytest.raises(gw.PlanError) as error:
        gw.sweep(world, over={MULTIPLY: [1.5, 2.0], RISES_BY: ["10%", "ten", "10"]}, progress=never)
    problems = error.value.diagnostics
    assert [problem.path for problem in problems] == [RISES_BY, RISES_BY]
    assert f"{MULTIPLY}=1.5, {RISES_BY}=ten" in problems[0].message


def test_empty_and_odd_values_are_refused(world: gw.Scenario) -> None:
    with pytest.raises(ValueError, match="no values"):
        gw.sweep(world, over={MULTIPLY: []})
    with pytest.raises(TypeError, match="a setting is"):
        gw.sweep(world, over={MULTIPLY: [None]})  # type: ignore[list-item]


def test_a_sweep_over_nothing_is_one_cell(world: gw.Scenario) -> None:
    sweep = gw.sweep(world, over={}, runs=2)
    assert len(sweep) == 1
    assert sweep.column("fingerprint")[0] == gw.run(world, runs=2).fingerprint
