"""Policies written in Python: what they see, what they propose.

The compiled staged policy of the plan measures and weighs the evidence of its gates; a
:class:`Policy` sees the result at each step and proposes what to do. The engine disposes: it moves
one stage at a time, only after the router has confirmed the exposure, never while the rollout is
paused and never after its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from ._core import RolloutView

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Action = Literal["hold", "advance", "complete", "halt"]
"""What a decision does."""

Cause = Literal[
    "none",
    "observation_refused",
    "gates_passed",
    "gate_failed",
    "dwelling",
    "awaiting_exposure",
    "awaiting_samples",
    "awaiting_evidence",
    "awaiting_approval",
    "gate_silent",
    "gate_faulty",
    "paused",
    "stage_timeout",
    "operator_halt",
    "policy_halt",
    "rollout_ended",
]
"""Why a decision is what it is."""

_ACTIONS = frozenset(get_args(Action))
_CAUSES = frozenset(get_args(Cause))


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a policy proposes: :func:`hold`, :func:`advance`, :func:`complete` or :func:`halt`.

    Attributes:
        action: What to do.
        cause: Why, as journals and reports will say it.
        blame: Names of the gates that decided a halt.

    Raises:
        ValueError: An action or cause that does not exist.
    """

    action: Action
    cause: Cause = "none"
    blame: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.action not in _ACTIONS:
            raise ValueError(f"no action is named {self.action!r}; there are {sorted(_ACTIONS)}")
        if self.cause not in _CAUSES:
            raise ValueError(f"no cause is named {self.cause!r}; there are {sorted(_CAUSES)}")


def hold(cause: Cause = "none") -> Proposal:
    """Stay where we are."""
    return Proposal("hold", cause)


def advance() -> Proposal:
    """Go to the next stage; in the last stage, :func:`complete` instead."""
    return Proposal("advance", "gates_passed")


def complete() -> Proposal:
    """End the rollout well; only the last stage can be completed."""
    return Proposal("complete", "gates_passed")


def halt(blame: Iterable[str] = ()) -> Proposal:
    """End the rollout; the plan's ``when_halted`` says what becomes of the exposure.

    Args:
        blame: Names of the gates that decided, for the report. Without any the cause is
            ``"policy_halt"``, otherwise ``"gate_failed"``.
    """
    names = (blame,) if isinstance(blame, str) else tuple(blame)
    return Proposal("halt", "gate_failed" if names else "policy_halt", names)


class Policy:
    """A policy in Python, for research: subclass it and override :meth:`propose`.

    A policy is shared by all runs: what it must remember of one rollout belongs in its slots, never
    in ``self``, or else two runs of one seed could differ. :func:`gatewright.testing.check_policy`
    finds such mistakes.

    An exception raised here counts as *hold* for that step, and is raised when the run returns.

    Attributes:
        name: Name in reports; the class's name unless a subclass sets it.
        slots: Number of float64 slots of memory per rollout, all 0 at its start; 0 to 1,000,000.
    """

    name: str = "Policy"
    slots: int = 0

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__

    def observe(self, memory: NDArray[np.float64], view: RolloutView) -> None:
        """Takes in one observation; called before :meth:`propose` if overridden.

        Args:
            memory: The rollout's slots, shape ``(slots,)``, to be changed in place.
            view: The rollout after the observation.
        """

    def propose(self, view: RolloutView, native: Proposal) -> Proposal:
        """Says what to do now; the default does what the plan says.

        Args:
            view: The rollout as the engine knows it, with the evidence of each gate.
            native: What the plan's own rules propose.

        Returns:
            ``native``, or another proposal.
        """
        return native
