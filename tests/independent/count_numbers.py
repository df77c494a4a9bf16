"""Counts the numbers that tests/independent/ holds the gates to, by the source that they come from.

A number is a literal with at least four significant digits in a table or an expectation. Its source
is the first that is named in the comment above its test or table, or, where that names none, in the
comment at the head of its file. Numbers whose source is not named are counted as such.

    python3 tests/independent/count_numbers.py
"""

from __future__ import annotations

import collections
import pathlib
import re
import sys
from collections.abc import Iterator

# In the order in which they are looked for: programs and papers before what was computed here.
SOURCES = {
    "confseq (Howard, Ramdas, McAuliffe, Sekhon)": r"confseq",
    "GrowthBook's unit tests": r"GrowthBook",
    "Kayenta's suites, and its classifier when run": r"Kayenta|^// K:",
    "river's documentation and tests": r"\briver\b",
    "Kulldorff et al. 2011, and R Sequential": r"Kulldorff",
    "Armitage, McPherson, Rowe 1969": r"Armitage|^// A\b",
    "Jennison and Turnbull 2000; gsDesign; LD98": r"Jennison|gsDesign|LD98|^// J\b",
    "R package rpact": r"rpact",
    "R package spc; Montgomery; Lucas and Saccucci; Reynolds and Stoumbos": (
        r"package spc|Montgomery|Lucas and|Reynolds|^// [SMLB]\b.*(arl|print|chart)"
    ),
    "statsmodels; Newcombe 1998; Fleiss, Levin, Paik": r"statsmodels|Newcombe|Fleiss",
    "scipy and numpy": r"scipy|SciPy|numpy|^// S:",
    "mpmath": r"mpmath",
    "R": r"\bR 4\.2|^// R:|package R|R Sequential",
    "NIST's handbook": r"NIST",
    "exact: enumeration, recursion or quadrature by another route": (
        r"enumerat|recursion|quadrature|integral|exact|by hand|Nystrom"
    ),
}
NUMBER = re.compile(r"(?<![\w.])-?(\d+\.\d+|\d+\.?\d*e[-+]?\d+|0?\.\d+)(?![\w.])")


def digits_of(literal: str) -> int:
    """Significant ones."""
    mantissa = literal.lower().split("e")[0].lstrip("-").replace(".", "").lstrip("0")
    return len(mantissa)


def blocks_of(text: str) -> Iterator[tuple[str, str]]:
    """The comment above each stretch of code that begins at the margin, and the stretch."""
    comment: list[str] = []
    code: list[str] = []
    for line in text.splitlines():
        if line.startswith("//"):
            if code:
                yield "\n".join(comment), "\n".join(code)
                comment, code = [], []
            comment.append(line.removeprefix("/") if line.startswith("///") else line)
        elif line.strip():
            code.append(line)
        elif code and code[-1].startswith("}"):
            yield "\n".join(comment), "\n".join(code)
            comment, code = [], []
    yield "\n".join(comment), "\n".join(code)


def source_of(*comments: str) -> str | None:
    """The first that the nearest of the comments names."""
    for comment in comments:
        for source, words in SOURCES.items():
            if re.search(words, comment, re.MULTILINE):
                return source
    return None


def main() -> int:
    """Prints the table; 1 if there are fewer than 300 numbers that name a source."""
    counts: collections.Counter[str | None] = collections.Counter()
    files: dict[str | None, set[str]] = collections.defaultdict(set)
    for path in sorted(pathlib.Path(__file__).parent.glob("*_test.cpp")):
        text = path.read_text()
        head = "\n".join(re.match(r"(//.*\n)*", text).group().splitlines())  # type: ignore[union-attr]
        for comment, code in blocks_of(text):
            found = sum(digits_of(number.group(1)) >= 4 for number in NUMBER.finditer(code))
            if found:
                source = source_of(comment, head)
                counts[source] += found
                files[source].add(path.stem.removesuffix("_test"))
    for source, count in sorted(counts.items(), key=lambda item: -item[1]):
        print(f"{count:5}  {source or 'no source is named'}: {', '.join(sorted(files[source]))}")
    named = sum(count for source, count in counts.items() if source)
    print(f"{named:5}  numbers of four digits and more that name their source")
    return 0 if named >= 300 else 1


if __name__ == "__main__":
    sys.exit(main())
