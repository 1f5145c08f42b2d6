"""The search for tracks by title and artist, in the index that was published with them.

Candidates come from the index (see `search_index`), their order from `search_closeness`; no text a caller typed is ever
read as a query. Knows nothing of HTTP or checkpoints.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import LifoQueue

import numpy as np
from rapidfuzz.distance import OSA

from app.errors import CorruptCheckpoint
from app.stores.search_closeness import closeness
from app.stores.search_index import SEARCH_VERSION
from app.stores.search_words import MAX_WORDS, fold

_CONNECTIONS = 4
_CANDIDATES = 300
_FALLBACKS = 100
_SPLIT_WORDS = 3
_COMMON_WORDS = 200
_ENOUGH = 20
_SPELLINGS = 16
_BEGINNINGS = 48
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


class TrackSearch:
    """Finds tracks in one search index; any number of threads may ask at once.

    All connections are opened at the start, so that an index whose checkpoint is pruned can be read to the end.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connections: LifoQueue[sqlite3.Connection] = LifoQueue()
        try:
            for _ in range(_CONNECTIONS):
                self._connections.put(_open(path))
            with self._connection() as index:
                (version,) = index.execute("PRAGMA user_version").fetchone()
                (self._tracks,) = index.execute("SELECT count(*) FROM track").fetchone()
        except sqlite3.Error as error:
            self.close()
            raise CorruptCheckpoint(f"{path.name} cannot be opened: {error}; publish the checkpoint again.") from error
        if version != SEARCH_VERSION:
            self.close()
            raise CorruptCheckpoint(
                f"Expected a search index of version {SEARCH_VERSION}, got {version}; publish again."
            )

    def __len__(self) -> int:
        return int(self._tracks)

    def close(self) -> None:
        """Close the file; searches that are under way end first or fail."""
        while not self._connections.empty():
            self._connections.get().close()

    def find(self, query: str, limit: int) -> list[int]:
        """Return the catalogue rows whose artist and title are closest to what was typed, closest first.

        Words may be in any order, misspelled, without diacritics, or only begun. Nothing typed, nothing found.
        """
        typed = fold(query[:1000]).split()[:MAX_WORDS]
        if not typed or limit < 1:
            return []
        try:
            with self._connection() as index:
                tracks = _named(index, _candidates(index, typed, max(limit, _ENOUGH)))
        except sqlite3.DatabaseError as error:
            raise CorruptCheckpoint(f"{self._path.name} cannot be searched: {error}; publish again.") from error
        if not tracks:
            return []
        rows, artists, titles = zip(*tracks, strict=True)
        best = np.argsort(-closeness(typed, artists, titles), kind="stable")[:limit]
        return [rows[position] for position in best]

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = self._connections.get()
        try:
            yield connection
        finally:
            self._connections.put(connection)


def _open(path: Path) -> sqlite3.Connection:
    # Immutable: no locks are taken and no journal is looked for, as a published file never changes.
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False, isolation_level=None
    )
    connection.execute("PRAGMA query_only = ON")
    # Workers share the pages of a mapped file instead of each reading its own copy.
    connection.execute(f"PRAGMA mmap_size = {2**31 - 1}")
    return connection


def _candidates(index: sqlite3.Connection, typed: Sequence[str], enough: int) -> list[int]:
    """Return places of tracks that may be meant: first with every word, then with typos, then with most words."""
    groups = [_exact(index, word) for word in typed]
    groups[-1] = groups[-1] | _beginning(index, typed[-1])
    places = _having(index, groups, _CANDIDATES)
    if len(places) >= enough:
        return list(places)
    groups = [group | _misspelled(index, word) for group, word in zip(groups, typed, strict=True)]
    places |= _having(index, groups, _CANDIDATES)
    if 1 < len(typed) <= _SPLIT_WORDS:
        whole = "".join(typed)
        places |= _having(index, [_exact(index, whole) | _misspelled(index, whole)], _FALLBACKS)
    if len(places) < enough and len(typed) > 1:
        for left_out in range(len(typed)):
            places |= _having(index, [*groups[:left_out], *groups[left_out + 1 :]], _FALLBACKS)
    if not places:
        for group in groups:
            places |= _having(index, [group], _FALLBACKS)
    return list(places)


