"""One server in plain CPython: an event loop on heapq; prints events per second.

Workload A: Poisson arrivals at 0.9 per second, exponential service of mean 1. Run by report.py.
"""

import heapq
import random
import sys
import time
from collections import deque

ARRIVAL, END = 0, 1


def play(customers: int) -> float:
    """The mean time in the system of so many customers."""
    draw = random.Random(1).expovariate
    events = [(draw(0.9), ARRIVAL)]
    waiting: deque[float] = deque()
    arrived = ended = 0
    total = 0.0
    while ended < customers:
        now, kind = heapq.heappop(events)
        if kind == ARRIVAL:
            arrived += 1
            if arrived < customers:
                heapq.heappush(events, (now + draw(0.9), ARRIVAL))
            waiting.append(now)
            if len(waiting) == 1:
                heapq.heappush(events, (now + draw(1.0), END))
        else:
            total += now - waiting.popleft()
            ended += 1
            if waiting:
                heapq.heappush(events, (now + draw(1.0), END))
    return total / customers


def main() -> None:
    """Plays as many customers as asked for and prints the speed."""
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    start = time.process_time()
    play(customers)
    print(2 * customers / (time.process_time() - start))


if __name__ == "__main__":
    main()
