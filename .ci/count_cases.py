"""Counts the test cases of JUnit files: prints "<passed> <failed>". Used by .ci/test.

GoogleTest writes one file per executable, ctest one with an entry per executable and checker. An
executable that wrote its own file is counted there, and its entry in ctest's file is left out,
unless it failed without a failing case (it crashed).
"""

from __future__ import annotations

import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def cases(path: pathlib.Path) -> list[tuple[str, bool | None]]:
    """Name and outcome of each case of one file; None is a skipped or disabled one."""
    found: list[tuple[str, bool | None]] = []
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return found
    for case in root.iter("testcase"):
        outcome: bool | None = case.find("failure") is None and case.find("error") is None
        if case.get("status") == "fail":
            outcome = False
        skipped = case.find("skipped") is not None
        if skipped or case.get("status") in ("notrun", "disabled"):
            outcome = None
        found.append((case.get("name", ""), outcome))
    return found


def count(paths: list[pathlib.Path]) -> tuple[int, int]:
    """Cases that passed and cases that failed, over all files."""
    passed = failed = 0
    own_files: dict[str, bool] = {}
    for path in paths:
        if path.name == "ctest.xml":
            continue
        outcomes = [outcome for _, outcome in cases(path)]
        own_files[path.stem] = False in outcomes
        passed += outcomes.count(True)
        failed += outcomes.count(False)
    for path in paths:
        if path.name != "ctest.xml":
            continue
        for name, outcome in cases(path):
            if outcome is True and name not in own_files:
                passed += 1
            elif outcome is False and not own_files.get(name, False):
                failed += 1
    return passed, failed


if __name__ == "__main__":
    print(*count([pathlib.Path(argument) for argument in sys.argv[1:]]))
