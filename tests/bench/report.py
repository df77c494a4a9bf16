"""Measures gatewright and its peers in turns and writes docs/performance.md: ``make bench``.

What is compared is measured in interleaved rounds of one run, so that a busy machine disturbs all
alike, and the best round of each counts; ratios that a benchmark measures itself are medians. What
stands alone is measured once. Peers are what a reader would write first: the scripts here.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NANOSECONDS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}

# --- measuring ------------------------------------------------------------------------------------


@dataclass
class Measured:
    """All that was measured: peers by their script's name, others as program/benchmark/counter."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        self.values.setdefault(name, []).append(value)

    def fastest(self, name: str) -> float | None:
        """Of rates: the greatest."""
        return max(self.values[name]) if name in self.values else None

    def shortest(self, name: str) -> float | None:
        """Of times: the least."""
        return min(self.values[name]) if name in self.values else None

    def median(self, name: str) -> float | None:
        return statistics.median(self.values[name]) if name in self.values else None

    def names(self, pattern: str) -> list[str]:
        """Benchmarks that fit, as they ran; those that differ in a number by the number."""
        families: dict[str, list[str]] = {}
        for name in self.values:
            if re.fullmatch(pattern, name):
                families.setdefault(re.sub(r"\d+", "", name), []).append(name)
        return [
            name
            for family in families.values()
            for name in sorted(family, key=lambda name: [int(n) for n in re.findall(r"\d+", name)])
        ]


class Bench:
    """Runs benchmark programs and peers."""

    def __init__(self, build: pathlib.Path, measured: Measured) -> None:
        self.build = build
        self.measured = measured
        paths = [str(build / "python"), str(ROOT / "build" / "peers")]
        self.environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}

    def google(self, program: str, names: str = ".", seconds: float = 0.1) -> None:
        """Times in nanoseconds as program/name, counters as program/name/counter."""
        run = [
            str(self.build / "bench" / f"bench_{program}"),
            f"--benchmark_filter={names}",
            f"--benchmark_min_time={seconds}",
            "--benchmark_format=json",
        ]
        out = subprocess.run(run, capture_output=True, check=True, text=True).stdout
        known = {
            "name", "family_index", "per_family_instance_index", "run_name", "run_type",
            "repetitions", "repetition_index", "threads", "iterations", "time_unit", "real_time",
        }  # fmt: skip
        for one in json.loads(out)["benchmarks"]:
            if one.get("error_occurred"):
                continue
            name = f"{program}/{one['name']}"
            for key, value in one.items():
                if key == "cpu_time":
                    self.measured.add(name, value * NANOSECONDS[one["time_unit"]])
                elif key not in known and isinstance(value, int | float):
                    scale = 1e9 if key.startswith("time_per_") else 1.0  # of seconds
                    self.measured.add(f"{name}/{key}", scale * value)

    def script(self, name: str, size: float) -> None:
        """A script that prints one number, which is kept under its name."""
        run = [sys.executable, str(HERE / f"{name}.py"), str(size)]
        out = subprocess.run(
            run, capture_output=True, check=True, text=True, env=self.environment
        ).stdout
        self.measured.add(name, float(out))

    def seconds(self, name: str, arguments: Iterable[str]) -> None:
        """How long a command of the tool takes, from its start to its end."""
        command = [str(self.build / "bin" / "gatewright"), *arguments]
        begin = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True, cwd=ROOT)
        self.measured.add(name, time.perf_counter() - begin)

    def memory(self, name: str, arguments: Iterable[str]) -> None:
        """The most memory that a command of the tool held, in MiB."""
        command = [str(self.build / "bin" / "gatewright"), *arguments]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT
        )
        usage = os.wait4(process.pid, 0)[2]
        self.measured.add(name, usage.ru_maxrss / 1024.0)


# --- what is compared -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """A ratio (or a share) with what is required of it and what it aims at."""

    what: str
    value: Callable[[Measured], float | None]
    required: float | None = None
    aimed: float | None = None
    at_most: bool = False  # else at least

    def row(self, measured: Measured) -> list[str]:
        value = self.value(measured)
        sign = "at most " if self.at_most else ""
        verdict = ""
        if value is not None and self.required is not None:
            good = value <= self.required if self.at_most else value >= self.required
            best = self.aimed is not None and (
                value <= self.aimed if self.at_most else value >= self.aimed
            )
            verdict = "as aimed" if best else "as required" if good else "**short**"
        return [
            self.what,
            "-" if value is None else figure(value),
            *("" if goal is None else f"{sign}{goal:g}" for goal in (self.required, self.aimed)),
            verdict,
        ]


