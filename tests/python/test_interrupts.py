from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator

import gatewright as gw
import pytest

MULTIPLY = "candidate.effects.cost.multiply"


def interrupting_after(enough: int) -> Callable[[int, int], None]:
    """A listener that lets another thread press Ctrl-C once so many replications are done."""
    now = threading.Event()

    def press() -> None:
        if now.wait(timeout=60):
            os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()

    def listen(done: int, total: int) -> None:
        if done >= enough:
            now.set()

    return listen


@pytest.fixture(autouse=True)
def listening_to_interrupts() -> Iterator[None]:
    """A job that a script starts in the background ignores Ctrl-C, and so would these tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupted_sweep_keeps_finished_cells(world: gw.Scenario) -> None:
    factors = [1.0 + 0.01 * step for step in range(200)]
    sweep = gw.sweep(world, runs=50, over={MULTIPLY: factors}, progress=interrupting_after(3 * 50))
    assert sweep.interrupted
    assert 0 < len(sweep) < len(factors)
    assert "interrupted" in repr(sweep)
    whole = gw.sweep(world, runs=50, over={MULTIPLY: factors[:2]})
    assert list(sweep.column(MULTIPLY)) == factors[: len(sweep)]
    assert list(sweep.column("fingerprint")[:2]) == list(whole.column("fingerprint")[: len(sweep)])


# One thread is the caller's own, which looks for signals between replications.
@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupted_run_keeps_finished_runs(world: gw.Scenario, threads: int) -> None:
    result = gw.run(world, runs=1_000_000, threads=threads, progress=interrupting_after(1))
    assert result.interrupted
    assert 0 < len(result.records) < 1_000_000
    assert len(result.records) == len(result.twin_records)
    whole = gw.run(world, runs=len(result.records))
    assert whole.fingerprint == result.fingerprint
    assert "Interrupted" in result.text()


def test_an_interrupted_python_policy_keeps_finished_runs(world: gw.Scenario) -> None:
    result = gw.run(world, gw.Policy(), runs=1_000_000, progress=interrupting_after(40))
    assert result.interrupted
    assert len(result.records) > 0


@pytest.mark.parametrize("threads", [1, 2])
def test_what_a_listener_or_a_signal_handler_raises_ends_the_run(
    world: gw.Scenario, threads: int
) -> None:
    def give_up(*_: object) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        gw.run(world, runs=1_000_000, threads=threads, progress=give_up)
    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(RuntimeError, match="enough"):
            gw.run(world, runs=1_000_000, threads=threads)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("threads", [1, 2])
def test_other_threads_go_on_while_a_run_is_played(world: gw.Scenario, threads: int) -> None:
    counted = 0
    is_over = threading.Event()

    def count() -> None:
        nonlocal counted
        while not is_over.wait(timeout=0.001):
            counted += 1

    other = threading.Thread(target=count)
    other.start()
    gw.run(world, runs=200, threads=threads)
    is_over.set()
    other.join()
    assert counted > 3


def test_nothing_to_keep_is_an_interrupt(world: gw.Scenario) -> None:
    with pytest.raises(KeyboardInterrupt):
        gw.sweep(world, runs=1_000_000, over={"seed": [1]}, progress=interrupting_after(1))
