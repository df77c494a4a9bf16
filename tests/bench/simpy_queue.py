"""One server in SimPy: a process per customer at a resource; prints events per second.

Workload A: Poisson arrivals at 0.9 per second, exponential service of mean 1. Run by report.py.
"""

import random
import sys
import time
from collections.abc import Generator

import simpy

Process = Generator[simpy.Event, None, None]


class Queue:
    """A server, and the time that its customers have spent."""

    def __init__(self, customers: int) -> None:
        self.customers = customers
        self.environment = simpy.Environment()
        self.server = simpy.Resource(self.environment, capacity=1)
        self.draw = random.Random(1).expovariate
        self.total = 0.0

    def customer(self) -> Process:
        """Waits, is served and leaves."""
        arrived = self.environment.now
        with self.server.request() as turn:
            yield turn
            yield self.environment.timeout(self.draw(1.0))
        self.total += self.environment.now - arrived

    def source(self) -> Process:
        """Sends the customers."""
        for _ in range(self.customers):
            yield self.environment.timeout(self.draw(0.9))
            self.environment.process(self.customer())

    def play(self) -> float:
        """The mean time in the system."""
        self.environment.process(self.source())
        self.environment.run()
        return self.total / self.customers


def main() -> None:
    """Plays as many customers as asked for and prints the speed."""
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    start = time.process_time()
    Queue(customers).play()
    print(2 * customers / (time.process_time() - start))


if __name__ == "__main__":
    main()
