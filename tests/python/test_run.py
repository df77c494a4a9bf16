from __future__ import annotations

import math
import subprocess
import threading
import time

import gatewright as gw
import pytest

COST = "scenarios/catalog/cost_regression.yaml"
TEXTBOOK = "scenarios/policies/five_gates_textbook.yaml"


def test_a_harmful_candidate_is_halted_and_its_twin_is_not(world: gw.Scenario) -> None:
    result = gw.run(world, runs=20)
    detection = result.estimates["detection_probability"]
    assert detection == (1.0, detection.lower, 1.0, 20, "clopper_pearson")
    assert 0.8 < detection.lower < 1.0
    assert result.estimates["false_alarm_rate"].value <= 0.2
    assert result.violations == 0
    assert result.policy_language == "native"
    assert not result.interrupted
    assert result.seed == world.seed
    assert result.fingerprint in repr(result)
    assert "detection_probability" in result._repr_html_()


def test_records_are_a_sequence(world: gw.Scenario) -> None:
    result = gw.run(world, runs=5)
    assert len(result.records) == len(result.twin_records) == 5
    assert [record.replication for record in result.records] == [0, 1, 2, 3, 4]
    assert result.records[-1].replication == 4
    assert [record.replication for record in result.records[1:3]] == [1, 2]
    with pytest.raises(IndexError):
        result.records[5]
    with pytest.raises(IndexError):
        result.records[-6]
    record = result.records[0]
    assert record.outcome == "halted"
    assert record.cause == "gate_failed"
    assert record.failing == ("cost",)
    assert record.stage == world.stages[record.stage_index].name
    assert record.detection_delay_minutes is not None
    assert 0 < record.detection_delay_minutes <= record.ended_at_minutes
    assert result.twin_records[0].detection_delay_minutes is None
    assert record.violations == ()
    assert "halted" in repr(record)


def test_records_tell_what_ab_tests_found_of_all_users_and_of_segments() -> None:
    result = gw.run("scenarios/catalog/ab_segments.yaml", runs=4, twin=False)
    tests = ("ab test", "ab test free", "ab test premium")
    for record in result.records:
        assert tuple(record.found) == tests
        assert record.outcome == "halted"
        halting = [test for test in tests if record.found[test] == "baseline_wins"]
        assert record.failing == tuple(halting)
    assert {record.failing for record in result.records} >= {("ab test premium",)}
    for test in tests:
        column = result.records.column(f"found.{test}").tolist()
        assert column == [record.found[test] for record in result.records]
        shares = [
            result.estimates[f"found.{test}.{finding}"].value
            for finding in ("inconclusive", "equivalent", "candidate_wins", "baseline_wins")
        ]
        assert sum(shares) == 1.0
    assert not any(name.startswith("found.refusal") for name in result.records.columns)


def test_a_policy_without_ab_tests_finds_nothing(world: gw.Scenario) -> None:
    records = gw.run(world, runs=1, twin=False).records
    assert records[0].found == {}
    assert not any(name.startswith("found.") for name in records.columns)


@pytest.mark.parametrize("arguments", [[], ["--policy", TEXTBOOK], ["--confidence", "99%"]])
def test_json_and_text_are_those_of_the_command_line(
    command_line: str, arguments: list[str]
) -> None:
    result = gw.run(
        COST,
        policy=TEXTBOOK if "--policy" in arguments else None,
        runs=5,
        seed=3,
        confidence=0.99 if "--confidence" in arguments else 0.95,
    )
    command = [command_line, "run", COST, "--runs", "5", "--seed", "3", *arguments]
    environment = {"LC_ALL": "C.UTF-8", "NO_COLOR": "1"}

    def said(*more: str) -> str:
        done = subprocess.run(
            [*command, *more], capture_output=True, text=True, check=True, env=environment
        )
        return done.stdout

    assert result.json() == said("--json")
    assert result.text() == said()


def test_changes_by_path_are_those_of_the_command_line(command_line: str) -> None:
    settings = {"horizon": "3h", "candidate.effects.cost.multiply": 1.5}
    result = gw.run(gw.load(COST).with_(settings), runs=3, seed=3)
    flags = [flag for path, value in settings.items() for flag in ("--set", f"{path}={value}")]
    done = subprocess.run(
        [command_line, "run", COST, *flags, "--runs", "3", "--seed", "3", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.json() == done.stdout


def test_the_result_does_not_depend_on_the_threads(world: gw.Scenario) -> None:
    one, two, more = (gw.run(world, runs=40, threads=threads) for threads in (1, 2, 7))
    assert one.fingerprint == two.fingerprint == more.fingerprint
    assert one.json() == two.json() == more.json()


def test_the_seed_names_the_worlds(world: gw.Scenario) -> None:
    assert gw.run(world, runs=3).fingerprint == gw.run(world, runs=3, seed=7).fingerprint
    assert gw.run(world, runs=3).fingerprint != gw.run(world, runs=3, seed=8).fingerprint
    few, many = gw.run(world, runs=3), gw.run(world, runs=6)
    assert [record.fingerprint for record in few.records] == [
        record.fingerprint for record in many.records[:3]
    ]


def test_without_its_twin_a_run_says_nothing_of_false_alarms(world: gw.Scenario) -> None:
    result = gw.run(world, runs=3, twin=False)
    assert len(result.twin_records) == 0
    assert math.isnan(result.estimates["false_alarm_rate"].value)
    assert result.estimates["false_alarm_rate"].runs == 0


def test_a_policy_file_takes_the_place_of_the_scenario_s_own() -> None:
    result = gw.run(gw.load(COST).with_({"horizon": "2h"}), TEXTBOOK, runs=2)
    assert result.policy == "five_gates_textbook"
    with pytest.raises(gw.PlanError):
        gw.run(COST, "scenarios/policies/nothing.yaml")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"runs": 0}, "runs is 0; expected at least 1"),
        ({"runs": -1}, "runs is -1"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**64}, "expected 0 to"),
        ({"threads": -1}, "threads is -1"),
        ({"confidence": 95}, "confidence is 95; expected above 0 and below 1"),
        ({"confidence": math.nan}, "confidence is nan"),
    ],
)
def test_numbers_out_of_range_are_refused(
    world: gw.Scenario, arguments: dict[str, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        gw.run(world, **arguments)
    with pytest.raises(ValueError, match=message):
        gw.sweep(world, over={"seed": [1]}, **arguments)


def test_numbers_are_numbers(world: gw.Scenario) -> None:
    with pytest.raises(TypeError):
        gw.run(world, runs=2.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected an instance"):
        gw.run(world, gw.Policy)  # type: ignore[arg-type]


def test_the_interpreter_s_lock_is_free_meanwhile(world: gw.Scenario) -> None:
    turns = 0
    ended = threading.Event()

    def count() -> None:
        nonlocal turns
        while not ended.is_set():
            turns += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    started, before = time.perf_counter(), turns
    gw.run(world, runs=300)
    elapsed, gained = time.perf_counter() - started, turns - before
    ended.set()
    thread.join()
    assert gained > 20 * elapsed


def test_progress_rises_to_the_total(world: gw.Scenario) -> None:
    told: list[tuple[int, int]] = []
    threads = set()

    def listen(done: int, total: int) -> None:
        told.append((done, total))
        threads.add(threading.current_thread())

    gw.run(world, runs=100, progress=listen)
    assert told == sorted(told)
    assert told[-1] == (200, 200)
    assert threads == {threading.current_thread()}


def test_what_progress_raises_is_raised(world: gw.Scenario) -> None:
    def refuse(done: int, total: int) -> None:
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        gw.run(world, runs=100, progress=refuse)
