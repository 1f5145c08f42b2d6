"""Events that the server has not acknowledged yet, in a SQLite file that outlives the process.

An event is written before it is sent and taken out when the server has said what became of it. A crash between the two
sends it once more, under the same id. Several threads, and several processes, may use one file.
"""

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

_TABLE = """
CREATE TABLE IF NOT EXISTS waiting (n INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One event and its place in the order of reporting."""

    n: int
    event: dict[str, Any]


class Outbox:
    """Keeps at most `limit` events, the newest. Without a file they are kept until the process ends."""

    def __init__(self, file: str | Path | None = None, *, limit: int = 10_000) -> None:
        self._limit = limit
        self._lock = Lock()
        self._file = sqlite3.connect(file or ":memory:", check_same_thread=False, isolation_level=None, timeout=10)
        self._file.execute("PRAGMA journal_mode = WAL")
        # An event a minute: the disk may as well have it for certain, also in a power cut.
        self._file.execute("PRAGMA synchronous = FULL")
        self._file.execute(_TABLE)

    def __len__(self) -> int:
        with self._lock:
            return int(self._file.execute("SELECT count(*) FROM waiting").fetchone()[0])

    def add(self, event: dict[str, Any]) -> int:
        """Keep an event and return its number; the oldest makes room where there is none."""
        with self._lock:
            n = self._file.execute("INSERT INTO waiting (event) VALUES (?)", (json.dumps(event),)).lastrowid
            assert n is not None
            self._file.execute("DELETE FROM waiting WHERE n <= ?", (n - self._limit,))
            return n

    def before(self, n: int | None, most: int) -> list[Waiting]:
        """Return the oldest events that were added before number n, or the oldest of all."""
        with self._lock:
            rows = self._file.execute(
                "SELECT n, event FROM waiting WHERE ?1 IS NULL OR n < ?1 ORDER BY n LIMIT ?2", (n, most)
            ).fetchall()
        return [Waiting(number, json.loads(event)) for number, event in rows]

    def done(self, numbers: list[int]) -> None:
        """Take out what the server has dealt with."""
        with self._lock:
            self._file.executemany("DELETE FROM waiting WHERE n = ?", [(number,) for number in numbers])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()
