#!/usr/bin/env python3
"""Runs every command of README.md and docs/, and compares the output with what the page shows.

A fenced block marked `console` holds commands (`$ ...`, continued by a final backslash) and below
each its exact standard output; a block marked `python` runs as a script and must not fail. A
`console` block whose info string says `elsewhere` is run by another part of the test command, which
the page names. `--update` rewrites the pages with the real output.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*)(.*)$")


def run_shell(command: str, env: dict[str, str]) -> str:
    """Standard output of a command, with its exit status as a last line where it is not 0."""
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=600
    )
    output = done.stdout
    if done.returncode != 0 and "echo" not in command.split()[-2:]:
        output += f"(exit status {done.returncode})\n"
    return output


def split_commands(lines: list[str]) -> list[tuple[list[str], list[str]]]:
    """Pairs of (command lines, output lines) of one console block."""
    pairs: list[tuple[list[str], list[str]]] = []
    continued = False
    for line in lines:
        if line.startswith("$ ") or continued:
            if continued:
                pairs[-1][0].append(line)
            else:
                pairs.append(([line], []))
            continued = line.endswith("\\")
        elif pairs:
            pairs[-1][1].append(line)
    return pairs


def check_page(page: pathlib.Path, env: dict[str, str], update: bool) -> tuple[int, int, int]:
    """Runs one page; returns commands that agree, differ, and stand elsewhere."""
    good = bad = elsewhere = 0
    out: list[str] = []
    lines = page.read_text().splitlines()
    at = 0
    while at < len(lines):
        fence = FENCE.match(lines[at])
        out.append(lines[at])
        at += 1
        if not fence or not fence.group(1):
            continue
        end = at
        while end < len(lines) and lines[end] != "```":
            end += 1
        block = lines[at:end]
        kind, info = fence.group(1), fence.group(2).strip()
        if kind == "console" and info == "elsewhere":
            elsewhere += len(split_commands(block))
            out += block
        elif kind == "console":
            for command_lines, shown in split_commands(block):
                command = "\n".join(command_lines)[2:]
                real = run_shell(command, env).rstrip("\n").splitlines()
                while shown and shown[-1] == "":
                    shown.pop()
                if real == shown:
                    good += 1
                else:
                    bad += 1
                    place = f"{page.relative_to(ROOT)}: $ {command}"
                    print(f"DIFFERS {place}")
                    if not update:
                        print("  page:", *shown, sep="\n    ")
                        print("  real:", *real, sep="\n    ")
                out += command_lines + real
        elif kind == "python":
            with tempfile.TemporaryDirectory() as folder:
                # A script may save a picture: it does so in a folder of its own.
                code = "\n".join(block)
                done = subprocess.run(
                    [sys.executable, "-c", code],
                    cwd=ROOT,
                    env={**env, "MPLBACKEND": "Agg", "MPLCONFIGDIR": folder},
                    capture_output=True,
                    text=True,
                    timeout=600,
                )
            if done.returncode == 0:
                good += 1
            else:
                bad += 1
                print(f"FAILS {page.relative_to(ROOT)}: a python block\n{done.stderr}")
            out += block
        else:
            out += block
        out.append("```")
        at = end + 1
    if update:
        page.write_text("\n".join(out) + "\n")
    return good, bad, elsewhere


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the gatewright executable")
    parser.add_argument("--python-path", default="", help="folder of the built gatewright package")
    parser.add_argument(
        "--update", action="store_true", help="write the real output into the pages"
    )
    parser.add_argument("pages", nargs="*", help="pages to check; all by default")
    arguments = parser.parse_args()
    env = {
        **os.environ,
        "PATH": os.pathsep.join(
            [
                str(pathlib.Path(arguments.bin).resolve()),
                str(pathlib.Path(sys.executable).parent),
                os.environ["PATH"],
            ]
        ),
        "PYTHONPATH": arguments.python_path,
        "NO_COLOR": "1",
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "80",
    }
    env.pop("GITHUB_ACTIONS", None)
    pages = [ROOT / page for page in arguments.pages] or [
        ROOT / "README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    ]
    total_good = total_bad = total_elsewhere = 0
    for page in pages:
        good, bad, elsewhere = check_page(page, env, arguments.update)
        total_good, total_bad = total_good + good, total_bad + bad
        total_elsewhere += elsewhere
    print(f"docs: {total_elsewhere} commands are run by other parts of the test command")
    print(f"docs: {total_good} passed, {total_bad} failed")
    return 1 if total_bad and not arguments.update else 0


if __name__ == "__main__":
    sys.exit(main())
