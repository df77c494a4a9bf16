"""What the checkers of this folder share: which files there are, and C++ without its comments."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[2]

# A comment, a raw string, a string, a character, in the order in which they are recognised. The
# quote of a digit separator (1'000) starts no character.
_TOKEN = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"
        | "(?:\\.|[^"\\\n])*" | (?<![0-9a-zA-Z])'(?:\\.|[^'\\\n])*'""",
    re.VERBOSE | re.DOTALL,
)


def without_comments(text: str) -> str:
    """The text with every comment blanked; lines keep their numbers, strings stay as they are."""

    def blank(match: re.Match[str]) -> str:
        token = match.group(0)
        if not token.startswith(("//", "/*")):
            return token
        return re.sub(r"[^\n]", " ", token)

    return _TOKEN.sub(blank, text)


def _listed(root: pathlib.Path) -> Iterator[str]:
    """Paths that git tracks or would track; without a repository, everything but build trees."""
    listing = None
    if (root / ".git").exists():
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root,
            capture_output=True,
            check=False,
        )
    if listing is not None and listing.returncode == 0:
        yield from (os.fsdecode(name) for name in listing.stdout.split(b"\0") if name)
        return
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in (".git", ".venv", "build")]
        for name in names:
            yield (pathlib.Path(folder) / name).relative_to(root).as_posix()


def files(root: pathlib.Path, endings: tuple[str, ...] = ()) -> list[str]:
    """The files of the tree with one of these endings (any, if none is given), sorted."""
    return sorted(
        path
        for path in set(_listed(root))
        if (not endings or path.endswith(endings)) and (root / path).is_file()
    )