def speed_up(ours: str, theirs: str) -> Callable[[Measured], float | None]:
    """How many times as fast; both are rates."""

    def ratio(measured: Measured) -> float | None:
        fast, slow = measured.fastest(ours), measured.fastest(theirs)
        return None if fast is None or slow is None else fast / slow

    return ratio


def time_ratio(theirs: str, ours: str) -> Callable[[Measured], float | None]:
    """How many times as long theirs takes; both are times."""

    def ratio(measured: Measured) -> float | None:
        slow, fast = measured.shortest(theirs), measured.shortest(ours)
        return None if fast is None or slow is None else slow / fast

    return ratio


def median(name: str) -> Callable[[Measured], float | None]:
    return lambda measured: measured.median(name)


def share_of_ten_milliseconds(name: str) -> Callable[[Measured], float | None]:
    def share(measured: Measured) -> float | None:
        microseconds = measured.shortest(name)
        return None if microseconds is None else 100.0 * microseconds / 10_000.0

    return share


def dearest(family: str) -> Callable[[Measured], float | None]:
    """The longest of several times in microseconds, each the shortest of its rounds."""

    def longest(measured: Measured) -> float | None:
        times = [measured.shortest(name) for name in measured.names(re.escape(family) + r"\d+")]
        return max((one / 1_000.0 for one in times if one is not None), default=None)

    return longest


PLAIN_LOOP = "reference/plain_queue/events"
PLAIN_CANARY = "reference/plain_canary/requests"
QUEUE = "serving/workload_a/events"


def canary(level: int) -> str:
    """Workload B at a vector level."""
    return f"world/canary/{level}/requests"


CLAIMS = [
    Claim("Workload A: events/s against SimPy", speed_up(QUEUE, "simpy_queue"), 100, 250),
    Claim("... against a plain C++ event loop", speed_up(QUEUE, PLAIN_LOOP), 2, 5),
    Claim(
        "... against a plain C++ loop that knows but two events",
        speed_up(QUEUE, "reference/plain_queue_of_numbers/events"),
    ),
    Claim("... against plain CPython on heapq", speed_up(QUEUE, "python_queue")),
    Claim("... against Ciw", speed_up(QUEUE, "ciw_queue")),
    Claim(
        "Workload B, AVX-512: requests/s against NumPy",
        speed_up(canary(2), "numpy_canary"),
        20,
        40,
    ),
    Claim("... against plain C++", speed_up(canary(2), PLAIN_CANARY), 20, 45),
    Claim("... against plain CPython", speed_up(canary(2), "python_canary"), 350, 650),
    Claim("... against SimPy", speed_up(canary(2), "simpy_canary"), 1000, 2000),
    Claim(
        "... in times of one fused loop that does nothing else",
        speed_up("reference/fused_canary/requests", canary(2)),
        2,
        1.3,
        at_most=True,
    ),
    Claim(
        "... the full request world (users, correlated latency, errors, feedback) against NumPy",
        speed_up("world/canary_full/2/requests", "numpy_canary"),
        10,
    ),
    Claim("... AVX2 against NumPy", speed_up(canary(1), "numpy_canary"), 10, 20),
    Claim("... portable against NumPy", speed_up(canary(0), "numpy_canary"), 4, 6),
    Claim(
        "Servers: jumps against an event per token, equal results",
        speed_up(
            "serving/batches/items_per_second", "serving/batches_step_by_step/items_per_second"
        ),
        3,
        8,
    ),
    Claim(
        "A window of 15,000 drawn whole against its requests",
        time_ratio(
            "windows/one_arm_by_requests/sums/15000/time_per_window",
            "windows/one_arm_by_windows/sums/15000",
        ),
        30,
        80,
    ),
    Claim(
        "A window of one arm, five gates' metrics and two quantiles, dearest size, in us",
        dearest("windows/one_arm_by_windows/quantiles/"),
        1,
        0.5,
        at_most=True,
    ),
    Claim(
        "1,000 runs of cost_regression and of its healthy twin in windows, in s",
        median("thousand_runs"),
        1,
        at_most=True,
    ),
    Claim(
        "Two threads against one",
        median("curves/threads_against_one/2/real_time/speed_up"),
        1.85,
        1.95,
    ),
    Claim(
        "1,000 thresholds against one: total time",
        median("curves/threshold_curve_of/1000/to_one_point"),
        1.10,
        1.01,
        at_most=True,
    ),
    Claim(
        "1,000 policies against one world and 1,000 walks of an engine: total time",
        median("curves/field_against_walks/1000/to_world_and_walks"),
        2,
        at_most=True,
    ),
    Claim(
        "... and 1,000 walks whose every step is checked, as in a rehearsal",
        median("curves/field_against_walks/1000/to_world_and_checked_walks"),
    ),
    Claim(
        "A call from Python, in % of an experiment of 10 ms",
        share_of_ten_milliseconds("python_call"),
        1,
        at_most=True,
    ),
]

