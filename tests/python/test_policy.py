from __future__ import annotations

import traceback
from typing import get_args

import gatewright as gw
import numpy as np
import pytest
from gatewright import _core
from numpy.typing import NDArray


class Native(gw.Policy):
    """Does what the plan says."""


class TwoStrikes(gw.Policy):
    """Halts when two gates at once fail."""

    def propose(self, view: gw.RolloutView, native: gw.Proposal) -> gw.Proposal:
        if len(view.failing) >= 2:
            return gw.halt(blame=view.failing)
        if native.cause == "gate_failed":
            return gw.hold()
        return native


@pytest.fixture
def doubly_harmful() -> gw.Scenario:
    return gw.testing.worlds()[1].with_(
        {"candidate.effects.error.multiply": 8, "candidate.effects.error.from": "0m"}
    )


def test_the_default_is_the_native_policy(doubly_harmful: gw.Scenario) -> None:
    python = gw.run(doubly_harmful, Native(), runs=4)
    native = gw.run(doubly_harmful, runs=4)
    assert python.fingerprint == native.fingerprint
    assert (python.policy, python.policy_language) == ("Native", "python")
    assert "policy_language" not in native.text()


def test_two_strikes_need_two_gates(world: gw.Scenario, doubly_harmful: gw.Scenario) -> None:
    one = gw.run(world, TwoStrikes(), runs=4)
    assert one.estimates["detection_probability"].value == 0.0
    two = gw.run(doubly_harmful, TwoStrikes(), runs=4)
    assert two.estimates["detection_probability"].value == 1.0
    for record in two.records:
        assert record.failing == ("cost", "failures")
        assert record.cause == "gate_failed"
    assert two.violations == 0
    assert "TwoStrikes()" in two.text()


def test_two_strikes_conforms() -> None:
    gw.testing.check_policy(TwoStrikes())


def test_the_view_tells_the_rollout(world: gw.Scenario) -> None:
    seen: list[dict[str, object]] = []
    names = [name for name, value in vars(_core.RolloutView).items() if isinstance(value, property)]

    class Looks(gw.Policy):
        slots = 1

        def propose(self, view: gw.RolloutView, native: gw.Proposal) -> gw.Proposal:
            seen.append({name: getattr(view, name) for name in names})
            assert "RolloutView" in repr(view)
            return native

    gw.run(world.with_({"candidate.effects.cost.multiply": 1}), Looks(), runs=1)
    stages = [stage.name for stage in world.stages]
    assert {view["stage"] for view in seen} == set(stages)
    for view in seen:
        stage = world.stages[stages.index(str(view["stage"]))]
        assert stages[view["stage_index"]] == stage.name  # type: ignore[index]
        assert view["is_last_stage"] == (stage.name == stages[-1])
        assert view["exposure"] == pytest.approx(stage.exposure)
        assert view["mirrored"] == pytest.approx(stage.mirrored)
        assert view["dwell_seconds"] == stage.dwell.total_seconds()
        assert view["dwell_over"] == (view["dwelled_seconds"] >= view["dwell_seconds"])  # type: ignore[operator]
        assert view["at_seconds"] >= view["stage_entered_at_seconds"] >= 0.0  # type: ignore[operator]
        assert view["harm"].keys() == {"cost", "failures", "sample_ratio"}  # type: ignore[attr-defined]
        assert view["paused"] is False
    assert any(view["undecided"] for view in seen)
    assert not any(view["failing"] for view in seen)


def test_a_view_shows_its_evidence_during_the_call_only(world: gw.Scenario) -> None:
    kept: list[gw.RolloutView] = []

    class Keeps(gw.Policy):
        def propose(self, view: gw.RolloutView, native: gw.Proposal) -> gw.Proposal:
            kept.append(view)
            return native

    gw.run(world, Keeps(), runs=1)
    assert kept[0].at_seconds >= 0.0
    with pytest.raises(RuntimeError, match="only during the call"):
        _ = kept[0].harm


def test_an_exception_holds_and_is_raised_with_its_traceback(world: gw.Scenario) -> None:
    raised = 0

    class Fails(gw.Policy):
        def propose(self, view: gw.RolloutView, native: gw.Proposal) -> gw.Proposal:
            nonlocal raised
            if view.at_seconds > 300:
                raised += 1
                raise ArithmeticError(f"number {raised}")
            return gw.hold()

    with pytest.raises(ArithmeticError, match=r"number 1$") as error:
        gw.run(world, Fails(), runs=100)
    assert raised > 1, "the rollout went on, holding"
    assert "propose" in [frame.name for frame in traceback.extract_tb(error.value.__traceback__)]


