"""What a call from Python adds to an experiment; prints microseconds.

The experiment plays one window of sixty requests, once: what is left is what it takes to enter the
core, to make tables and threads, and to hand over a result. PYTHONPATH has gatewright.
"""

import sys
import time

import gatewright as gw

SCENARIO = "scenarios/catalog/cost_regression.yaml"
NOTHING = {"horizon": "1m", "traffic.arrivals.poisson.rate": "1/s", "traffic.users.count": 100}


def main() -> None:
    """Calls again and again; the best counts."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    scenario = gw.load(SCENARIO).with_(NOTHING)
    best = float("inf")
    for _ in range(calls):
        start = time.perf_counter()
        gw.run(scenario, runs=1, threads=1, twin=False)
        best = min(best, time.perf_counter() - start)
    print(1e6 * best)


if __name__ == "__main__":
    main()
