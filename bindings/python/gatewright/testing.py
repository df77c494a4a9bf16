"""The conformance kit: what every policy and gate test, in whatever language, must keep to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _core
from .gate_conformance import Claim, check_gate_test
from .policy import Policy, Proposal
from .scenario import Scenario, Value, loads

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Claim", "check_gate_test", "check_policy", "worlds"]

_WORLD = """
gatewright: 1
name: conformance
seed: 7
horizon: 6h
traffic:
  profile: chat
  arrivals: {poisson: {rate: 2/s}}
  users: {count: 500, activity: {zipf: 1.1}}
baseline:
  price: {model: gpt-4o-mini, input: $0.15/Mtok, output: $0.60/Mtok}
  latency:
    ttft: {lognormal: {median: 350ms, sigma: 0.2}}
    per_output_token: 15ms
    timeout: 30s
  error: {bernoulli: {p: 1.5%}}
candidate:
  like: baseline
  effects:
    - {metric: cost, multiply: 1}
    - {metric: error, multiply: 1, from: 30m}
telemetry: {window: 1m, delay: {lognormal: {median: 20s, p95: 70s}}}
rollback: {actuation: policy_flip}
policy:
  gatewright: 1
  name: conformance
  policy: staged
  false_alarm_budget: 10%
  stages:
    - {name: shadow, mirrored: 20%, dwell: 15m}
    - {name: 10%, exposure: 10%, dwell: 15m}
    - {name: 50%, exposure: 50%, dwell: 15m}
    - {name: 100%, exposure: 100%, dwell: 15m}
  gates:
    - name: cost
      metric: cost
      harm: {rises_by: 20%}
      test: {normal_mixture: {scale: log}}
    - name: failures
      metric: error
      harm: {ratio_above: 2x}
      test: {beta_binomial_mixture: {}}
"""

_WORLDS: tuple[dict[str, Value], ...] = (
    {"name": "healthy"},
    {"name": "costs_more", "candidate.effects.cost.multiply": 2},
    {"name": "fails_later", "candidate.effects.error.multiply": 8},
)

_RUNS = 4
_STEPS_MAX = 50_000


def worlds() -> list[Scenario]:
    """The small worlds that policies are tried in: a healthy one and two harmful ones."""
    world = loads(_WORLD)
    return [world.with_(settings) for settings in _WORLDS]


def check_policy(policy: Policy) -> None:
    """Plays a policy in small worlds and checks what every policy must keep to.

    * It raises nothing, and proposes ``complete`` in the last stage and ``advance`` in the others.
    * The engine's invariants S1 to S8 hold at every step; among them that the rollout can be
      restarted from a snapshot at any time and goes on as before.
    * A run depends on its seed and replication alone: played again, and in another order, it gives
      the same fingerprint.
    * Every run ends within a bounded number of steps.

    Args:
        policy: An instance; it may be used afterwards.

    Raises:
        AssertionError: Something does not hold; says what, in which world and replication.
        TypeError: ``policy`` is no instance of :class:`gatewright.Policy`.
    """
    if not isinstance(policy, Policy):
        raise TypeError(f"expected an instance of gatewright.Policy, got {policy!r}")
    for world in worlds():
        records = _play(policy, world, runs=_RUNS, first=0)
        for record in records:
            place = f"{policy.name} in the world {world.name!r}, replication {record.replication}"
            for violation in record.violations:
                raise AssertionError(
                    f"{place}: invariant {violation.invariant} is broken at step {violation.step}: "
                    f"{violation.message}"
                )
            if record.steps > _STEPS_MAX:
                raise AssertionError(
                    f"{place}: {record.steps:,} steps, more than {_STEPS_MAX:,}: the rollout is "
                    "woken too often"
                )
        for replication in reversed(range(_RUNS)):
            (again,) = _play(policy, world, runs=1, first=replication)
            if again.fingerprint != records[replication].fingerprint:
                raise AssertionError(
                    f"{policy.name} in the world {world.name!r}, replication {replication}: played "
                    "twice, it differs; does the policy remember something in self, draw random "
                    "numbers, or ask the time?"
                )


class _Examined(Policy):
    """Another policy, with a look at what it proposes."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.name = policy.name
        self.slots = policy.slots

    def observe(self, memory: NDArray[np.float64], view: _core.RolloutView) -> None:
        self._policy.observe(memory, view)

    def propose(self, view: _core.RolloutView, native: Proposal) -> Proposal:
        proposal = self._policy.propose(view, native)
        wrong = "advance" if view.is_last_stage else "complete"
        if getattr(proposal, "action", None) == wrong:  # what is no proposal is told by the run
            raise ValueError(
                f"{wrong!r} proposed in stage {view.stage!r}: the last stage can be completed, the "
                "others can be advanced from"
            )
        return proposal


def _play(policy: Policy, world: Scenario, *, runs: int, first: int) -> list[_core.RunRecord]:
    try:
        played = _core.run(
            study=world._study,
            policy=_Examined(policy),
            runs=runs,
            first_replication=first,
            seed=world.seed,
            threads=1,
            confidence=0.95,
            twin=False,
            progress=None,
        ).records
    except Exception as error:
        raise AssertionError(
            f"{policy.name} in the world {world.name!r}: {type(error).__name__}: {error}"
        ) from error
    return [played[index] for index in range(len(played))]
