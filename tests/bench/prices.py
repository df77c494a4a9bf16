"""Prints what a request costs in a world with each feature alone, and how many times a plain one.

Half of the requests go to the candidate, and one thread plays. Rounds are interleaved and the best
of each counts, so that a busy machine disturbs all alike.
"""

import json
import pathlib
import subprocess
import sys

REPETITIONS = 5
FAMILY = "half_with/"


def nanoseconds(program: pathlib.Path) -> dict[str, float]:
    """Per request, by feature."""
    options = ["--benchmark_format=json", "--benchmark_min_time=0.1"]
    options += [f"--benchmark_repetitions={REPETITIONS}", f"--benchmark_filter=^{FAMILY}"]
    options += ["--benchmark_enable_random_interleaving=true"]
    out = subprocess.run([str(program), *options], capture_output=True, check=True)
    best: dict[str, float] = {}
    for run in json.loads(out.stdout)["benchmarks"]:
        if run["run_type"] != "iteration":
            continue
        feature = run["run_name"].removeprefix(FAMILY).split("/")[0].replace("_", " ")
        best[feature] = min(best.get(feature, float("inf")), 1e9 / run["requests"])
    return best


def main() -> None:
    """Runs everything and prints a table."""
    prices = nanoseconds(pathlib.Path(sys.argv[1]) / "bench_world")
    print(f"{'':32}{'ns a request':>14}{'x nothing':>11}")
    for feature, price in sorted(prices.items(), key=lambda item: item[1]):
        print(f"{feature:32}{price:14.1f}{price / prices['nothing']:11.2f}")


if __name__ == "__main__":
    main()
