"""What every gate test must keep to, whatever it computes, and the worlds to see it in.

The twin of tests/support/gate_conformance.h, for tests in Python and gates of plans alike: each
claim is a function that plays the test in windows of its own and says what does not hold.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

from . import _core
from .gate import (
    Budget,
    Covariate,
    Distribution,
    Evidence,
    GateTest,
    Reading,
    Summary,
    Window,
    gate_test,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Claim = Literal["finite", "silent", "monotone", "order", "state", "large", "guarantee"]
"""Names of the claims, in the order in which they are checked."""

_BASELINE_RATE, _BASELINE_MEAN, _SD = 0.1, 1.0, 0.5
_TOGETHER = 0.6  # correlation of pairs, and with covariates
_MOST = 10**12
_BUDGET = Budget()

# Built-in tests that do not make a claim, and why.
_EXEMPT: dict[str, frozenset[Claim]] = {
    "fixed_threshold": frozenset({"order"}),  # counts failing looks
    "two_sample_rate": frozenset({"order"}),  # stakes are chosen from the windows before
    "detected_rate": frozenset({"order"}),  # likewise
    "clustered_rate": frozenset({"order"}),  # sees bursts that pass from one window into the next
    "cusum": frozenset({"order"}),  # forgets what came before its last return to 0
    "ewma": frozenset({"order"}),  # forgets, too
    # Its running mean learns a harm that lasts.
    "page_hinkley": frozenset({"order", "monotone", "large"}),
    "bayes_rate": frozenset({"large"}),  # a probability is never quite 0
}


class _Player:
    """A test with the memory of one rollout."""

    def __init__(self, test: GateTest, budget: Budget = _BUDGET) -> None:
        self.test = test
        self.budget = budget
        self.forget()

    def forget(self) -> None:
        import numpy as np

        self.slots: NDArray[np.float64] = np.zeros(self.test.slots)

    def hear(self, window: Window) -> None:
        self.test.update(self.slots, window)

    @property
    def evidence(self) -> Evidence:
        return self.test.evidence(self.slots, self.budget)

    def look(self, window: Window) -> Evidence:
        self.hear(window)
        return self.evidence


class _World:
    """Makes the windows of one gate.

    The baseline's rate is 10% or its mean 1 (sd 0.5); the candidate is at the edge of harm and
    ``excess`` beyond it.
    """

    def __init__(self, test: GateTest) -> None:
        self.test = test
        self.harm = test.harm
        self.baseline = _BASELINE_RATE if self.harm.counts_events else _BASELINE_MEAN
        self.sign = 1.0 if self.harm.direction == "up" else -1.0

    def candidate(self, excess: float) -> float:
        return self.harm.edge(self.baseline) + self.sign * excess

    def plain(self, requests: int, excess: float, window: int) -> Window:
        """A window without chance, but for a wiggle that windows do not share."""
        wiggle = 0.02 * math.sin(2.4 * window)
        level = self.candidate(excess)
        if self.test.form == "readings":
            return Window(Reading(self.baseline, 1000), Reading(level, 1000))
        if self.test.form == "distributions":
            return Window(_even(requests, self.baseline), _even(requests, level))
        return self.beside(
            self._summary(requests, self.baseline * (1.0 + wiggle)),
            self._summary(requests, level * (1.0 - wiggle)),
        )

    def beside(self, baseline: Summary, candidate: Summary) -> Window:
        """The window with what the test asks for beside its sides.

        Pairs have numbers that go together and events that are independent; covariates tell as much
        of the number. Pairs are of equal number.
        """
        return Window(
            baseline,
            candidate,
            _products(baseline, candidate, self.harm.counts_events) if self.test.pairs else None,
            (_covariate(baseline), _covariate(candidate)) if self.test.covariate else None,
        )

    def _summary(self, requests: int, level: float) -> Summary:
        if self.harm.counts_events:
            return events(round(max(0.0, level) * requests), requests)
        return numbers(math.log(level) if self._logarithms else level, _SD, requests)

    @property
    def _logarithms(self) -> bool:
        return self.test.statistic == "mean_log"

    def empty(self) -> Window:
        if self.test.form == "readings":
            return Window(Reading(0.0, 0, False), Reading(0.0, 0, False))
        if self.test.form == "distributions":
            return Window(_distribution([], []), _distribution([], []))
        return self.beside(Summary(0, 0.0, 0.0), Summary(0, 0.0, 0.0))

    def not_finite(self) -> Iterator[Window]:
        """A window of each number that is none, on the candidate's side."""
        good = self.plain(200, 0.05, 0)
        for wrong in (math.nan, math.inf, -math.inf):
            if self.test.form == "readings":
                yield Window(good.baseline, Reading(wrong, 1000))
            elif self.test.form == "distributions":
                yield Window(good.baseline, _distribution([wrong], [200]))
            else:
                yield good._replace(candidate=Summary(200, wrong, wrong))

    def drawn(self, requests: int, looks: int, random: np.random.Generator) -> list[Window]:
        """Windows at the edge of harm; of rates and means."""
        if self.test.pairs:
            return [self._drawn_pairs(requests, random) for _ in range(looks)]
        sides = []
        for level in (self.baseline, self.candidate(0.0)):
            if self.harm.counts_events:
                counts = random.binomial(requests, level, looks).tolist()
                sides.append([events(count, requests) for count in counts])
                continue
            mean = math.log(level) if self._logarithms else level
            means = mean + _SD / math.sqrt(requests) * random.standard_normal(looks)
            spreads = _SD**2 * random.chisquare(requests - 1, looks)
            sides.append(
                [
                    Summary(requests, requests * m, requests * m * m + spread)
                    for m, spread in zip(means.tolist(), spreads.tolist(), strict=True)
                ]
            )
        if not self.test.covariate:
            return [Window(*pair) for pair in zip(*sides, strict=True)]
        base, edge = (
            math.log(level) if self._logarithms else level
            for level in (self.baseline, self.candidate(0.0))
        )
        return [
            Window(
                one,
                other,
                covariates=(
                    _drawn_covariate(one, base, random),
                    _drawn_covariate(other, edge, random),
                ),
            )
            for one, other in zip(*sides, strict=True)
        ]

    def _drawn_pairs(self, requests: int, random: np.random.Generator) -> Window:
        """A window at the edge; events of one prompt go together."""
        level = self.candidate(0.0)
        if self.harm.counts_events:
            of_baseline = int(random.binomial(requests, self.baseline))
            given = min(1.0 - 1e-9, level + 0.4 * (1.0 - level))
            otherwise = (level - self.baseline * given) / (1.0 - self.baseline)
            both = int(random.binomial(of_baseline, given))
            alone = int(random.binomial(requests - of_baseline, max(0.0, otherwise)))
            sides = events(of_baseline, requests), events(both + alone, requests)
            return Window(*sides, products=float(both))
        means = [self.baseline, level]
        if self._logarithms:
            means = [math.log(mean) for mean in means]
        spread = _SD**2 * random.chisquare(requests - 1)
        mean = means[0] + _SD / math.sqrt(requests) * random.standard_normal()
        baseline = Summary(requests, requests * mean, requests * mean**2 + spread)
        # The candidate's number is what a covariate would be, at another level.
        other = _drawn_covariate(baseline, means[0], random)
        shift = means[1] - _BASELINE_MEAN
        candidate = Summary(
            requests,
            other.sum + requests * shift,
            other.sum_of_squares + 2.0 * shift * other.sum + requests * shift**2,
        )
        return Window(baseline, candidate, other.sum_of_products + shift * baseline.sum)


