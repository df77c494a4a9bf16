"""Compares what an archive leaves to the linker with an allow-list of regular expressions.

The archive's own symbols do not count. Reads the archive with `nm` and demangles with `c++filt`.
"""

from __future__ import annotations

import argparse
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterable

# Whatever the list says: nothing of policies/ reads a clock, a file, the environment or the
# terminal, starts a thread, or draws a random number.
NEVER = re.compile(
    r"clock_\w+|clock|time|gettimeofday|localtime\w*|gmtime\w*|nanosleep|usleep|sleep"
    r"|std::chrono::.*::now\(\)"
    r"|(secure_)?getenv|setenv|putenv|environ"
    r"|open|open64|openat|creat|read|write|fopen\w*|fread|fwrite|fputs|fputc|puts|putchar|\w*printf"
    r"|\w*printf_chk|stdin|stdout|stderr|socket|connect|std::basic_\w*fstream<.*|std::__basic_file.*"
    r"|std::(w?c(in|out|err|log))"
    r"|pthread_create|fork|vfork|execv\w*|posix_spawn\w*|std::thread::.*"
    r"|rand|srand|rand_r|random|srandom|[dejlmn]rand48|getrandom|getentropy|arc4random\w*"
    r"|std::random_device::.*"
)


def allowed(list_path: pathlib.Path) -> list[tuple[re.Pattern[str], re.Pattern[str]]]:
    """Pairs of expressions, for the symbol and for the object file, from the allow-list."""
    pairs = []
    for line in list_path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            symbol, _, where = line.partition(" @ ")
            pairs.append((re.compile(symbol), re.compile(where)))
    return pairs


def undefined(archive: pathlib.Path, nm: str, filt: str) -> list[tuple[str, str]]:
    """Pairs of object file and demangled symbol that the archive needs and does not have."""
    listing = subprocess.run([nm, "-P", "-A", archive], capture_output=True, text=True, check=True)
    needed: set[tuple[str, str]] = set()
    defined: set[str] = set()
    for line in listing.stdout.splitlines():
        match = re.fullmatch(r".*\[(.+)\]: (\S+) (\S)( .*)?", line)
        if not match:
            continue
        name, symbol, kind = match.group(1), match.group(2), match.group(3)
        if kind in "Uwv":
            needed.add((name, symbol))
        else:
            defined.add(symbol)
    rest = sorted((name, symbol) for name, symbol in needed if symbol not in defined)
    names = "\n".join(symbol for _, symbol in rest)
    plain = subprocess.run([filt], input=names, capture_output=True, text=True, check=True)
    return list(zip((name for name, _ in rest), plain.stdout.splitlines(), strict=True))


def objections(
    found: Iterable[tuple[str, str]], pairs: list[tuple[re.Pattern[str], re.Pattern[str]]]
) -> list[str]:
    """One message for each symbol that is forbidden or not on the list."""
    messages = []
    for name, symbol in found:
        if NEVER.fullmatch(symbol.split("@")[0]):
            messages.append(f"{name}: {symbol} is forbidden in policies/")
        elif not any(
            fits.fullmatch(symbol) and (not where.pattern or where.search(name))
            for fits, where in pairs
        ):
            messages.append(f"{name}: {symbol} is not on the allow-list")
    return messages


def main() -> int:
    """Prints a line for each objection; the status is 1 if there is any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=pathlib.Path)
    allow_list = pathlib.Path(__file__).with_name("policies_symbols.txt")
    parser.add_argument("--allow", type=pathlib.Path, default=allow_list)
    parser.add_argument("--nm", default="nm")
    parser.add_argument("--filt", default="c++filt")
    arguments = parser.parse_args()
    found = undefined(arguments.archive, arguments.nm, arguments.filt)
    messages = objections(found, allowed(arguments.allow))
    for message in messages:
        print(f"{arguments.archive.name}: {message}")
    count = len({symbol for _, symbol in found})
    print(f"symbols: {arguments.archive.name} needs {count} symbols, {len(messages)} objections")
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main())
