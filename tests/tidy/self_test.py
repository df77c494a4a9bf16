"""Each checker must catch the violations of fixtures/, and nothing else in them.

A fixture names, above `---`, the file that it plays and the messages it must cause (none: it must
pass); below are the file's contents. Fixtures are .txt so that no other check takes them for code.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
COMPILER = os.environ.get("CXX", "c++")


def fixture(path: pathlib.Path) -> tuple[str, list[str], str]:
    """File to play, messages to expect, contents."""
    head, _, body = path.read_text(encoding="utf-8").partition("---\n")
    name = re.search(r"^file: (.*)$", head, re.MULTILINE)
    return name.group(1) if name else "", re.findall(r"^expect: (.*)$", head, re.MULTILINE), body


def run(script: str, *arguments: str | pathlib.Path) -> subprocess.CompletedProcess[str]:
    """Runs one checker of this folder."""
    return subprocess.run(
        [sys.executable, HERE / script, *arguments], capture_output=True, text=True, check=False
    )


class Fixtures(unittest.TestCase):
    """One sub-test per fixture."""

    def judge(
        self, path: pathlib.Path, expected: list[str], script: str, *arguments: str | pathlib.Path
    ) -> None:
        """Compares what a checker says with what the fixture expects."""
        done = run(script, *arguments)
        *said, summary = done.stdout.splitlines()
        self.assertEqual(done.stderr, "", path.name)
        self.assertEqual(done.returncode, 1 if expected else 0, f"{path.name}: {done.stdout}")
        self.assertEqual(len(said), len(expected), f"{path.name}: {done.stdout}")
        for message in expected:
            self.assertTrue(any(message in line for line in said), f"{path.name}: {done.stdout}")
        self.assertRegex(summary, r"^(layers|symbols|text): ")

    def tree(self, prefix: str, script: str) -> None:
        """Plays each fixture as the one file of a tree."""
        paths = sorted((HERE / "fixtures").glob(f"{prefix}_*.txt"))
        self.assertGreater(len(paths), 3)
        for path in paths:
            name, expected, body = fixture(path)
            with self.subTest(path.name), tempfile.TemporaryDirectory() as root:
                file = pathlib.Path(root) / name
                file.parent.mkdir(parents=True)
                file.write_text(body, encoding="utf-8")
                self.judge(path, expected, script, "--root", root)

    def test_layers(self) -> None:
        """check_layers.py."""
        self.tree("layers", "check_layers.py")

    def test_text(self) -> None:
        """check_text.py."""
        self.tree("text", "check_text.py")

    def test_symbols(self) -> None:
        """check_symbols.py, on archives that are compiled here."""
        paths = sorted((HERE / "fixtures").glob("symbols_*.txt"))
        self.assertGreater(len(paths), 3)
        for path in paths:
            _, expected, body = fixture(path)
            with self.subTest(path.name), tempfile.TemporaryDirectory() as folder:
                unit, archive = pathlib.Path(folder) / "unit.o", pathlib.Path(folder) / "unit.a"
                compile_unit = [COMPILER, "-std=c++20", "-O2", "-c", "-x", "c++", "-", "-o", unit]
                subprocess.run(compile_unit, input=body, text=True, check=True)
                subprocess.run(["ar", "rcs", archive, unit], check=True)
                self.judge(path, expected, "check_symbols.py", archive)

    def test_invisible_characters(self) -> None:
        """check_text.py, on bytes that a fixture should not contain itself."""
        junk = {
            "a carriage return": b"one\r\n",
            "a zero byte": b"one\0\n",
            "a byte order mark": b"\xef\xbb\xbfone\n",
            "a zero-width space": b"on\xe2\x80\x8be\n",
            "a no-break space": b"one\xc2\xa0two\n",
            "a change of direction": b"one \xe2\x80\xae two\n",
            "another encoding": b"caf\xe9\n",
        }
        for what, data in junk.items():
            with self.subTest(what), tempfile.TemporaryDirectory() as root:
                (pathlib.Path(root) / "page.md").write_bytes(b"first\n" + data)
                done = run("check_text.py", "--root", root)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn("page.md:2: ", done.stdout)

    def test_ordinary_text_passes(self) -> None:
        """Letters of any language, and signs of mathematics, are no junk."""
        with tempfile.TemporaryDirectory() as root:
            (pathlib.Path(root) / "page.md").write_text("naïve, 25 µs ± 1, α ≤ 5%, 10% … 100%\n")
            done = run("check_text.py", "--root", root)
            self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main()
