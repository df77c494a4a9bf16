"""Plays the canary in turn by gatewright, by plain C++ and by NumPy, and prints ratios.

Rounds are interleaved and the best of each counts, so that a busy machine disturbs all alike.
"""

import json
import pathlib
import subprocess
import sys

ROUNDS = 3


def benchmarks(program: pathlib.Path, names: str) -> dict[str, float]:
    """Requests per second of each benchmark whose name fits."""
    run = [str(program), f"--benchmark_filter={names}", "--benchmark_format=json"]
    out = subprocess.run([*run, "--benchmark_min_time=0.5"], capture_output=True, check=True)
    found = json.loads(out.stdout)["benchmarks"]
    return {one["name"]: one["requests"] for one in found if "requests" in one}


def numpy_canary() -> dict[str, float]:
    """The same for NumPy."""
    script = pathlib.Path(__file__).with_name("numpy_canary.py")
    out = subprocess.run([sys.executable, str(script), "0.5"], capture_output=True, check=True)
    return {"numpy float64": float(out.stdout)}


def main() -> None:
    """Runs everything and prints a table."""
    folder = pathlib.Path(sys.argv[1])
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        for found in (
            numpy_canary(),
            benchmarks(folder / "bench_reference", "plain_canary"),
            benchmarks(folder / "bench_world", "^canary/|^five_gates_healthy$|^everything$"),
        ):
            for name, speed in found.items():
                best[name] = max(best.get(name, 0.0), speed)
    numpy = best["numpy float64"]
    print(f"{'':24}{'M requests/s':>14}{'ns each':>10}{'x numpy':>10}{'x plain C++':>13}")
    for name, speed in best.items():
        plain = speed / best["plain_canary"]
        print(f"{name:24}{speed / 1e6:14.1f}{1e9 / speed:10.1f}{speed / numpy:10.1f}{plain:13.1f}")


if __name__ == "__main__":
    main()
