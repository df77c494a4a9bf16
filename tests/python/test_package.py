from __future__ import annotations

import ast
import importlib.util
import inspect
import pathlib
import re
import subprocess
import sys

import gatewright as gw
import pytest
from gatewright import _core

LAZY = ("numpy", "pandas", "matplotlib", "pyarrow")


def output_of(*arguments: str) -> str:
    """What another interpreter prints."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def test_importing_is_quick_and_brings_nothing_large() -> None:
    code = (
        "import sys, time; start = time.perf_counter(); import gatewright; "
        "print(time.perf_counter() - start); "
        f"print([name for name in {LAZY} if name in sys.modules])"
    )
    seconds = []
    for _ in range(5):
        elapsed, brought = output_of("-c", code).splitlines()
        assert brought == "[]"
        seconds.append(float(elapsed))
    assert min(seconds) < 0.1


def test_the_package_says_its_version() -> None:
    assert output_of("-m", "gatewright") == f"gatewright {gw.__version__}\n"
    assert re.fullmatch(r"\d+\.\d+\.\d+", gw.__version__)


def test_everything_public_is_documented() -> None:
    for name in gw.__all__:
        thing = getattr(gw, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert thing.__doc__, name
        if not inspect.isclass(thing) or not thing.__module__.startswith("gatewright"):
            continue
        for member, value in vars(thing).items():
            says = inspect.isfunction(value) or isinstance(value, property)
            assert member.startswith("_") or not says or value.__doc__, f"{name}.{member}"


def signatures_of_the_stub() -> dict[str, list[str] | None]:
    """Arguments by dotted name; None for attributes and classes."""
    path = pathlib.Path(gw.__file__).with_name("_core.pyi")
    found: dict[str, list[str] | None] = {}

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                found[prefix + node.name] = None
                visit(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found[prefix + node.target.id] = None
            elif isinstance(node, ast.FunctionDef):
                decorators = {d.id for d in node.decorator_list if isinstance(d, ast.Name)}
                arguments = [a.arg for a in [*node.args.args, *node.args.kwonlyargs]]
                plain = [name for name in arguments if name != "self"]
                found[prefix + node.name] = None if "property" in decorators else plain

    visit(ast.parse(path.read_text(encoding="utf-8")).body, "")
    return found


def signatures_of_the_module() -> dict[str, list[str] | None]:
    """The same from the compiled module, whose docstrings begin with the signature."""
    found: dict[str, list[str] | None] = {}

    def arguments(function: object) -> list[str]:
        signature = (inspect.getdoc(function) or "").splitlines()[0]
        inside = signature[signature.index("(") + 1 : signature.rindex(")")]
        names = re.findall(r"(?:^|, )(\w+): ", re.sub(r"\[[^\]]*\]", "", inside))
        return [name for name in names if name != "self"]

    def visit(thing: object, prefix: str) -> None:
        for name, value in vars(thing).items():
            if name.startswith("_") and name not in ("__version__", "__len__", "__getitem__"):
                continue
            if inspect.isclass(value):
                found[prefix + name] = None
                visit(value, f"{prefix}{name}.")
            elif isinstance(value, staticmethod):
                found[prefix + name] = arguments(value.__func__)
            elif callable(value):
                found[prefix + name] = arguments(value)
            else:
                found[prefix + name] = None

    visit(_core, "")
    return found


def test_the_stub_is_that_of_the_module() -> None:
    assert signatures_of_the_stub() == signatures_of_the_module()


def test_the_package_is_typed() -> None:
    assert pathlib.Path(gw.__file__).with_name("py.typed").is_file()


def test_the_figure_of_the_readme_is_reproducible(tmp_path: pathlib.Path) -> None:
    spec = importlib.util.spec_from_file_location("figures", "docs/figures.py")
    assert spec is not None
    assert spec.loader is not None
    figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figures)
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    for file in (first, second):
        figures.operating_curve(file, runs=1)
    assert first.read_bytes() == second.read_bytes()
    assert b"<svg" in first.read_bytes()
    assert b"dc:date" not in first.read_bytes()


def readme_example() -> str:
    """The first Python block of the README."""
    readme = pathlib.Path("README.md").read_text(encoding="utf-8")
    return str(re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)[0])


@pytest.mark.parametrize("runs", ["20", pytest.param("2_000", marks=pytest.mark.slow, id="2_000")])
def test_the_ten_lines_of_the_readme_run(runs: str) -> None:
    code, changed = re.subn(r"runs=[\d_]+", f"runs={runs}", readme_example())
    assert changed == 1
    lines = [line for line in code.splitlines() if "gw.plots" not in line]
    assert len(lines) + 1 <= 10
    names: dict[str, object] = {}
    exec("\n".join(lines), names)
    frame = names["frame"]
    assert frame.shape[0] == 12  # type: ignore[attr-defined]
    assert {"detection_probability", "false_alarm_rate_lower", "fingerprint"} <= set(frame.columns)  # type: ignore[attr-defined]
