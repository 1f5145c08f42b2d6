"""A playlist as CSV with a header, safe to open in a spreadsheet.

A value that a spreadsheet would run as a formula gets a leading apostrophe; the import takes one off again.
"""

import csv
import io
import re
from collections.abc import Sequence

from app.domain.catalogue import Track
from app.formats.playlist_text import as_written

HEADER = ("track_id", "artist", "title", "album", "year", "genre", "tags", "duration_s")
_FORMULA = re.compile(r"'*[=+\-@]")


def write_playlist_csv(tracks: Sequence[Track], title: str) -> str:  # noqa: ARG001 - CSV has no place for a title
    """Return the tracks as CSV, one a line."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADER)
    for track in tracks:
        written = as_written(track)
        names = (track.track_id, written.artist, written.title, written.album)
        facts = (track.year, track.genre, ";".join(track.tags), track.duration_s)
        writer.writerow(["" if value is None else escaped(str(value)) for value in (*names, *facts)])
    return file.getvalue()


def escaped(value: str) -> str:
    """Return the value with an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{value}" if _FORMULA.match(value) else value
