#!/usr/bin/env python3
"""Runs the commands of the transcripts beside this file; compares what they print, byte for byte.

A transcript holds commands (`$ ...`) and below each its standard output, then its standard error
with `! ` in front of every line, then `(exit status N)` unless that is 0. Commands run in bash at
the root of the repository with the built `gatewright` first on the path; $TMP is an empty folder of
the transcript's own. Fingerprints are masked, because they belong to a build. `--update` writes
what is printed into the transcripts.
"""

from __future__ import annotations

import argparse
import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FINGERPRINT = re.compile(r"(?<=fingerprint)(?:\W+[0-9a-f]{16}\b)+")


def masked(text: str, folder: str) -> str:
    """What is printed, without what differs from build to build and from place to place."""
    return FINGERPRINT.sub(" ...", text).replace(folder, "$TMP")


def run(command: str, binaries: pathlib.Path, folder: str) -> str:
    """A command's block of the transcript."""
    env = {
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
        "TMP": folder,
        "HOME": folder,
    }
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=300
    )
    output = done.stdout
    if output and not output.endswith("\n"):
        output += "\n(no newline at the end)\n"
    output += "".join(f"! {line}\n" for line in done.stderr.splitlines())
    if done.returncode != 0:
        output += f"(exit status {done.returncode})\n"
    return f"$ {command}\n{masked(output, folder)}"


def replayed(transcript: str, binaries: pathlib.Path) -> str:
    """The transcript as it would be written now; lines before the first command are kept."""
    commands = [line[2:] for line in transcript.splitlines() if line.startswith("$ ")]
    head = transcript.partition("$ ")[0]
    with tempfile.TemporaryDirectory() as folder:
        return head + "\n".join(run(command, binaries, folder) for command in commands)


def main() -> int:
    """Compares or updates; exit status 1 if a transcript differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the gatewright executable")
    parser.add_argument("--update", action="store_true", help="write what is printed now")
    parser.add_argument("names", nargs="*", help="transcripts, such as run.txt; all by default")
    arguments = parser.parse_args()
    binaries = pathlib.Path(arguments.bin).resolve()
    paths = [HERE / name for name in arguments.names] or sorted(HERE.glob("*.txt"))
    paths = [path for path in paths if path.name != "CMakeLists.txt"]
    differing = 0
    for path in paths:
        kept = path.read_text(encoding="utf-8")
        now = replayed(kept, binaries)
        if now == kept:
            continue
        differing += 1
        if arguments.update:
            path.write_text(now, encoding="utf-8")
            print(f"updated {path.name}")
            continue
        lines = difflib.unified_diff(
            kept.splitlines(), now.splitlines(), f"{path.name} as kept", "as printed", lineterm=""
        )
        print(*lines, sep="\n")
    print(f"golden: {len(paths) - differing} of {len(paths)} transcripts agree")
    return 1 if differing and not arguments.update else 0


if __name__ == "__main__":
    sys.exit(main())