SCENARIO = "scenarios/catalog/cost_regression.yaml"

CLAIM_HEAD = ["", "measured", "required", "aimed at", ""]

SPEEDS = [
    ("Workload A, gatewright", QUEUE, "events"),
    ("plain C++ loop of two events", "reference/plain_queue_of_numbers/events", "events"),
    ("plain C++ event loop", PLAIN_LOOP, "events"),
    ("plain CPython, heapq", "python_queue", "events"),
    ("SimPy", "simpy_queue", "events"),
    ("Ciw", "ciw_queue", "events"),
    ("NumPy, float64", "numpy_canary", "requests"),
    ("plain C++", PLAIN_CANARY, "requests"),
    ("plain CPython", "python_canary", "requests"),
    ("SimPy, a process per request", "simpy_canary", "requests"),
]


def compare(bench: Bench, rounds: int) -> None:
    """Rounds of everything that is held against something else."""
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        bench.script("numpy_canary", 0.5)
        bench.google("world", "canary", 0.5)
        bench.google("reference", ".", 0.5)
        bench.google("serving", "^workload_a$|^batches", 0.5)
        bench.script("python_queue", 150_000)
        bench.script("simpy_queue", 40_000)
        bench.script("ciw_queue", 10_000)
        bench.script("python_canary", 6)
        bench.script("simpy_canary", 3)
        bench.google("windows", "one_arm_by_windows|one_arm_by_requests/sums/15000$", 0.1)
        bench.google("curves", "threshold_curve", 0.2)
        bench.google("curves", "threads_against_one/2", 6.0)
        bench.script("python_call", 200)
        thousand = ["--runs", "1000", "--fidelity", "windows", "--quiet"]
        for _ in range(3):
            bench.seconds("thousand_runs", ["run", SCENARIO, *thousand])


def measure_rest(bench: Bench) -> None:
    """What stands alone."""
    for program in ("engine", "checkers", "gates", "windows", "world", "scaling", "serving"):
        print(program, file=sys.stderr)
        played = "-canary|workload_a|batches_step|one_arm_by_windows"
        bench.google(program, played if program != "gates" else ".", 0.1)
    print("curves", file=sys.stderr)
    bench.google("curves", "field_against_walks|threads_against_one/4", 0.1)
    print("memory", file=sys.stderr)
    run = ["run", SCENARIO, "--quiet", "--threads", "1"]
    for replications in (10, 100, 300):
        bench.memory(f"memory/replications/{replications}", [*run, "--runs", str(replications)])
    for horizon in (12, 48):
        setting = f"horizon={horizon}h"
        bench.memory(f"memory/hours/{horizon}", [*run, "--runs", "10", "--set", setting])
    for users in (200, 20_000, 2_000_000):
        setting = f"traffic.users.count={users}"
        bench.memory(f"memory/users/{users}", [*run, "--runs", "10", "--set", setting])
    for policies in (1, 10, 100):
        margins = ",".join(f"{10 + 0.1 * i:g}%" for i in range(policies))
        sweep = ["sweep", SCENARIO, "--quiet", "--threads", "1", "--runs", "10"]
        over = ["--over", f"policy.gates.cost.harm.rises_by={margins}"]
        bench.memory(f"memory/policies/{policies}", [*sweep, *over])


# --- the page -------------------------------------------------------------------------------------


def figure(value: float) -> str:
    """Three digits, as far as they say something."""
    if value >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def duration(nanoseconds: float) -> str:
    for unit, length in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= length:
            return f"{nanoseconds / length:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(['---'] * len(head))}|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return [*lines, ""]


