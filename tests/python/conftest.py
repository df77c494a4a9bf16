"""What the tests of the Python package share."""

from __future__ import annotations

import os
import pathlib
import shutil

import gatewright as gw
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths in tests are those that a reader of the README would type."""
    monkeypatch.chdir(ROOT)


@pytest.fixture
def world() -> gw.Scenario:
    """A small world, quick to play: 2 requests a second, costs doubled."""
    return gw.testing.worlds()[1]


@pytest.fixture
def command_line() -> str:
    """The command-line tool of the same build."""
    package = pathlib.Path(gw.__file__).parent
    for found in (
        os.environ.get("GATEWRIGHT_CLI"),
        package.parents[1] / "bin" / "gatewright",
        shutil.which("gatewright"),
    ):
        if found and os.access(found, os.X_OK):
            return str(found)
    pytest.skip("the command-line tool is not built")