def _having(index: sqlite3.Connection, groups: Sequence[set[int]], limit: int) -> dict[int, None]:
    """Return the first places that have a word of every group."""
    if not all(groups):
        return {}
    # Only numbers enter the query text.
    query = " AND ".join("(" + " OR ".join(f'"{number}"' for number in sorted(group)) + ")" for group in groups)
    found = index.execute("SELECT rowid FROM track_words WHERE track_words MATCH ? LIMIT ?", (query, limit))
    return dict.fromkeys(place for (place,) in found)


def _exact(index: sqlite3.Connection, word: str) -> set[int]:
    return {number for (number,) in index.execute("SELECT number FROM word WHERE word = ?", (word,))}


def _beginning(index: sqlite3.Connection, start: str) -> set[int]:
    """Return the commonest words that begin like this."""
    found = index.execute(
        "SELECT number FROM word WHERE word >= ? AND word < ? ORDER BY number LIMIT ?",
        (start, start + chr(0x10FFFF), _BEGINNINGS),
    )
    return {number for (number,) in found}


def _misspelled(index: sqlite3.Connection, word: str) -> set[int]:
    """Return the words this one may be a typo of, or the beginning of one with a typo."""
    # One of the commonest words is not a typo of another.
    if len(word) < 3 or any(number < _COMMON_WORDS for number in _exact(index, word)):
        return set()
    allowed = 1 if len(word) < 6 else 2 if len(word) < 10 else 3
    close = [
        (distance, number)
        for number, other in (*_sharing_trigrams(index, word), *_one_typo_away(index, word))
        if (distance := min(OSA.distance(word, other), OSA.distance(word, other[: len(word)]))) <= allowed
    ]
    return {number for _, number in sorted(close)[:_SPELLINGS]}


def _sharing_trigrams(index: sqlite3.Connection, word: str) -> list[tuple[int, str]]:
    """Return the words that share most trigrams, the commonest of equals first."""
    padded = f" {word} "
    trigrams = {padded[at : at + 3] for at in range(len(padded) - 2)}
    # Counting what is shared costs a fifth of FTS5's bm25 here and is refined by edit distance anyway.
    each = " UNION ALL ".join(["SELECT rowid AS number FROM spelling WHERE spelling MATCH ?"] * len(trigrams))
    return index.execute(
        f"SELECT number, word FROM (SELECT number, count(*) AS shared FROM ({each}) GROUP BY number"  # noqa: S608
        " ORDER BY shared DESC, number LIMIT 100) JOIN word USING (number)",
        ['"' + trigram.replace('"', '""') + '"' for trigram in sorted(trigrams)],
    ).fetchall()


def _one_typo_away(index: sqlite3.Connection, word: str) -> list[tuple[int, str]]:
    """Return the words one typo away from a short one: `pnik` and `pink` share no trigram."""
    if len(word) > 6:
        return []
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    typos = {left + right[1:] for left, right in cuts if right}
    typos |= {left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1}
    typos |= {left + letter + right[1:] for left, right in cuts if right for letter in _LETTERS}
    typos |= {left + letter + right for left, right in cuts for letter in _LETTERS}
    marks = ",".join("?" * len(typos))
    return index.execute(f"SELECT number, word FROM word WHERE word IN ({marks})", list(typos)).fetchall()  # noqa: S608


def _named(index: sqlite3.Connection, places: Sequence[int]) -> list[tuple[int, str, str]]:
    """Return (row, artist, title) of the places, shortest names first."""
    marks = ",".join("?" * len(places))
    return index.execute(
        f"SELECT row, artist, title FROM track WHERE place IN ({marks}) ORDER BY place",  # noqa: S608
        places,
    ).fetchall()
