"""The ledger of lines that gave no event: each is counted by reason and written down, none is lost.

Knows nothing of formats.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from app.errors import UnreadableSource
from app.formats.listen import Reject

_SHOWN = 10
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """One rejected line and the file it stands in."""

    file: str
    reject: Reject

    def __str__(self) -> str:
        where = f"{self.file}, line {self.reject.line}" if self.reject.line else self.file
        return f"{where}: {self.reject.reason}"


class Rejects:
    """Counts rejected lines and writes each to a file of tab-separated `file, line, reason, text`."""

    def __init__(self, path: Path, *, strict: bool) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()
        self.malformed = 0
        self.first: list[RejectedLine] = []
        self._strict = strict
        self._file = path.open("w", encoding="utf-8")
        self._file.write("file\tline\treason\ttext\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def total(self) -> int:
        """How many lines were rejected."""
        return self.counts.total()

    def add(self, file: str, rejects: Iterable[Reject]) -> None:
        """Write down rejected lines of a file; when strict, raise UnreadableSource at the first malformed one."""
        for reject in rejects:
            rejected = RejectedLine(file, reject)
            if self._strict and reject.malformed:
                raise UnreadableSource(f"{rejected}. Mend it, or import without --strict.")
            self.counts[reject.reason] += 1
            self.malformed += reject.malformed
            if len(self.first) < _SHOWN and reject.malformed:
                self.first.append(rejected)
            text = ascii(reject.text[:_LONGEST_TEXT])[1:-1] if _breaks_lines(reject.text) else reject.text
            self._file.write(f"{file}\t{reject.line}\t{reject.reason}\t{text[:_LONGEST_TEXT]}\n")

    def flush(self) -> None:
        """Bring everything written so far to the file."""
        self._file.flush()


def _breaks_lines(text: str) -> bool:
    return not text.isprintable()
