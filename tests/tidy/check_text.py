"""Looks for what no file of the tree may contain: forbidden.txt, and characters nobody can see."""

from __future__ import annotations

import argparse
import fnmatch
import pathlib
import re
import sys
import unicodedata
from dataclasses import dataclass

import sources

BINARY = (".gz", ".ico", ".jpg", ".npy", ".npz", ".parquet", ".pdf", ".png", ".webp", ".zst")
# The fixtures of this check, and the malformed files that the loader must refuse.
LEFT_OUT = ("tests/tidy/", "tests/tables/bad_input/")


@dataclass(frozen=True)
class Rule:
    """One line of forbidden.txt."""

    where: tuple[str, ...]
    pattern: re.Pattern[str]
    why: str

    def covers(self, path: str) -> bool:
        """Whether the rule is about this file."""

        def fits(patterns: list[str]) -> bool:
            return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)

        left_out = [pattern[1:] for pattern in self.where if pattern.startswith("!")]
        return fits([p for p in self.where if not p.startswith("!")]) and not fits(left_out)


def read_rules(path: pathlib.Path) -> list[Rule]:
    """Reads forbidden.txt."""
    rules = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            where, _, rest = line.partition(" | ")
            pattern, _, why = rest.rpartition(" | ")
            rules.append(Rule(tuple(where.split()), re.compile(pattern), why))
    return rules


def unseen(character: str) -> bool:
    """Control and format characters, and spaces that only look like one."""
    if character in "\n\t":
        return False
    return unicodedata.category(character) in ("Cc", "Cf", "Co", "Cn", "Zl", "Zp") or (
        unicodedata.category(character) == "Zs" and character != " "
    )


def violations(path: str, data: bytes, rules: list[Rule]) -> list[str]:
    """One message for each line of a file and rule that it breaks."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        return [f"{path}:{number}: not UTF-8; if the file is meant to be binary, name its ending"]
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        strange = sorted({character for character in line if unseen(character)})
        if strange:
            codes = ", ".join(f"U+{ord(character):04X}" for character in strange)
            found.append(f"{path}:{number}: invisible character {codes}")
    code = sources.without_comments(text) if path.endswith((".h", ".cpp")) else text
    mine = [rule for rule in rules if rule.covers(path)]
    for number, line in enumerate(code.split("\n"), start=1):
        for rule in mine:
            match = rule.pattern.search(line)
            if match:
                found.append(f"{path}:{number}: {match.group(0).strip()}: {rule.why}")
    return found


def main() -> int:
    """Prints file:line: message for each violation; the status is 1 if there is any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=sources.ROOT)
    parser.add_argument(
        "--rules", type=pathlib.Path, default=pathlib.Path(__file__).with_name("forbidden.txt")
    )
    arguments = parser.parse_args()
    rules = read_rules(arguments.rules)

    files = count = 0
    for path in sources.files(arguments.root):
        if path.startswith(LEFT_OUT) or path.endswith(BINARY):
            continue
        files += 1
        for message in violations(path, (arguments.root / path).read_bytes(), rules):
            count += 1
            print(message)
    print(f"text: {files} files, {count} violations")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
