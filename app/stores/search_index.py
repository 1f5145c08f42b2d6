"""The search index of a catalogue: one SQLite file, written at publish and never after.

The words of all names are a small vocabulary with a trigram index (FTS5), where typos are forgiven; the tracks are
indexed by the numbers of their words. So the cost follows the words somebody typed, not the size of the catalogue.
Knows nothing of how it is searched.
"""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from app.domain.catalogue import Catalogue
from app.stores.search_words import fold, indexed_words

SEARCH_VERSION = 1

_SCHEMA = f"""
    PRAGMA page_size = 8192;
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA user_version = {SEARCH_VERSION};
    CREATE TABLE track (place INTEGER PRIMARY KEY, row INTEGER NOT NULL, artist TEXT NOT NULL, title TEXT NOT NULL);
    CREATE TABLE word (number INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE, tracks INTEGER NOT NULL);
    CREATE VIRTUAL TABLE spelling USING fts5(word, tokenize='trigram', content='', detail=none, columnsize=0);
    CREATE VIRTUAL TABLE track_words USING fts5(numbers, tokenize='ascii', content='', detail=none, columnsize=0);
"""


def build_search_index(path: Path, catalogue: Catalogue) -> None:
    """Write the search index of a catalogue to a new file.

    Tracks lie in the file with the shortest names first: whoever types `love` means `Love` rather than a track
    that has the word somewhere, and a search that has seen enough can stop.
    """
    names = [(fold(track.artist), fold(track.title)) for track in catalogue]
    order = sorted(range(len(names)), key=lambda row: len(names[row][0]) + len(names[row][1]))
    tracks_with: Counter[str] = Counter()
    for name in names:
        tracks_with.update(set(indexed_words(*name)))
    numbers = {word: number for number, (word, _) in enumerate(tracks_with.most_common())}
    with closing(sqlite3.connect(path, isolation_level=None)) as index:
        index.executescript(_SCHEMA)
        index.execute("BEGIN")
        index.executemany("INSERT INTO word VALUES (?, ?, ?)", ((numbers[w], w, n) for w, n in tracks_with.items()))
        index.executemany(
            "INSERT INTO spelling (rowid, word) VALUES (?, ?)", ((n, f" {word} ") for word, n in numbers.items())
        )
        index.executemany(
            "INSERT INTO track VALUES (?, ?, ?, ?)", ((place, row, *names[row]) for place, row in enumerate(order))
        )
        index.executemany(
            "INSERT INTO track_words (rowid, numbers) VALUES (?, ?)",
            ((p, " ".join(str(numbers[w]) for w in indexed_words(*names[row]))) for p, row in enumerate(order)),
        )
        index.execute("INSERT INTO spelling (spelling) VALUES ('optimize')")
        index.execute("INSERT INTO track_words (track_words) VALUES ('optimize')")
        index.execute("COMMIT")
        index.execute("VACUUM")
