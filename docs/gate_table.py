"""Makes docs/methods/gate_table.md: ``make table``, or ``python docs/gate_table.py --help``.

Every gate test stands alone in one plan, and is played in healthy and in harmful worlds at three
request rates. Tests that watch one metric share each world. A world that was played is kept in
``--state`` and not played again, so Ctrl-C loses no more than the world under way.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import pathlib
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import gatewright as gw
from gatewright import _core

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "methods" / "gate_table.md"
BUDGET = 0.05
CONFIDENCE = 0.99

# --- plans ----------------------------------------------------------------------------------------

PLAN = """gatewright: 1
name: {name}
policy: staged
false_alarm_budget: 5%
assignment: {{by: request}}
every: 1m
stages:
{stages}gates:
  - {gate}
"""

RAMP = """\
  - {name: shadow, mirrored: 5%, dwell: 30m}
  - {exposure: 5%, dwell: 60m}
  - {exposure: 25%, dwell: 60m}
  - {exposure: 50%, dwell: 60m}
"""
# As long, for tests of both answers to one prompt and for lists that both models contribute to.
SHADOW = """\
  - {name: mirrored 5%, mirrored: 5%, dwell: 90m}
  - {name: mirrored 25%, mirrored: 25%, dwell: 60m}
  - {name: mirrored 50%, mirrored: 50%, dwell: 60m}
"""
LISTS = SHADOW.replace("mirrored", "interleaved")
# One stage that is played to the end of its test.
AB_STAGE = """\
  - {name: shadow, mirrored: 5%, dwell: 30m}
  - {exposure: 50%, dwell: 180m}
"""


@dataclass(frozen=True)
class Row:
    """A gate test on a metric.

    ``settings`` and ``more`` may ask for {samples}: of each arm over the whole plan, less a margin;
    and for {apart}: so many that five looks take an hour each at 5%.
    """

    metric: str
    test: str
    harm: str
    settings: str = ""
    more: str = "min_samples: 30"
    stages: str = RAMP

    @property
    def name(self) -> str:
        """Unique, and fit for a file."""
        return f"{self.metric}_{self.test}"

    def gate(self, per_minute: float, harm: str | None = None) -> str:
        """The gate in a world of so many requests; ``harm`` instead of the row's own."""
        sizes = {"samples": round(60 * per_minute), "apart": max(2, round(3 * per_minute))}
        test = f"{{{self.test}: {{{self.settings.format(**sizes)}}}}}"
        more = self.more.format(**sizes)
        return (
            f"{{name: gate, metric: {self.metric}, harm: {{{harm or self.harm}}}, test: {test}, "
            f"{more}, silence: 24h}}"
        )

    def plan(self, per_minute: float, harm: str | None = None) -> str:
        """The gate alone in the ramp."""
        return PLAN.format(name=self.name, stages=self.stages, gate=self.gate(per_minute, harm))

    @property
    def guarantee(self) -> str:
        """What the test promises with these settings."""
        return gw.gate_test(self.gate(RATES["10/s"])).guarantee


PLANNED = "looks: 5, samples: {samples}"
SPACED = "min_samples: {apart}"
ONE_SAMPLE = "min_samples: {samples}"
# Totals are compared stage by stage: docs/methods/gate_tests.md says why.
BY_STAGE = "min_samples: 30, evidence: stage"