def _squares(side: Summary) -> float:
    """About the mean."""
    if side.requests == 0:
        return 0.0
    return max(0.0, side.sum_of_squares - side.sum * (side.sum / side.requests))


def _products(baseline: Summary, candidate: Summary, counts_events: bool) -> float:
    requests = baseline.requests
    if requests == 0:
        return 0.0
    of_means = baseline.sum * (candidate.sum / requests)
    if not counts_events:
        return of_means + _TOGETHER * math.sqrt(_squares(baseline)) * math.sqrt(_squares(candidate))
    least = max(0.0, baseline.sum + candidate.sum - requests)
    return min(max(float(round(of_means)), least), baseline.sum, candidate.sum)


def _covariate(side: Summary) -> Covariate:
    """Of x = 1 + 0.6 (y - its level) + noise, without chance."""
    if side.requests == 0:
        return Covariate(0.0, 0.0, 0.0)
    noise = _SD**2 * (1.0 - _TOGETHER**2) * (side.requests - 1)
    return _covariate_of(side, _BASELINE_MEAN, noise, 0.0)


def _drawn_covariate(side: Summary, level: float, random: np.random.Generator) -> Covariate:
    """Of the same, with chance."""
    sd = _SD * math.sqrt(1.0 - _TOGETHER**2)
    noise_mean = sd * random.standard_normal() / math.sqrt(side.requests)
    along = sd * random.standard_normal()
    noise = along**2 + sd**2 * random.chisquare(side.requests - 2)
    mean = _BASELINE_MEAN + _TOGETHER * (side.sum / side.requests - level) + noise_mean
    return _covariate_of(side, mean, noise, along)