def per_request(measured: Measured, patterns: Iterable[str]) -> list[list[str]]:
    """Benchmarks that count requests: nanoseconds for each."""
    rows = []
    for pattern in patterns:
        for name in measured.names(pattern + "/requests"):
            rate = measured.fastest(name)
            words = name.split("/", 1)[1].removesuffix("/requests").replace("_", " ")
            if rate:
                rows.append([words, f"{1e9 / rate:.3g}"])
    return rows


def per_item(measured: Measured, pattern: str) -> list[list[str]]:
    """Benchmarks by their time for one round."""
    rows = []
    for name in measured.names(pattern):
        time = measured.shortest(name)
        if time is not None:
            words = name.split("/", 1)[1].replace("BM_", "").replace("_", " ")
            rows.append([words, duration(time)])
    return rows


def machine() -> str:
    """Its class, not its name."""
    try:
        flags = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        flags = ""
    level = "AVX-512" if "avx512vl" in flags else "AVX2" if " avx2" in flags else "no AVX2"
    return f"{platform.machine()}, {level}, {os.cpu_count()} hardware threads"


HEAD = """# Performance

Written by `make bench`; not edited by hand. What each benchmark plays stands at the head of its
source in `tests/bench/`.

Machine: {machine}. Ratios hold within one run of {rounds} interleaved rounds; absolute times move
by a tenth and more with what else the machine does.

## Against others, and against itself
"""

WORKLOADS = """Workload A is one server at utilisation 0.9: Poisson arrivals, exponential service,
an arrival and an end for each customer. gatewright's is the station that a scenario's section
`serving` makes, with one replica of one slot, fed from streams as the world's columns are.
Workload B is a canary: 5% of 50 requests/s, P95, P99, errors, thumbs and costs of both arms every
five minutes; gatewright's has a router, an engine with its checkers and impact around it. The full
request world adds 20,000 users who stay with their arm, correlated lengths and answers, and time
per token; NumPy's has none of these.
"""

REQUESTS = """## A request, by resolution, feature and vector level

Nanoseconds per request of whole rollouts: world, router, telemetry, engine, checkers, impact.
Vector levels: 0 portable, 1 AVX2, 2 AVX-512. `half with` is half the traffic at the candidate and
one more part of a faithful world.
"""

WINDOWS = """Windows that are drawn whole have no requests: one arm's window of so many, then
rollouts of 12 hours with so many requests a minute.
"""

THREADS = """Replications are dealt out one by one to whichever thread is free, a scenario's and its
healthy twin's in turns; each thread keeps worlds of its own, and records lie where their
replication's number says: equal bytes for any number of threads.
"""

MEMORY = """Most memory of a whole process, one thread:
"""

BOUNDS = """A thread holds, however long the rollout: a chunk of a thousand requests or two; a
window's arrival times; sums of a window for every probe of every group of contenders; a few bytes
per user; a state per contender; and, with servers, the chunks whose requests have not all ended. A
replication leaves one record per contender.
"""


def page(measured: Measured, rounds: int) -> str:
    """docs/performance.md."""
    growth = [r"world/rate/\d+", r"scaling/users/\d+", r"scaling/window_seconds/\d+"]
    requests = [
        r"world/\w*canary\w*/\d",
        r"world/(five_gates|everything|exposure|half_by|half_with_)\w*",
        r"world/half_with/\w+",
    ]
    lines = [
        HEAD.format(machine=machine(), rounds=rounds),
        *table(CLAIM_HEAD, (claim.row(measured) for claim in CLAIMS)),
        WORKLOADS,
        *table(["", "million a second", "ns each"], speed_rows(measured)),
        REQUESTS,
        *table(["", "ns"], per_request(measured, requests)),
        WINDOWS,
        *table(
            ["", "time"], per_item(measured, r"windows/(one_arm_by_windows/\w+|rollout/\w+)/\d+")
        ),
        "## A step, a gate, a policy, a threshold\n",
        *table(["a step of the engine, told of", "time"], per_item(measured, r"engine/\w+(/\d+)?")),
        *table(
            ["a step of a rehearsal", "time", "million a second", "allocations each"],
            step_rows(measured),
        ),
        *table(["a gate told of a window", "time"], per_item(measured, r"gates/update/\w+")),
        *table(
            ["policies in a field", "ms", "ms of one world", "us per further policy"],
            policy_rows(measured),
        ),
        *threshold_lines(measured),
        "## Growth\n",
        *table(["", "ns per request"], per_request(measured, growth)),
        *table(["servers", "ns per request"], server_rows(measured)),
        *table(["threads", "times one thread"], thread_rows(measured)),
        THREADS,
        MEMORY,
        *table(["", "MiB"], memory_rows(measured)),
        BOUNDS,
    ]
    return "\n".join(lines)


