from __future__ import annotations

import math
from typing import Any

import gatewright as gw
import numpy as np
import pytest
from numpy.typing import NDArray

Slots = NDArray[np.float64]


def gates_of(name: str) -> list[dict[str, Any]]:
    """Gates of this test: on numbers, on rates, on a quantile, on a shift; those that compile."""
    found = []
    for metric, harm in (
        ("cost", {"rises_by": "20%"}),
        ("quality", {"falls_by": "20%"}),
        ("error", {"ratio_above": "1.3x"}),
        ("error", {"above": "10%"}),
        ("cost", {"p90_above": "1.3x"}),
        ("cost", {"distribution_shift": 0.1}),
        ("error", {"ratio_above": "1x"}),
        ("cost", {"rises_by": "$0"}),
        ("error", {"rises_by": "0pp"}),
    ):
        gate = {"metric": metric, "harm": harm, "test": {name: {}}}
        try:
            gw.gate_test(gate)
        except gw.PlanError:
            continue
        found.append(gate)
    return found


@pytest.mark.parametrize("name", sorted(gw.GATE_TESTS))
def test_every_built_in_test_conforms(name: str) -> None:
    gates = gates_of(name)
    assert gates, "it weighs none of the gates that it is offered"
    for gate in gates[:: max(1, len(gates) - 1)]:  # the first and the last: time is short
        gw.testing.check_gate_test(gate)


def test_pairs_are_told_by_their_products() -> None:
    # 12 prompts on which the candidate alone fails and 4 on which the baseline does. Fair coins do
    # that in 2,517 of 65,536 cases: scipy.stats.binomtest(12, 16, alternative="greater").
    test = gw.gate_test({"metric": "error", "harm": {"ratio_above": "1x"}, "test": {"mcnemar": {}}})
    assert test.pairs
    slots = np.zeros(test.slots)
    test.update(slots, gw.Window(gw.Summary(100, 9, 9), gw.Summary(100, 17, 17), products=5.0))
    p = math.exp(math.log(2 * 0.05) * test.evidence(slots, gw.Budget()).harm) / 2
    assert p == pytest.approx(0.038406372, rel=1e-7)


def test_a_window_without_what_is_asked_for_says_nothing() -> None:
    one = gw.Summary(100, 130.0, 200.0)
    for written in (
        {"metric": "cost", "harm": {"rises_by": "0%"}, "test": {"paired_mixture": {}}},
        {"metric": "latency", "harm": {"rises_by": "0%"}, "test": {"ratio_mixture": {}}},
    ):
        test = gw.gate_test(written)
        slots = np.zeros(test.slots)
        test.update(slots, gw.Window(one, one))
        assert not slots.any()
        assert bool(test.covariate) != test.pairs
    with pytest.raises(ValueError, match="not finite"):
        test.update(
            slots,
            gw.Window(
                one, one, covariates=(gw.Covariate(1.0, math.nan, 1.0), gw.Covariate(1.0, 1.0, 1.0))
            ),
        )


def test_a_gate_can_be_written_as_in_a_plan() -> None:
    written = "{metric: error, harm: {ratio_above: 2x}, test: {two_proportion_z: {looks: 5}}}"
    test = gw.gate_test(written)
    assert (test.name, test.guarantee, test.form) == ("two_proportion_z", "fixed_looks", "samples")
    assert test.harm == gw.Harm("error", True, "mean", 0.0, "ratio", "up", 2.0)
    assert written in repr(test)
    gw.testing.check_gate_test(written)
    short = gw.gate_test("mean(cost) <= 1.2x baseline")
    assert (short.name, short.harm.margin) == ("fixed_threshold", 1.2)


def test_evidence_is_that_of_a_rollout() -> None:
    # ln of the binomial likelihood ratio of odds 1.5/9 against 1/9, over ln 20: Wald's by hand.
    test = gw.gate_test(
        {"metric": "error", "harm": {"above": "10%"}, "test": {"sprt": {"odds_ratio": 1.5}}}
    )
    slots = np.zeros(test.slots)
    test.update(slots, gw.Window(gw.Summary(0, 0, 0), gw.Summary(200, 30, 30)))
    said = test.evidence(slots, gw.Budget())
    harmful = 1.5 / 10.5
    by_hand = 30 * math.log(harmful / 0.1) + 170 * math.log((1 - harmful) / 0.9)
    assert said.harm == pytest.approx(by_hand / math.log(20), rel=1e-12)


def test_what_cannot_be_is_refused() -> None:
    gate = {"metric": "cost", "harm": {"rises_by": "20%"}, "test": {"normal_mixture": {}}}
    test = gw.gate_test(gate)
    one = gw.Summary(10, 1.0, 1.0)
    with pytest.raises(ValueError, match="slots"):
        test.update(np.zeros(test.slots + 1), gw.Window(one, one))
    with pytest.raises(ValueError, match="slots"):
        test.evidence(np.zeros(0), gw.Budget())
    with pytest.raises(ValueError, match="not finite"):
        test.update(np.zeros(test.slots), gw.Window(one, gw.Summary(10, math.nan, 1.0)))
    with pytest.raises(ValueError, match="prepared for"):
        test.evidence(np.zeros(test.slots), gw.Budget(false_alarm=0.01))
    with pytest.raises(gw.PlanError, match="rises_by"):
        gw.gate_test({**gate, "harm": {"rises_by": 10}})
    with pytest.raises(gw.PlanError, match="normal_mixtur"):
        gw.testing.check_gate_test({**gate, "test": {"normal_mixtur": {}}})
    with pytest.raises(TypeError, match="GateTest"):
        gw.testing.check_gate_test(3)  # type: ignore[arg-type]
    histogram = gw.gate_test({**gate, "harm": {"distribution_shift": 0.1}, "test": {"ks": {}}})
    odd = gw.Distribution(np.ones(2), np.ones(3, dtype=np.uint64))
    with pytest.raises(ValueError, match="as many counts"):
        histogram.update(np.zeros(histogram.slots), gw.Window(odd, odd))


