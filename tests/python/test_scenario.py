from __future__ import annotations

import pathlib
import pickle
from datetime import timedelta

import gatewright as gw
import pytest

COST = "scenarios/catalog/cost_regression.yaml"
CATALOG = pathlib.Path(__file__).resolve().parents[2] / "scenarios" / "catalog"


@pytest.mark.parametrize("path", sorted(CATALOG.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_scenario_of_the_catalog_loads(path: pathlib.Path) -> None:
    scenario = gw.load(path)
    assert scenario.name == path.stem
    assert scenario.about
    assert scenario.stages


def test_a_scenario_says_what_it_is() -> None:
    scenario = gw.load(COST)
    assert scenario.seed == 7
    assert scenario.horizon == timedelta(hours=12)
    assert scenario.harmful
    assert "cost" in scenario.sentence
    assert scenario.policy == "five_gates_anytime"
    assert [stage.name for stage in scenario.stages][:3] == ["shadow", "1%", "10%"]
    assert scenario.stages[1].exposure == pytest.approx(0.01)
    assert scenario.stages[1].dwell == timedelta(minutes=30)
    cost = next(gate for gate in scenario.gates if gate.name == "cost")
    assert (cost.metric, cost.guarantee, cost.role) == ("cost", "anytime", "protective")
    assert sum(gate.false_alarm for gate in scenario.gates) == pytest.approx(0.05)
    assert "cost_regression" in repr(scenario)
    assert "<table>" in scenario._repr_html_()


def test_get_reads_by_path_and_item_name() -> None:
    scenario = gw.load(COST)
    assert scenario.get("policy.gates.cost.harm.rises_by") == "20%"
    assert scenario.get("candidate.effects.cost") == {
        "metric": "cost",
        "multiply": "1.25",
        "from": "0m",
    }
    assert isinstance(scenario.get("policy.stages"), list)
    with pytest.raises(KeyError):
        scenario.get("policy.gates.nothing")


def test_with_changes_a_copy() -> None:
    scenario = gw.load(COST)
    changed = scenario.with_(
        {"policy.gates.cost.harm.rises_by": "10%", "candidate.effects.cost.multiply": 1.5}
    )
    assert changed.get("policy.gates.cost.harm.rises_by") == "10%"
    assert changed.get("candidate.effects.cost.multiply") == "1.5"
    assert scenario.get("policy.gates.cost.harm.rises_by") == "20%"
    assert changed.with_({"seed": 3}).seed == 3
    assert not scenario.with_({"candidate.effects.cost.multiply": 1}).harmful


def test_effective_writes_every_default_and_loads_again() -> None:
    text = gw.load(COST).effective()
    assert "missed_harm_budget" in text
    assert gw.loads(text).name == "cost_regression"


def test_a_missing_file_is_a_plan_error() -> None:
    with pytest.raises(gw.PlanError) as error:
        gw.load("scenarios/catalog/nothing.yaml")
    assert error.value.diagnostics


def test_a_plan_error_tells_every_problem_and_its_place(tmp_path: pathlib.Path) -> None:
    text = pathlib.Path(COST).read_text(encoding="utf-8")
    text = text.replace("multiply: 1.25", "multiplied: 1.25").replace("horizon: 12h", "horizon: 12")
    text = text.replace("../policies/", str(pathlib.Path("scenarios/policies").resolve()) + "/")
    file = tmp_path / "wrong.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="horizon") as error:
        gw.load(file)
    assert isinstance(error.value, gw.PlanError)
    problems = {problem.path: problem for problem in error.value.diagnostics}
    assert len(problems) >= 2
    horizon = problems["horizon"]
    line = text[: text.index("horizon:")].count("\n") + 1
    assert (horizon.file, horizon.line, horizon.severity) == (str(file), line, "error")
    assert horizon.column > 1
    assert f"{file}:{line}:" in str(error.value)
    assert "did you mean `multiply`" in problems["candidate.effects.cost"].message


def test_a_wrong_setting_names_itself() -> None:
    scenario = gw.load(COST)
    with pytest.raises(gw.PlanError) as error:
        scenario.with_({"policy.gates.coast.harm.rises_by": "10%", "traffic.userz.count": 3})
    paths = [problem.path for problem in error.value.diagnostics]
    assert "policy.gates.coast.harm.rises_by" in paths
    assert all(not problem.file.startswith("--") for problem in error.value.diagnostics)
    with pytest.raises(gw.PlanError, match=r"policy\.gates\.cost\.harm\.rises_by"):
        scenario.with_({"policy.gates.cost.harm.rises_by": 10})
    with pytest.raises(TypeError, match="a setting is a bool, int, float or str"):
        scenario.with_({"seed": [1]})  # type: ignore[dict-item]


def test_plan_errors_can_be_sent_between_processes() -> None:
    with pytest.raises(gw.PlanError) as error:
        gw.loads("gatewright: 1\n")
    again = pickle.loads(pickle.dumps(error.value))
    assert isinstance(again, gw.PlanError)
    assert again.diagnostics == error.value.diagnostics
    assert str(again) == str(error.value)
