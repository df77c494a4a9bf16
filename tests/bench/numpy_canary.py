"""The same canary in NumPy, vectorised window by window; prints requests per second.

One thread, float64: exponential gaps, arms, lognormal latencies and token counts, errors, thumbs;
P95 and P99 per arm, five rules. Run beside bench_world by report.py.
"""

import sys
import time

import numpy as np

WINDOW_SECONDS = 300.0
RATE_PER_SECOND = 50.0
LATENCY_MEDIANS = np.log([0.80, 0.84])
ERRORS = np.array([0.010, 0.012])


def window(random: np.random.Generator) -> tuple[int, int]:
    """Plays one window; its requests, and how many rules object."""
    gaps = random.exponential(1.0 / RATE_PER_SECOND, int(WINDOW_SECONDS * RATE_PER_SECOND * 1.1))
    count = int(np.searchsorted(np.cumsum(gaps), WINDOW_SECONDS))
    candidate = random.random(count) < 0.05
    arm = candidate.astype(np.intp)
    latency = random.lognormal(LATENCY_MEDIANS[arm], 0.6)
    tokens_in = np.maximum(1.0, np.rint(random.lognormal(np.log(300.0), 1.0, count)))
    tokens_out = np.maximum(1.0, np.rint(random.lognormal(np.log(200.0), 0.8, count)))
    cost = tokens_in * 3e-6 + tokens_out * 15e-6
    error = random.random(count) < ERRORS[arm]
    down = random.random(count) < 0.03
    seen = []
    for who in (~candidate, candidate):
        p95, p99 = np.percentile(latency[who], (95.0, 99.0))
        seen.append((p95, p99, error[who].mean(), down[who].mean(), cost[who].mean()))
    base, cand = seen
    objections = (
        int(cand[0] > 1.20 * base[0])
        + int(cand[1] > 1.25 * base[1])
        + int(cand[2] > base[2] + 0.01)
        + int(cand[3] > base[3] + 0.02)
        + int(cand[4] > 1.1 * base[4])
    )
    return count, objections


def main() -> None:
    """Plays windows for the seconds given and prints the speed."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    random = np.random.default_rng(1)
    window(random)
    requests = 0
    start = time.process_time()
    while time.process_time() - start < seconds:
        requests += window(random)[0]
    print(requests / (time.process_time() - start))


if __name__ == "__main__":
    main()