def rows() -> list[Row]:
    """Every test of the catalogue, on every metric of the table that it can weigh.

    Harm is any rise at all, so that the healthy candidate stands at the edge of harm; but for the
    bare threshold, which gets the limits that people give it.
    """
    made = []
    for metric, limit, none in (
        ("cost", "rises_by: 20%", "rises_by: $0"),
        ("latency", "rises_by: 50%", "rises_by: 0s"),
    ):
        rise, p90, shift = "rises_by: 0%", "p90_above: 1x", "distribution_shift: 0"
        made += [
            Row(metric, "fixed_threshold", limit),
            Row(metric, "z_test", rise),
            Row(metric, "welch_t", rise, "looks: 5", SPACED),
            Row(metric, "mann_whitney", rise),
            Row(metric, "kayenta", rise),
            Row(metric, "bayes_mean", rise),
            Row(metric, "page_hinkley", rise),
            Row(metric, "cusum", rise),
            Row(metric, "ewma", rise),
            Row(metric, "group_sequential", rise, PLANNED),
            Row(metric, "normal_mixture", rise, "scale: log"),
            Row(metric, "asymptotic_sequence", rise, "", BY_STAGE),
            Row(metric, "delta_ratio", rise, "", BY_STAGE),
            Row(metric, "sprt", rise),
            Row(metric, "quantile_sequence", p90),
            Row(metric, "order_statistic", p90, PLANNED),
            Row(metric, "dkw_sequence", shift),
            Row(metric, "ks", shift, PLANNED),
            Row(metric, "psi", shift, PLANNED),
            Row(metric, "ratio_mixture", rise, "per: output_tokens"),
            Row(metric, "ab_test", none, "", ONE_SAMPLE, AB_STAGE),
            Row(metric, "paired_mixture", rise, stages=SHADOW),
            Row(metric, "paired_t", rise, "looks: 5", SPACED, SHADOW),
        ]
    for metric, limit, level in (
        ("thumbs_down", "ratio_above: 1.5x", "above: 0.15%"),
        ("error", "ratio_above: 2x", "above: 1.5%"),
    ):
        rise = "ratio_above: 1x"
        made += [
            Row(metric, "fixed_threshold", limit),
            Row(metric, "z_test", rise),
            Row(metric, "two_proportion_z", rise, "looks: 5", SPACED),
            Row(metric, "wilson", "rises_by: 0pp", "looks: 5", SPACED),
            Row(metric, "kayenta", rise),
            Row(metric, "bayes_rate", rise),
            Row(metric, "page_hinkley", rise),
            Row(metric, "cusum", rise),
            Row(metric, "ewma", rise),
            Row(metric, "group_sequential", rise, PLANNED),
            Row(metric, "normal_mixture", rise),
            Row(metric, "beta_binomial_mixture", rise),
            Row(metric, "two_sample_rate", rise),
            Row(metric, "detected_rate", rise, "sensitivity: 90%"),
            Row(metric, "clustered_rate", rise),
            Row(metric, "asymptotic_sequence", rise, "", BY_STAGE),
            Row(metric, "sprt", rise),
            Row(metric, "poisson_max_sprt", level),
            Row(metric, "ab_test", "rises_by: 0pp", "", ONE_SAMPLE, AB_STAGE),
        ]
    made += [
        Row("error", "paired_rate", "ratio_above: 1x", stages=SHADOW),
        Row("error", "mcnemar", "ratio_above: 1x", "looks: 5", SPACED, SHADOW),
    ]
    made += [
        Row("preference", "fixed_threshold", "below: 45%", stages=LISTS),
        Row("preference", "sign_test", "below: 50%", "looks: 5", SPACED, LISTS),
        Row("preference", "ab_test", "below: 50%", "", SPACED, LISTS),
        Row("preference", "beta_binomial_mixture", "below: 50%", stages=LISTS),
        Row("preference", "sprt", "below: 50%", stages=LISTS),
    ]
    return made


# --- worlds ---------------------------------------------------------------------------------------

WORLD = """gatewright: 1
name: {name}
horizon: 24h
traffic:
  profile: chat
  arrivals: {arrivals}
  users: {{count: 20000, activity: {{zipf: 1.1}}}}
baseline:
  price: {{model: gpt-4o-mini, input: $0.15/Mtok, output: $0.60/Mtok}}
  latency:
    ttft: {{lognormal: {{median: 350ms, sigma: 0.2}}}}
    per_output_token: 15ms
    timeout: 30s
  error: {{bernoulli: {{p: 1.5%{clustered}}}}}
  refusal: {{bernoulli: {{p: 1%}}}}
  thumbs: {{down: 3%, up: 6%, rate_given: 5%}}
candidate: {{like: baseline, effects: [{effect}]}}
{noise}telemetry: {{window: 1m, delay: {{lognormal: {{median: 20s, p95: 70s}}}}}}
rollback: {{actuation: policy_flip}}
policy: {{name: none, policy: staged, stages: [{{exposure: 50%, dwell: 1m}}]}}
"""

RATES = {"10/min": 10.0, "10/s": 600.0, "1000/s": 60_000.0}


