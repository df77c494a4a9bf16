from __future__ import annotations

import importlib.util
import pathlib
import re
import subprocess
import sys
from types import ModuleType
from typing import Any

import gatewright as gw
import pytest


@pytest.fixture(scope="module")
def gate_table() -> ModuleType:
    place = pathlib.Path(__file__).resolve().parents[2] / "docs" / "gate_table.py"
    spec = importlib.util.spec_from_file_location("gate_table", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["gate_table"] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def arguments(tmp_path: pathlib.Path) -> list[str]:
    """Two tests on thumbs down and errors, at 10 requests a minute and 10 a second."""
    return [
        *("--runs", "6", "3", "0", "--tests", "z_test", "poisson_max_sprt", "--threads", "1"),
        *("--metrics", "thumbs_down", "error"),
        *("--state", str(tmp_path / "state"), "--output", str(tmp_path / "table.md")),
    ]


def test_every_gate_test_is_in_the_table(gate_table: ModuleType) -> None:
    rows = gate_table.rows()
    assert {row.test for row in rows} == set(gw.GATE_TESTS)
    assert len({row.name for row in rows}) == len(rows)


def test_the_page_has_the_tests_of_the_table(gate_table: ModuleType) -> None:
    rows = {f"| `{row.test}` | {row.guarantee.replace('_', ' ')} |" for row in gate_table.rows()}
    starts = re.findall(r"^\| `\w+` \| [a-z ]+ \|", gate_table.PAGE.read_text(), re.MULTILINE)
    assert set(starts) == rows


def test_lint_warns_of_each_promise_that_was_seen_broken(
    gate_table: ModuleType, command_line: str, tmp_path: pathlib.Path
) -> None:
    rows = {(row.test, row.metric): row for row in gate_table.rows()}
    worlds = {world.key: world for world in gate_table.worlds()}
    broken = re.findall(r"^\* `(\w+)` on (\w+), (.*): ", gate_table.PAGE.read_text(), re.MULTILINE)
    assert broken, "the page lists none"
    unsaid = []
    for test, metric, key in broken:
        world, row = worlds[key], rows[test, metric]
        scenario, policy = tmp_path / "world.yaml", tmp_path / "policy.yaml"
        scenario.write_text(re.sub(r"^policy: .*$", "policy: policy.yaml", world.text, flags=re.M))
        policy.write_text(row.plan(gate_table.RATES[world.rate], world.harm))
        said = subprocess.run(
            [command_line, "lint", str(scenario)], capture_output=True, text=True, check=False
        )
        if not re.search(r"warning: policy\.gates\.gate\.test: ", said.stdout + said.stderr):
            unsaid.append((test, metric, key))
    assert unsaid == []


def test_a_small_table_is_played_kept_and_written(
    gate_table: ModuleType,
    arguments: list[str],
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert gate_table.main(arguments) == 0
    page = (tmp_path / "table.md").read_text()
    assert "6 at 10/min, 3 at 10/s" in page
    assert "errors in bursts, 10/s" in page
    assert "bursty arrivals, 10/s" in page
    assert "window noise" not in page.split("## Thumbs")[1]
    assert "| `poisson_max_sprt` | fixed looks |" in page
    monkeypatch.setattr(gw, "sweep", lambda *_, **__: pytest.fail("played again"))
    (tmp_path / "table.md").unlink()
    assert gate_table.main(arguments) == 0
    assert (tmp_path / "table.md").read_text() == page


def test_pairs_and_interleaved_lists_are_told_to_their_tests(
    gate_table: ModuleType, tmp_path: pathlib.Path
) -> None:
    """5% of the traffic are 30 pairs or some clicks a minute: far worse candidates are halted."""
    plays = gate_table.Plays({"10/s": 3}, 7, 1, tmp_path)
    effects = {
        "cost": "{metric: cost, multiply: 1.5}",
        "error": "{metric: error, multiply: 6}",
        "preference": "{metric: quality, shift: -40pp}",
    }
    wanted = {"paired_mixture", "paired_t", "paired_rate", "mcnemar", "sign_test", "ab_test"}
    rows = [row for row in gate_table.rows() if row.test in wanted | {"ratio_mixture"}]
    for metric, effect in effects.items():
        world = gate_table.World(f"far_worse_{metric}", "10/s", (metric,), effect=effect)
        for name, cell in gate_table.play(world, rows, plays).items():
            assert cell["detection_probability"] == 1.0, name


def test_an_interrupt_keeps_what_is_finished(
    gate_table: ModuleType,
    arguments: list[str],
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, played = gw.sweep, []

    def interrupted_later(scenario: gw.Scenario, **options: Any) -> gw.Sweep:
        played.append(scenario.name)
        if len(played) == 2:
            raise KeyboardInterrupt
        return real(scenario, **options)

    monkeypatch.setattr(gw, "sweep", interrupted_later)
    assert gate_table.main(arguments) == 130
    page = (tmp_path / "table.md").read_text()
    assert "| test | guarantee | 10/min |\n" in page
    assert len(list((tmp_path / "state").iterdir())) == 1
    assert gate_table.main(arguments) == 0
    assert played[:3] == ["healthy", "R8", "R8"]


def test_a_broken_promise_is_in_bold(gate_table: ModuleType) -> None:
    row = gate_table.Row("error", "two_sample_rate", "ratio_above: 1x")
    promised_nothing = gate_table.Row("error", "z_test", "ratio_above: 1x")
    cell = {
        "false_alarm_rate": 0.1,
        "false_alarm_rate_lower": 0.06,
        "false_alarm_rate_upper": 0.1432,
    }
    assert gate_table.false_alarms(cell, row) == "**10 (6–14.3)**"
    assert gate_table.false_alarms(cell, promised_nothing) == "10 (6–14.3)"
    kept = cell | {"false_alarm_rate_lower": 0.05}
    assert gate_table.false_alarms(kept, row) == "10 (5–14.3)"
