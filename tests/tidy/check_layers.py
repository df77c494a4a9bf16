"""Compares every #include of the tree with the table of layers.txt."""

from __future__ import annotations

import argparse
import fnmatch
import pathlib
import re
import sys
from dataclasses import dataclass, field

import sources

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
STANDARD = re.compile(r"[a-z0-9_]+")


@dataclass
class Table:
    """The table of layers.txt, section by section."""

    rooms: list[tuple[str, str]] = field(default_factory=list)  # (room, pattern), in order
    may_include: dict[str, set[str]] = field(default_factory=dict)
    packages: list[tuple[str, set[str]]] = field(default_factory=list)
    never: dict[str, set[str]] = field(default_factory=dict)

    def room_of(self, path: str) -> str | None:
        """The room of the last pattern that fits."""
        found = None
        for room, pattern in self.rooms:
            if fnmatch.fnmatchcase(path, pattern):
                found = room
        return found


def read_table(path: pathlib.Path) -> Table:
    """Reads layers.txt; a line that makes no sense ends the check."""
    table = Table()
    section = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0].startswith("["):
            section = " ".join(words)
            continue
        name, values = words[0], words[1:]
        if section == "[rooms]":
            table.rooms += [(name, pattern) for pattern in values]
        elif section == "[may include]":
            table.may_include.setdefault(name, set()).update(values)
        elif section == "[packages]":
            table.packages.append((name, set(values)))
        elif section == "[never]":
            table.never.setdefault(name, set()).update(values)
        else:
            sys.exit(f"{path}:{number}: not below one of the four sections")
    known = {room for room, _ in table.rooms}
    for name in [*table.may_include, *table.never, *set().union(*table.may_include.values())]:
        if name not in known:
            sys.exit(f"{path}: '{name}' is not one of the rooms {', '.join(sorted(known))}")
    return table


def objection(table: Table, path: str, header: str, quoted: bool) -> str | None:
    """What is wrong with one #include of one file, or None."""
    room = table.room_of(path)
    if room is None:
        return f"lies in no room of layers.txt, so it may not include {header}"
    if quoted:
        target = table.room_of(header)
        if target is None:
            return f'"{header}" does not start at the repository root with the name of a room'
        if target not in table.may_include.get(room, set()):
            return f'{room} may not include {target} ("{header}")'
        return None
    if any(table.room_of(header) == known for known, _ in table.rooms):
        return f'<{header}> is the project\'s own; write "{header}"'
    if STANDARD.fullmatch(header):
        if header in table.never.get(room, set()):
            return f"{room} may not include <{header}>"
        return None
    fitting = [homes for beginning, homes in table.packages if header.startswith(beginning)]
    if not fitting:
        return f"<{header}> is of no package of layers.txt"
    homes = set().union(*fitting)
    if room not in homes and path not in homes:
        return f"{room} may not include <{header}>; its homes are {', '.join(sorted(homes))}"
    return None


def main() -> int:
    """Prints file:line: message for each violation; the status is 1 if there is any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=sources.ROOT)
    parser.add_argument(
        "--table", type=pathlib.Path, default=pathlib.Path(__file__).with_name("layers.txt")
    )
    arguments = parser.parse_args()
    table = read_table(arguments.table)

    files = includes = violations = 0
    for path in sources.files(arguments.root, (".h", ".cpp")):
        files += 1
        text = (arguments.root / path).read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(sources.without_comments(text).splitlines(), start=1):
            match = INCLUDE.match(line)
            if not match:
                continue
            includes += 1
            problem = objection(table, path, match.group(2), match.group(1) == '"')
            if problem:
                violations += 1
                print(f"{path}:{number}: {problem}")
    print(f"layers: {includes} includes in {files} files, {violations} against the table")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