@dataclass(frozen=True)
class World:
    """A world, who is tried in it, and what harm they look for there if it is not their own."""

    name: str
    rate: str
    metrics: tuple[str, ...]
    effect: str = ""
    clustered: str = ""
    noise: str = ""
    bursty: bool = False
    harm: str | None = None

    @property
    def key(self) -> str:
        """Of its results."""
        return f"{self.name} {self.rate}"

    @property
    def text(self) -> str:
        """As a scenario file."""
        kind = "bursty" if self.bursty else "poisson"
        return WORLD.format(
            name=self.name,
            arrivals=f"{{{kind}: {{rate: {self.rate}}}}}",
            clustered=self.clustered,
            effect=self.effect,
            noise=self.noise,
        )


METRICS = ("cost", "latency", "thumbs_down", "error", "preference")
HARMS = {
    "cost": ("R3", "{metric: cost, multiply: 1.25}"),
    "latency": ("R6", "{metric: latency, multiply: 1.8}"),
    "thumbs_down": ("R8", "{metric: thumbs_down, multiply: 1.6}"),
    "preference": ("worse", "{metric: quality, shift: -4pp}"),
}
# Correlation 0.7 from one minute to the next.
NOISE = "noise: {window: {latency: {cv: 10%, correlation_time: 168.22s, separate: true}}}\n"


def worlds() -> list[World]:
    """Cheap ones first."""
    made = []
    for rate in RATES:
        made.append(World("healthy", rate, METRICS))
        made += [
            World(name, rate, (metric,), effect=effect) for metric, (name, effect) in HARMS.items()
        ]
        if rate == "10/s":
            bursts = ", clustered: {burst_share: 3.6%, burst_p: 25%}"
            made += [
                World("bursty", rate, METRICS, bursty=True),
                World("clustered", rate, ("error",), clustered=bursts),
                World("noise", rate, ("latency",), noise=NOISE),
                World("noise_margin", rate, ("latency",), noise=NOISE, harm="rises_by: 25%"),
            ]
    return made


