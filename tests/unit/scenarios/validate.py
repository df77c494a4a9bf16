"""Holds every file of the scenario library against the committed schemas, with jsonschema."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import yaml

# Each changes one thing in a good file; the schema must notice.
MISTAKES: dict[str, list[tuple[str, Any]]] = {
    "scenario": [
        ("horizon", 12),
        ("horizon", "12 hours"),
        ("seed", "seven"),
        ("sed", 7),
        ("baseline", {}),
        ("traffic", {"arrivals": {"poisson": {"rate": "40"}}}),
        ("expect", {"confidence": 0.99}),
    ],
    "policy": [
        ("gatewright", 2),
        ("stages", []),
        ("false_alarm_budget", 0.05),
        ("gates", [{"metric": "costs", "harm": {"rises_by": "10%"}}]),
        ("gates", [{"metric": "cost", "harm": {"rises_by": "10%", "above": "$1"}}]),
        ("when_halted", "panic"),
    ],
}


def main(scenarios: Path) -> int:
    """Return the number of surprises, each printed."""
    surprises = 0
    for name, folder in (("scenario", "catalog"), ("policy", "policies")):
        schema = json.loads((scenarios / "schema" / f"{name}.schema.json").read_text())
        jsonschema.Draft7Validator.check_schema(schema)
        validator = jsonschema.Draft7Validator(schema)
        good: dict[str, Any] = {}
        for path in sorted((scenarios / folder).glob("*.yaml")):
            good = yaml.safe_load(path.read_text())
            for error in validator.iter_errors(good):
                print(f"{path}: {'.'.join(map(str, error.path))}: {error.message}")
                surprises += 1
        for key, value in MISTAKES[name]:
            bad = copy.deepcopy(good) | {key: value}
            if validator.is_valid(bad):
                print(f"{name}: {key}: {value!r} is accepted")
                surprises += 1
    return surprises


if __name__ == "__main__":
    sys.exit(min(main(Path(sys.argv[1])), 1))
