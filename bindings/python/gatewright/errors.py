"""What is wrong with something a person wrote: diagnostics, collected into one exception."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["note", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem: where it is, what is wrong, what would be right.

    Attributes:
        message: What is wrong and what would be right, one sentence.
        path: Place in the file's own terms, such as ``policy.gates.cost.harm.rises_by``; empty
            for a whole file.
        file: File as it was named; empty where a value did not come from a file.
        line: Line from 1; 0 where it is unknown.
        column: Column from 1; 0 where it is unknown.
        severity: ``"note"``, ``"warning"`` or ``"error"``.
    """

    message: str
    path: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    severity: Severity = "error"

    def __str__(self) -> str:
        """``file:line:column: error: path: message``, without what is unknown."""
        place = [self.file] if self.file else []
        if self.file and self.line:
            place += [str(self.line), str(self.column)]
        head = ":".join(place)
        return ": ".join(part for part in (head, self.severity, self.path, self.message) if part)


class PlanError(ValueError):
    """A scenario, a policy or a setting is wrong; nothing was played.

    Attributes:
        diagnostics: Every error and warning at once, in order of file and line.
    """

    diagnostics: tuple[Diagnostic, ...]

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))

    def __reduce__(self) -> tuple[type[PlanError], tuple[tuple[Diagnostic, ...]]]:
        return (PlanError, (self.diagnostics,))
