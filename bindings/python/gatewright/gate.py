"""Gate tests: how one gate weighs its windows, the built-in ones and your own.

A gate test remembers what it saw in slots of float64 that the caller owns, and answers with shares
of the evidence it needs: 1 decides. :func:`gate_test` makes the test of a gate as a plan writes it;
a subclass of :class:`GateTest` is one in Python, for research. Both keep to the same rules, which
:func:`gatewright.testing.check_gate_test` checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from . import _core

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Guarantee = Literal["anytime", "fixed_looks", "average_run_length", "none"]
"""What a test promises of its false alarms."""

Form = Literal["samples", "distributions", "readings"]
"""What a test is shown of a window: sums, whole distributions, or one number of a metrics store."""

GATE_TESTS: tuple[str, ...] = _core.GATE_TESTS
"""Names of the built-in gate tests, as ``test:`` of a gate takes them."""


class Summary(NamedTuple):
    """An arm's requests of one window as sums, which add up.

    Attributes:
        requests: How many.
        sum: Of their values; of events, how many there were. Of logarithms where the test's
            statistic is ``"mean_log"``.
        sum_of_squares: Of the same.
    """

    requests: int
    sum: float
    sum_of_squares: float


class Distribution(NamedTuple):
    """An arm's requests of one window as values and how often each came.

    Attributes:
        values: float64, shape ``(n,)``; built-in tests put them on a grid of 128 bins per octave.
        counts: uint64, shape ``(n,)``.
    """

    values: NDArray[np.float64]
    counts: NDArray[np.uint64]


class Reading(NamedTuple):
    """One number from a metrics store.

    Attributes:
        value: The number.
        requests: How many are behind it, 0 if unknown.
        ok: Whether the store answered.
    """

    value: float
    requests: int
    ok: bool = True


class Covariate(NamedTuple):
    """A second number of an arm's requests, such as the length of each prompt, as sums.

    Attributes:
        sum: Of the second number.
        sum_of_squares: Of the second number.
        sum_of_products: Of the second number times the metric's own.
    """

    sum: float
    sum_of_squares: float
    sum_of_products: float


class Window(NamedTuple):
    """What both arms showed in one window, each side in the test's form.

    Attributes:
        baseline: Its side.
        candidate: Its side.
        products: Of tests of pairs, whose sides are summaries of the same mirrored prompts: the
            sum, over the prompts, of the baseline's number times the candidate's; of events, how
            many prompts both had.
        covariates: Of tests with a covariate: the baseline's and the candidate's.
    """

    baseline: Summary | Distribution | Reading
    candidate: Summary | Distribution | Reading
    products: float | None = None
    covariates: tuple[Covariate, Covariate] | None = None


class Budget(NamedTuple):
    """A gate's errors, each above 0 and below 1.

    Attributes:
        false_alarm: Its share of the rollout's false-alarm budget.
        missed_harm: The error that its evidence of safety may make.
    """

    false_alarm: float = 0.05
    missed_harm: float = 0.05


class Evidence(NamedTuple):
    """Shares of the evidence that is needed: 1 decides.

    Attributes:
        harm: At least 0. Of a test whose guarantee is ``"anytime"``, times ln(1 / false_alarm) it
            is the logarithm of an e-value.
        safety: At least 0.
        enough: Whether the gate has seen enough to be asked.
    """

    harm: float
    safety: float
    enough: bool = True


@dataclass(frozen=True, slots=True)
class Harm:
    """What a gate calls harm: the candidate beyond the edge that the margin draws.

    Attributes:
        metric: What is watched.
        counts_events: Whether it is the rate of an event, such as an error.
        kind: Of what: the mean (or rate), a quantile, or the distance of the arms' distributions.
        probability: Of a quantile, above 0 and below 1.
        relation: The edge is ``margin`` times the baseline (``"ratio"``), the baseline plus
            ``margin`` (``"difference"``), or ``margin`` itself (``"absolute"``).
        direction: On which side of the edge harm is.
        margin: See ``relation``.
        two_sided: Whether any difference is harm.
    """

    metric: str = "cost"
    counts_events: bool = False
    kind: Literal["mean", "quantile", "distribution"] = "mean"
    probability: float = 0.0
    relation: Literal["ratio", "difference", "absolute"] = "ratio"
    direction: Literal["up", "down"] = "up"
    margin: float = 1.0
    two_sided: bool = False

    def edge(self, baseline: float) -> float:
        """The level of the candidate at which harm begins, for this level of the baseline."""
        if self.relation == "ratio":
            return baseline * self.margin
        return baseline + self.margin if self.relation == "difference" else self.margin


class GateTest:
    """A gate test in Python: subclass it, and override :meth:`update` and :meth:`evidence`.

    A test is shared by all rollouts: what it must remember of one belongs in the slots, never in
    ``self``. It is for research and for prototypes: plans name built-in tests only. How to add one
    of those is told in docs/guide/add_a_gate_test.md.

    Attributes:
        name: Name in messages; the class's name unless a subclass sets it.
        harm: What it calls harm.
        guarantee: What it promises.
        form: What it is shown of a window.
        statistic: ``"mean"``, ``"mean_log"`` (sums are of logarithms), ``"rate"`` or
            ``"quantile"``.
        slots: Number of float64 slots of memory, all 0 at first.
        pairs: Whether it weighs both answers to each mirrored prompt: :attr:`Window.products`.
        covariate: The metric that it wants beside its own, see :attr:`Window.covariates`; empty for
            none.
        exempt: Claims of :func:`gatewright.testing.check_gate_test` that it does not make; say why
            beside it.
    """

    name: str = "GateTest"
    harm: Harm = Harm()
    guarantee: Guarantee = "none"
    form: Form = "samples"
    statistic: Literal["mean", "mean_log", "rate", "quantile"] = "mean"
    slots: int = 0
    pairs: bool = False
    covariate: str = ""
    exempt: frozenset[str] = frozenset()

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__

    def prepare(self, budget: Budget) -> None:
        """Computes what depends on the budget and takes long; called once, before all updates."""

    def update(self, slots: NDArray[np.float64], window: Window) -> None:
        """Takes in one window.

        Args:
            slots: Shape ``(self.slots,)``, to be changed in place.
            window: May be without requests, which says nothing.

        Raises:
            ValueError: A number is not finite. An engine refuses such windows before any test sees
                them.
        """
        raise NotImplementedError

    def evidence(self, slots: NDArray[np.float64], budget: Budget) -> Evidence:
        """What the windows so far say.

        Args:
            slots: As :meth:`update` left them; not to be changed.
            budget: That of :meth:`prepare`.
        """
        raise NotImplementedError


class _BuiltIn(GateTest):
    """The test of a gate as a plan writes it."""

    def __init__(self, gate: Mapping[str, Any] | str) -> None:
        self._written = dict(gate) if isinstance(gate, Mapping) else gate
        self.prepare(Budget())
        metric, counts_events, kind, probability, relation, direction, margin, two_sided = (
            self._gate.harm
        )
        self.harm = Harm(
            metric, counts_events, kind, probability, relation, direction, margin, two_sided
        )
        self.name = self._gate.test
        self.guarantee = self._gate.guarantee
        self.form = self._gate.form
        self.statistic = self._gate.statistic
        self.slots = self._gate.slots
        self.pairs = self._gate.pairs
        self.covariate = self._gate.covariate

    def prepare(self, budget: Budget) -> None:
        self._budget = budget
        self._gate = _core.Gate.read(self._written, **budget._asdict())

    def update(self, slots: NDArray[np.float64], window: Window) -> None:
        tell: Any = getattr(self._gate, f"update_{self.form}")
        beside = (window.products, window.covariates) if self.form == "samples" else ()
        tell(slots, window.baseline, window.candidate, *beside)

    def evidence(self, slots: NDArray[np.float64], budget: Budget) -> Evidence:
        if budget != self._budget:
            raise ValueError(f"prepared for {self._budget}, asked for {budget}")
        return Evidence(*self._gate.evidence(slots))

    def __repr__(self) -> str:
        return f"gate_test({self._written!r})"


def gate_test(gate: Mapping[str, Any] | str) -> GateTest:
    """The test of a gate as a plan writes it.

    Args:
        gate: A gate in the words of docs and schema, as a dict or as YAML::

            {"metric": "cost", "harm": {"rises_by": "20%"}, "test": {"normal_mixture": {}}}

            The short form ``"mean(cost) <= 1.2x baseline"`` is one, too.

    Raises:
        PlanError: The gate is wrong; with every problem.
    """
    return _BuiltIn(gate)