# --- playing --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plays:
    """How much is played: runs by rate, a third of that in harmful worlds; and where it is kept."""

    runs: dict[str, int]
    seed: int
    threads: int
    state: pathlib.Path

    def runs_of(self, world: World) -> int:
        """Detections need fewer: most are near certain, or do not happen."""
        runs = self.runs[world.rate]
        return max(1, runs // 3) if world.effect else runs


def digest_of(*parts: str) -> str:
    """Of everything that a result depends on, the compiled half of the package among it."""
    build = hashlib.sha256(pathlib.Path(str(_core.__file__)).read_bytes())
    for part in parts:
        build.update(part.encode() + b"\0")
    return build.hexdigest()


def contenders(world: World, chosen: Iterable[Row]) -> dict[str, str]:
    """Plan by name of the row, of the rows that watch what this world is about."""
    plans = {}
    for row in chosen:
        if row.metric not in world.metrics:
            continue
        if world.harm and not row.harm.startswith("rises_by: 0%"):
            continue  # another margin makes sense for means only
        plans[row.name] = row.plan(RATES[world.rate], world.harm)
    return plans


def play(world: World, chosen: Sequence[Row], plays: Plays) -> dict[str, dict[str, float]]:
    """Estimates by row and column, from the state where they are known."""
    plans = contenders(world, chosen)
    if not plans:
        return {}
    runs = plays.runs_of(world)
    digest = digest_of(world.text, json.dumps(plans), str((runs, plays.seed, CONFIDENCE)))
    kept = plays.state / f"{world.key.replace('/', '_per_').replace(' ', '_')}.json"
    if kept.exists():
        known = json.loads(kept.read_text())
        if known["digest"] == digest:
            results: dict[str, dict[str, float]] = known["results"]
            return results
    print(f"{world.key}: {len(plans)} plans, {runs} runs", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, plan in plans.items():
            file = pathlib.Path(folder) / f"{name}.yaml"
            file.write_text(plan)
            files.append(str(file))
        sweep = gw.sweep(
            gw.loads(world.text),
            over={"policy": files},
            runs=runs,
            seed=plays.seed,
            threads=plays.threads,
            confidence=CONFIDENCE,
            twin=False,
            progress=True,
        )
    if sweep.interrupted:
        raise KeyboardInterrupt
    columns = [name for name in sweep.columns if name != "policy" and name != "fingerprint"]
    values = {name: sweep.column(name).tolist() for name in columns}
    results = {
        name: {column: values[column][at] for column in columns} for at, name in enumerate(plans)
    }
    plays.state.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps({"digest": digest, "results": results}))
    return results


# --- the page -------------------------------------------------------------------------------------

Results = dict[str, dict[str, dict[str, float]]]


def percent(share: float) -> str:
    """In few digits: 0, 0.3, 12."""
    return f"{100 * share:.1f}".removesuffix(".0")


def estimate_of(cell: dict[str, float], column: str) -> str:
    """In percent, with its interval."""
    value, lower, upper = (cell[column + end] for end in ("", "_lower", "_upper"))
    return f"{percent(value)} ({percent(lower)}–{percent(upper)})"


def false_alarms(cell: dict[str, float] | None, row: Row) -> str:
    """With its interval; in bold where a promise is broken."""
    if cell is None:
        return ""
    text = estimate_of(cell, "false_alarm_rate")
    return f"**{text}**" if breaks_promise(cell, row) else text


def breaks_promise(cell: dict[str, float], row: Row) -> bool:
    """Whether a budget was certainly not kept by a test that promises to keep it."""
    promised = row.guarantee in ("anytime", "fixed_looks")
    return promised and cell["false_alarm_rate_lower"] > BUDGET


def detection(cell: dict[str, float] | None) -> str:
    """Probability, median delay, and the stage at which most were halted."""
    if cell is None:
        return ""
    text = estimate_of(cell, "detection_probability")
    delay = cell["detection_delay_minutes_p50"]
    if math.isnan(delay):
        return text
    stages = {
        name.removeprefix("halted_at_stage."): share
        for name, share in cell.items()
        if name.startswith("halted_at_stage.") and not name.endswith(("_lower", "_upper"))
    }
    return f"{text}, {delay:.0f} min, {max(stages, key=stages.__getitem__)}"


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a table."""
    yield "| " + " | ".join(head) + " |"
    yield "|---" * len(head) + "|"
    for line in body:
        yield "| " + " | ".join(line) + " |"
    yield ""


TITLES = {
    "cost": "Cost (R3: +25%)",
    "latency": "Latency (R6: x1.8)",
    "thumbs_down": "Thumbs down (R8: x1.6; 5% of answers are rated)",
    "error": "Errors",
    "preference": "Preference in interleaved lists (quality -4 points)",
}


INTRODUCTION = """\
# Every gate test, in healthy and in harmful worlds

Written by `make table`; not edited by hand.

One gate stands alone in a plan of shadow (5% mirrored, 30 min), 5%, 25% and 50% (60 min each),
looked at every minute, with a false-alarm budget of {budget}. Harm is *any* rise, so the
healthy candidate stands at the edge of harm, where a guarantee is tested hardest; only
`fixed_threshold` has limits as people write them (cost +20%, latency +50%, thumbs down 1.5x,
errors 2x). It judges each window of at least 30 requests, of which there are none at 10/min.
Requests are assigned one by one. The settings of each test are in `docs/gate_table.py`.

Where a test needs something else the plan gives it that, for as long: tests of pairs (`paired_*`,
`mcnemar`) 5%, 25% and 50% of the traffic mirrored; tests of preference the same shares answered by
both models in one list; `ab_test` a shadow and then one stage of 50%, looked at once.

Runs of healthy worlds: {runs}; of harmful ones a third of that; seed {seed}. Cells are percent
of rollouts, with the {confidence} interval of Clopper and Pearson; behind a detection stand the
median delay and the stage at which most runs were halted. **Bold**: a test with a guarantee
(anytime, fixed looks) whose interval lies above its budget. Tests that watch one metric were
played in the same random worlds.

Bursty arrivals are those of an inference service (`traffic_bursty` of the catalog, with the
numbers of the chat profile). Errors in bursts are those of `error_bursts`, a minute at a
stretch, each arm by itself. Window noise moves each arm's latency by 10%, with a correlation of
0.7 from minute to minute: a healthy candidate is then no healthier than the noise, and a margin
must be wider than that; the last column has one of 25%.

"""


def page(results: Results, chosen: Sequence[Row], plays: Plays) -> str:
    """The page, as far as worlds were played."""
    runs = ", ".join(
        f"{count:,} at {rate}"
        for rate, count in plays.runs.items()
        if any(world.endswith(" " + rate) for world in results)
    )
    lines = INTRODUCTION.format(
        budget=f"{BUDGET:.0%}", runs=runs, seed=plays.seed, confidence=f"{CONFIDENCE:.0%}"
    ).splitlines()
    for metric in METRICS:
        of_metric = [row for row in chosen if row.metric == metric]
        if not of_metric:
            continue
        lines += ["## " + TITLES[metric], "", "False alarms of a healthy candidate:", ""]

        def cell(world: str, row: Row) -> dict[str, float] | None:
            return results.get(world, {}).get(row.name)

        others = [
            ("bursty 10/s", "bursty arrivals, 10/s"),
            ("clustered 10/s", "errors in bursts, 10/s"),
            ("noise 10/s", "window noise, 10/s"),
            ("noise_margin 10/s", "the same, margin 25%"),
        ]
        columns = [(f"healthy {rate}", rate) for rate in RATES] + others
        columns = [(key, head) for key, head in columns if any(cell(key, row) for row in of_metric)]
        lines += table(
            ["test", "guarantee", *(head for _, head in columns)],
            (
                [
                    f"`{row.test}`",
                    row.guarantee.replace("_", " "),
                    *(false_alarms(cell(key, row), row) for key, _ in columns),
                ]
                for row in of_metric
            ),
        )
        if metric not in HARMS:
            continue
        lines += ["Detection:", ""]
        name = HARMS[metric][0]
        keys = [(f"{name} {rate}", rate) for rate in RATES]
        keys = [(key, head) for key, head in keys if any(cell(key, row) for row in of_metric)]
        lines += table(
            ["test", *(head for _, head in keys)],
            (
                [f"`{row.test}`", *(detection(cell(key, row)) for key, _ in keys)]
                for row in of_metric
            ),
        )
    lines += broken_promises(results, chosen)
    return "\n".join(lines).rstrip() + "\n"


def broken_promises(results: Results, chosen: Sequence[Row]) -> list[str]:
    """One line for each cell in bold."""
    broken = [
        f"* `{row.test}` on {row.metric}, {world}: "
        f"{estimate_of(cells[row.name], 'false_alarm_rate')}"
        for world, cells in results.items()
        for row in chosen
        if row.name in cells and breaks_promise(cells[row.name], row)
    ]
    return ["## Promises that were broken", "", *(broken or ["None."])]


def main(arguments: Sequence[str] | None = None) -> int:
    """Plays what is missing and writes the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--runs",
        type=int,
        nargs=3,
        default=[1000, 1000, 100],
        metavar="N",
        help="per world at 10/min, 10/s and 1000/s; 0 leaves a rate out",
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=0, help="0: one per hardware thread")
    parser.add_argument("--tests", nargs="*", help="only these gate tests")
    parser.add_argument("--metrics", nargs="*", choices=METRICS, help="only these metrics")
    parser.add_argument(
        "--state",
        type=pathlib.Path,
        default=ROOT / "build" / "gate_table",
        help="where results are kept from call to call",
    )
    parser.add_argument("--output", type=pathlib.Path, default=PAGE)
    options = parser.parse_args(arguments)
    chosen = [
        row
        for row in rows()
        if (not options.tests or row.test in options.tests)
        and (not options.metrics or row.metric in options.metrics)
    ]
    plays = Plays(
        dict(zip(RATES, options.runs, strict=True)), options.seed, options.threads, options.state
    )
    results: Results = {}
    interrupted = False
    for world in worlds():
        if plays.runs[world.rate] == 0:
            continue
        try:
            if cells := play(world, chosen, plays):
                results[world.key] = cells
        except KeyboardInterrupt:
            print("interrupted: the page shows what was finished", file=sys.stderr)
            interrupted = True
            break
    options.output.write_text(page(results, chosen, plays))
    print(f"{options.output}: {sum(map(len, results.values()))} cells of {len(results)} worlds")
    return 130 if interrupted else 0


if __name__ == "__main__":
    sys.exit(main())