@pytest.mark.parametrize(
    ("answer", "expected", "message"),
    [
        (None, TypeError, "Answers.propose returned None; expected a gatewright.Proposal"),
        ("halt", TypeError, "returned 'halt'"),
        (gw.halt(blame=["nothing"]), ValueError, "'nothing', which is no gate of the plan"),
    ],
)
def test_answers_that_are_no_proposals_are_errors(
    world: gw.Scenario, answer: object, expected: type[Exception], message: str
) -> None:
    class Answers(gw.Policy):
        def propose(self, view: gw.RolloutView, native: gw.Proposal) -> gw.Proposal:
            return answer  # type: ignore[return-value]

    with pytest.raises(expected, match=message):
        gw.run(world, Answers(), runs=1)


def test_proposals_say_what_they_are() -> None:
    assert gw.hold() == gw.Proposal("hold", "none")
    assert gw.hold("dwelling").cause == "dwelling"
    assert gw.halt().cause == "policy_halt"
    assert gw.halt(blame="cost") == gw.Proposal("halt", "gate_failed", ("cost",))
    with pytest.raises(ValueError, match="no cause is named 'tired'"):
        gw.hold("tired")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no action is named 'stop'"):
        gw.Proposal("stop")  # type: ignore[arg-type]


def test_causes_are_those_of_the_engine() -> None:
    assert get_args(gw.Cause) == _core.CAUSES


class ThirdObservation(gw.Policy):
    """Remembers in its slots."""

    name = "third_observation"
    slots = 2

    def observe(self, memory: NDArray[np.float64], view: gw.RolloutView) -> None:
        assert memory.shape == (2,)
        memory[0] += 1
        memory[1] = view.at_seconds

    def propose(self, view: gw.RolloutView, native: gw.Proposal) -> gw.Proposal:
        assert not view.memory.flags.writeable
        if view.memory[0] >= 3:
            assert view.memory[1] == view.at_seconds
            return gw.halt()
        return gw.hold()


def test_slots_remember(world: gw.Scenario) -> None:
    result = gw.run(world, ThirdObservation(), runs=3)
    assert result.policy == "third_observation"
    assert [record.cause for record in result.records] == ["policy_halt"] * 3
    gw.testing.check_policy(ThirdObservation())


def test_slots_are_bounded(world: gw.Scenario) -> None:
    class Greedy(gw.Policy):
        slots = -1

    with pytest.raises(ValueError, match="slots is -1"):
        gw.run(world, Greedy(), runs=1)


def test_the_kit_finds_memory_outside_the_slots() -> None:
    class Remembers(gw.Policy):
        def __init__(self) -> None:
            self.steps = 0

        def propose(self, view: gw.RolloutView, native: gw.Proposal) -> gw.Proposal:
            self.steps += 1
            return gw.halt() if self.steps % 50 == 0 else native

    with pytest.raises(AssertionError, match="Remembers in the world"):
        gw.testing.check_policy(Remembers())


def test_the_kit_finds_proposals_that_cannot_be() -> None:
    class Completes(gw.Policy):
        def propose(self, view: gw.RolloutView, native: gw.Proposal) -> gw.Proposal:
            return gw.complete()

    with pytest.raises(AssertionError, match="'complete' proposed in stage 'shadow'"):
        gw.testing.check_policy(Completes())


def test_the_kit_passes_on_what_is_raised() -> None:
    class Fails(gw.Policy):
        def propose(self, view: gw.RolloutView, native: gw.Proposal) -> gw.Proposal:
            raise ArithmeticError("no idea")

    with pytest.raises(AssertionError, match="ArithmeticError: no idea") as error:
        gw.testing.check_policy(Fails())
    assert isinstance(error.value.__cause__, ArithmeticError)


def test_the_kit_wants_an_instance() -> None:
    with pytest.raises(TypeError, match="expected an instance"):
        gw.testing.check_policy(TwoStrikes)  # type: ignore[arg-type]


def test_an_eager_policy_is_held_back_by_the_engine(world: gw.Scenario) -> None:
    class Eager(gw.Policy):
        def propose(self, view: gw.RolloutView, native: gw.Proposal) -> gw.Proposal:
            return gw.complete() if view.is_last_stage else gw.advance()

    result = gw.run(world, Eager(), runs=2)
    assert result.violations == 0
    assert result.estimates["missed_rate"].value == 1.0