def _covariate_of(side: Summary, mean: float, noise: float, along: float) -> Covariate:
    """``noise``: its squares about its mean; ``along``: as far as they lie along y."""
    spread = _squares(side)
    products = along * math.sqrt(spread)
    squares = _TOGETHER**2 * spread + 2.0 * _TOGETHER * products + noise
    return Covariate(
        side.requests * mean,
        side.requests * mean**2 + squares,
        mean * side.sum + _TOGETHER * spread + products,
    )


def events(count: int, requests: int) -> Summary:
    """Events among requests, as sums of zeros and ones."""
    return Summary(requests, float(count), float(count))


def numbers(mean: float, sd: float, requests: int) -> Summary:
    """Numbers of this mean and standard deviation (divisor n - 1), as sums."""
    return Summary(
        requests, requests * mean, requests * mean * mean + max(0, requests - 1) * sd * sd
    )


def _distribution(values: list[float], counts: list[int]) -> Distribution:
    import numpy as np

    return Distribution(np.array(values, dtype=np.float64), np.array(counts, dtype=np.uint64))


def _even(requests: int, scale: float) -> Distribution:
    values = [scale * (0.5 + 0.01 * i) for i in range(100)]
    return _distribution(values, [max(1, requests // 100)] * 100)


# --- claims ---------------------------------------------------------------------------------------


def _must_be_sane(said: Evidence, when: str) -> None:
    for name, value in (("harm", said.harm), ("safety", said.safety)):
        if not (math.isfinite(value) and value >= 0.0):
            raise AssertionError(
                f"{name} is {value} {when}: expected a finite number of at least 0"
            )


def _finite(test: GateTest) -> None:
    """Evidence is finite and at least 0, whatever the counts (to 1e12), magnitudes and budget."""
    if test.form != "samples":
        return
    budget = Budget(false_alarm=1e-6, missed_harm=0.999)
    test.prepare(budget)
    world, player = _World(test), _Player(test, budget)

    def look_thrice(baseline: Summary, candidate: Summary) -> None:
        if test.pairs and baseline.requests != candidate.requests:
            return  # pairs of nothing
        player.forget()
        for _ in range(3):
            said = player.look(world.beside(baseline, candidate))
            _must_be_sane(said, f"after windows of {baseline} and {candidate}")

    if test.harm.counts_events:
        counts = (0, 1, 2, 31, 100, 1_000_003, _MOST)
        for n_b in counts:
            for n_c in counts:
                for share in (0.0, 1e-9, 0.3, 1.0):
                    k_b, k_c = int(share * n_b), int((1.0 - share) * n_c)
                    look_thrice(events(k_b, n_b), events(k_c, n_c))
                    look_thrice(events(k_b, n_b), events(k_b, n_b))
                    look_thrice(events(0, 0), events(k_c, n_c))
        return
    one = (1.0, 1.0)
    for count in (2, 1000, _MOST):
        for mean in (0.0, 1e-300, 1e-12, 1.0, 1e12, 1e140):
            for sd in (0.0, 1e-300, 1e-9, 1.0, 1e12, 1e140):
                look_thrice(numbers(*one, count), numbers(mean, sd, count))
                look_thrice(numbers(mean, sd, count), numbers(*one, count))
                look_thrice(numbers(mean, sd, count), numbers(mean, sd, count))


def _silent(test: GateTest) -> None:
    """Windows without requests say nothing; those that are not finite are refused, or do so."""
    test.prepare(_BUDGET)
    world, player = _World(test), _Player(test)
    for window in range(40):
        player.hear(world.plain(200, 0.05, window))
    before = player.evidence
    _must_be_sane(before, "after 40 windows")
    if (now := player.look(world.empty())) != before:
        raise AssertionError(f"a window without requests turned {before} into {now}")
    for window_ in world.not_finite():
        with contextlib.suppress(ValueError):
            player.hear(window_)
        if (now := player.evidence) != before:
            raise AssertionError(f"{window_.candidate} turned {before} into {now}")


def _monotone(test: GateTest) -> None:
    """The further the candidate is towards harm, the more harm and the less safety is said."""
    if test.harm.two_sided or test.harm.kind == "distribution":
        return  # harm lies on both sides
    test.prepare(_BUDGET)
    world, player = _World(test), _Player(test)
    harm, safety = 0.0, math.inf
    step = 0.01 if test.harm.counts_events else 0.02  # whole events of 100
    for shift in range(-6, 13):
        # Logarithms of rates lose sight of an arm without events.
        if test.harm.counts_events and world.candidate(step * shift) < 0.005:
            break
        player.forget()
        for window in range(150):
            player.hear(world.plain(100, step * shift, window))
        said = player.evidence
        if said.harm < harm - 1e-9 or said.safety > safety + 1e-9:
            raise AssertionError(
                f"a candidate {step * shift:+.2f} beyond the edge of harm: harm {said.harm:.6g} "
                f"and safety {said.safety:.6g}, after {harm:.6g} and {safety:.6g} one step nearer "
                "to the baseline"
            )
        harm, safety = said.harm, said.safety
    if test.harm.kind == "mean" and not harm > 0.0:
        raise AssertionError("no evidence of harm, however far beyond the edge")


def _order(test: GateTest) -> None:
    """Windows in another order say the same, up to the rounding of sums."""
    if test.guarantee == "fixed_looks":
        return  # what lies between looks depends on it
    test.prepare(_BUDGET)
    world, forth, back = _World(test), _Player(test), _Player(test)
    windows = 30
    for excess in (-0.05, 0.01, 0.05):
        forth.forget()
        back.forget()
        for window in range(windows):
            forth.hear(world.plain(300, excess, window))
            back.hear(world.plain(300, excess, windows - 1 - window))
        one, other = forth.evidence, back.evidence
        for here, there in zip(one, other, strict=True):
            if not math.isclose(here, there, rel_tol=1e-9, abs_tol=1e-9):
                raise AssertionError(f"{one} became {other} when the windows came in reverse")


def _state(test: GateTest) -> None:
    """Slots that went through text go on as those that did not: all that counts is in them."""
    import json

    import numpy as np

    test.prepare(_BUDGET)
    world, player, copy = _World(test), _Player(test), _Player(test)
    for window in range(12):
        player.hear(world.plain(300, 0.01, window))
    copy.slots = np.array(json.loads(json.dumps(player.slots.tolist())), dtype=np.float64)
    windows = [world.plain(300, 0.01, window) for window in range(12, 41)]
    originals = [player.look(window) for window in windows]
    for place, (window_, original) in enumerate(zip(windows, originals, strict=True)):
        if (said := copy.look(window_)) != original:
            raise AssertionError(
                f"restarted after 12 windows, it says {said} at window {12 + place} instead of "
                f"{original}: does it remember something outside its slots?"
            )
    if not np.array_equal(player.slots, copy.slots, equal_nan=True):
        raise AssertionError("restarted after 12 windows, its slots differ after 41")


def _large(test: GateTest) -> None:
    """After a trillion requests a healthy candidate shows no harm, and a very harmful one does."""
    if test.form != "samples" or test.harm.two_sided:
        return
    test.prepare(_BUDGET)
    world = _World(test)
    edge = world.candidate(0.0)
    # Likelihood ratios of a stated harm need one that is not much smaller.
    more = 0.25 if test.harm.counts_events else 0.25 * edge
    less = (0.75 if test.harm.counts_events else 0.25) * edge
    if test.harm.direction == "down":
        more, less = less, more

    def after_a_trillion(excess: float) -> Evidence:
        player = _Player(test)
        for _ in range(40):
            player.hear(world.plain(_MOST // 40, excess, 0))
        return player.evidence

    if (healthy := after_a_trillion(-less)).enough and healthy.harm != 0.0:
        raise AssertionError(f"{healthy} after {_MOST:,} requests of a healthy candidate")
    harmful = after_a_trillion(more)
    if harmful.enough and not (harmful.harm >= 1.0 and harmful.safety == 0.0):
        raise AssertionError(f"{harmful} after {_MOST:,} requests of a very harmful candidate")


def _guarantee(test: GateTest) -> None:
    """At the edge of harm, 150 looks decide wrongly in at most 5% of rollouts, if so promised.

    Of 200 rollouts with fixed seeds, the lower limit of the 99.9% interval of Clopper and Pearson
    is at most 5%. Only of means and rates: these worlds have no quantile at an edge.
    """
    import numpy as np

    if test.guarantee not in ("anytime", "fixed_looks") or test.form != "samples":
        return
    rollouts, looks, budget = 200, 150, _BUDGET
    test.prepare(budget)
    world, player = _World(test), _Player(test, budget)
    wrong = {"harm": 0, "safety": 0}
    for rollout in range(rollouts):
        player.forget()
        decided = {"harm": False, "safety": False}
        for window in world.drawn(60, looks, np.random.default_rng([7000, rollout])):
            said = player.look(window)
            decided["harm"] |= said.harm >= 1.0
            decided["safety"] |= said.safety >= 1.0
        for side, is_wrong in decided.items():
            wrong[side] += is_wrong
    for side, allowed in (("harm", budget.false_alarm), ("safety", budget.missed_harm)):
        share, lower, _ = _core.share(wrong[side], rollouts, 0.999)
        if lower > allowed:
            raise AssertionError(
                f"at the edge of harm it says {side} in {share:.1%} of {rollouts} rollouts "
                f"(at least {lower:.1%} with 99.9% confidence); {test.guarantee} promises "
                f"{allowed:.0%}"
            )


_CLAIMS: dict[Claim, Callable[[GateTest], None]] = {
    "finite": _finite,
    "silent": _silent,
    "monotone": _monotone,
    "order": _order,
    "state": _state,
    "large": _large,
    "guarantee": _guarantee,
}


def check_gate_test(test: GateTest | Mapping[str, Any] | str) -> None:
    """Plays a gate test in windows of its own and checks what every one must keep to.

    * ``finite``: evidence is finite and at least 0, for counts to 1e12 and values to 1e140.
    * ``silent``: a window without requests says nothing; one whose numbers are not finite is
      refused with ValueError, or says nothing.
    * ``monotone``: the further the candidate is towards harm, the more harm is said.
    * ``order``: windows in another order say the same; but where looks are planned.
    * ``state``: a rollout restarted from its slots goes on as before.
    * ``large``: after 1e12 requests, healthy is healthy and harmful is harmful.
    * ``guarantee``: what is promised, anytime or at fixed looks, holds at the edge of harm over 150
      looks, by simulation with fixed seeds.

    Args:
        test: An instance of a subclass of :class:`gatewright.GateTest`; it may be used afterwards.
            Or a gate as a plan writes it, see :func:`gatewright.gate_test`.

    Raises:
        AssertionError: A claim does not hold; says which, and how.
        PlanError: The gate is wrong.
        TypeError: ``test`` is neither.
    """
    if isinstance(test, (Mapping, str)):
        test = gate_test(test)
        exempt: frozenset[str] = _EXEMPT.get(test.name, frozenset())
    elif isinstance(test, GateTest):
        exempt = test.exempt
    else:
        raise TypeError(f"expected an instance of gatewright.GateTest or a gate, got {test!r}")
    if unknown := exempt - set(get_args(Claim)):
        raise ValueError(f"{test.name} is exempt from what nobody claims: {sorted(unknown)}")
    for claim, holds in _CLAIMS.items():
        if claim in exempt:
            continue
        try:
            holds(test)
        except Exception as error:
            what = str(error)
            if not isinstance(error, AssertionError):
                what = f"{type(error).__name__}: {error}"
            raise AssertionError(f"{test.name}, claim {claim!r}: {what}") from error