#: What the arguments of the benchmark of rollouts mean.
SERVERS = {"rollout/0": "a rollout without servers", "rollout/1": "a rollout with servers"}


def speed_rows(measured: Measured) -> list[list[str]]:
    rows = []
    for what, name, unit in SPEEDS:
        rate = measured.fastest(name)
        if rate is not None:
            rows.append([what, f"{rate / 1e6:.3g} {unit}", f"{1e9 / rate:.3g}"])
    return rows


def step_rows(measured: Measured) -> list[list[str]]:
    """Of a rollout of two days: an engine allocates when a rollout starts, and then no more."""
    rows = []
    for name in measured.names(r"checkers/[\w/]+/time_per_step"):
        time = measured.shortest(name)
        allocations = measured.shortest(name.replace("time_per_step", "allocations_per_step"))
        if time is None or allocations is None:
            continue
        words = name.removeprefix("checkers/").removesuffix("/time_per_step")
        rows.append(
            [
                words.replace("_", " ").replace("/", ", "),
                duration(time),
                f"{1e3 / time:.3g}",
                f"{allocations:.2g}",
            ]
        )
    return rows


def policy_rows(measured: Measured) -> list[list[str]]:
    rows = []
    for name in measured.names(r"curves/field_against_walks/\d+/field_ms"):
        policies = int(name.split("/")[2])
        field_ms = measured.median(name)
        world_ms = measured.median(name.replace("field_ms", "world_ms"))
        if field_ms is None or world_ms is None:
            continue
        beyond = 1e3 * (field_ms - world_ms) / max(policies - 1, 1)
        each = f"{beyond:.3g}" if policies > 1 else ""
        rows.append([f"{policies:,}", f"{field_ms:.3g}", f"{world_ms:.3g}", each])
    return rows


def threshold_lines(measured: Measured) -> list[str]:
    whole = measured.median("curves/threshold_curve_of/1000/to_recording")
    if whole is None:
        return []
    share = 100.0 * (whole - 1.0)
    return [f"A curve of 1,000 thresholds adds {share:.2g}% to the recording it is read from.\n"]


def server_rows(measured: Measured) -> list[list[str]]:
    rows = []
    for name in measured.names(r"serving/\w+(/\d+)?/items_per_second"):
        rate = measured.fastest(name)
        words = name.split("/", 1)[1].removesuffix("/items_per_second").replace("_", " ")
        if rate:
            rows.append([SERVERS.get(words, words), f"{1e9 / rate:.3g}"])
    return rows


def thread_rows(measured: Measured) -> list[list[str]]:
    rows = []
    for name in measured.names(r"curves/threads_against_one/\d+/real_time/speed_up"):
        times = measured.median(name)
        if times is not None:
            rows.append([name.split("/")[2], f"{times:.3g}"])
    return rows


def memory_rows(measured: Measured) -> list[list[str]]:
    rows = []
    for name in measured.names(r"memory/\w+/\d+"):
        _, what, count = name.split("/")
        mebibytes = measured.shortest(name)
        if mebibytes is not None:
            rows.append([f"{int(count):,} {what}", f"{mebibytes:.3g}"])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path, help="a build tree with its benchmarks")
    parser.add_argument("--page", type=pathlib.Path, default=ROOT / "docs" / "performance.md")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--ratios", action="store_true", help="only what is compared; no page")
    arguments = parser.parse_args()
    measured = Measured()
    bench = Bench(arguments.build.resolve(), measured)
    compare(bench, arguments.rounds)
    if not arguments.ratios:
        measure_rest(bench)
        arguments.page.write_text(page(measured, arguments.rounds))
    print("\n".join(table(CLAIM_HEAD, (claim.row(measured) for claim in CLAIMS))))


if __name__ == "__main__":
    main()