class TwoRates(gw.GateTest):
    """Bets on 15% against 10% for harm, and on 5% for safety; anytime by Ville's inequality."""

    harm = gw.Harm("error", counts_events=True, relation="absolute", margin=0.1)
    guarantee = "anytime"
    statistic = "rate"
    slots = 2

    def update(self, slots: Slots, window: gw.Window) -> None:
        seen = window.candidate
        assert isinstance(seen, gw.Summary)
        if not math.isfinite(seen.sum + seen.sum_of_squares):
            raise ValueError("not finite")
        slots += (seen.requests, seen.sum)

    def evidence(self, slots: Slots, budget: gw.Budget) -> gw.Evidence:
        requests, events = slots.tolist()

        def bet(rate: float) -> float:
            return events * math.log(rate / 0.1) + (requests - events) * math.log((1 - rate) / 0.9)

        return gw.Evidence(
            max(0.0, bet(0.15)) / -math.log(budget.false_alarm),
            max(0.0, bet(0.05)) / -math.log(budget.missed_harm),
        )


def test_a_sound_test_in_python_conforms() -> None:
    gw.testing.check_gate_test(TwoRates())


class DividesByNothing(TwoRates):
    def evidence(self, slots: Slots, budget: gw.Budget) -> gw.Evidence:
        with np.errstate(all="ignore"):
            return gw.Evidence(float(slots[1] / slots[0]), 0.0)


class CountsWindows(TwoRates):
    def update(self, slots: Slots, window: gw.Window) -> None:
        super().update(slots, window)
        slots[0] += 1


class TakesAnyNumber(TwoRates):
    def update(self, slots: Slots, window: gw.Window) -> None:
        seen = window.candidate
        assert isinstance(seen, gw.Summary)
        slots += (seen.requests, seen.sum)


class LooksTheOtherWay(TwoRates):
    def evidence(self, slots: Slots, budget: gw.Budget) -> gw.Evidence:
        harm, safety, _ = super().evidence(slots, budget)
        return gw.Evidence(safety, harm)


class ForgetsTheFirstHalf(TwoRates):
    def update(self, slots: Slots, window: gw.Window) -> None:
        slots *= 0.9
        super().update(slots, window)


class RemembersInItself(TwoRates):
    windows = 0

    def update(self, slots: Slots, window: gw.Window) -> None:
        super().update(slots, window)
        seen = window.candidate
        assert isinstance(seen, gw.Summary)
        self.windows += seen.requests > 0

    def evidence(self, slots: Slots, budget: gw.Budget) -> gw.Evidence:
        said = super().evidence(slots, budget)
        return said if self.windows % 2 else said._replace(harm=said.harm + 1.0, safety=0.0)


class CountsInThousands(TwoRates):
    """Its counter stops, as one of 32 bits would."""

    def evidence(self, slots: Slots, budget: gw.Budget) -> gw.Evidence:
        return super().evidence(np.minimum(slots, 2.0**31 * np.array([1.0, 0.01])), budget)


class LooksAgainAndAgain(TwoRates):
    """A z test at every look."""

    def evidence(self, slots: Slots, budget: gw.Budget) -> gw.Evidence:
        requests, events = slots.tolist()
        z = (events - 0.1 * requests) / math.sqrt(max(1.0, 0.09 * requests))
        return gw.Evidence(max(0.0, z) / 1.645, max(0.0, -z) / 1.645)


@pytest.mark.parametrize(
    ("broken", "claim", "says"),
    [
        (DividesByNothing(), "finite", "harm is nan after windows of Summary"),
        (CountsWindows(), "silent", "a window without requests turned"),
        (TakesAnyNumber(), "silent", "nan"),
        (LooksTheOtherWay(), "monotone", "beyond the edge of harm"),
        (ForgetsTheFirstHalf(), "order", "in reverse"),
        (RemembersInItself(), "state", "outside its slots"),
        (CountsInThousands(), "large", "very harmful candidate"),
        (LooksAgainAndAgain(), "guarantee", "anytime promises 5%"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_broken_test_is_caught(broken: gw.GateTest, claim: str, says: str) -> None:
    broken.exempt = frozenset({"order", "monotone", "silent", "large"}) - {claim}
    with pytest.raises(AssertionError, match=says) as caught:
        gw.testing.check_gate_test(broken)
    assert f"claim {claim!r}" in str(caught.value)


def test_exemptions_are_from_claims() -> None:
    vague = TwoRates()
    vague.exempt = frozenset({"everything"})
    with pytest.raises(ValueError, match="everything"):
        gw.testing.check_gate_test(vague)


def test_an_error_in_a_test_is_told_with_its_claim() -> None:
    class Unfinished(gw.GateTest):
        pass

    with pytest.raises(AssertionError, match=r"Unfinished, claim 'finite': NotImplementedError"):
        gw.testing.check_gate_test(Unfinished())
