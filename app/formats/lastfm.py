"""Last.fm scrobbles in the layout of the 1K-users data set: six columns between tabs, no header.

    user_000001  2009-05-04T23:08:57Z  artist-mbid  Deep Dish  track-mbid  Fuck Me Im Famous

Lines are newest first in the published file; the import orders them by time.
"""

from collections.abc import Iterator

from app.formats.columns import Layout
from app.formats.listen import Batch, Reject, Row, batches_of
from app.formats.source import SourceFile

_FIELDS = ("listener", "time", "track_id", "artist", "title")


def read_lastfm(source: SourceFile, layout: Layout) -> Iterator[Batch]:  # noqa: ARG001 - one signature for all
    """Yield the scrobbles of a file."""
    return batches_of(_FIELDS, _rows(source))


def _rows(source: SourceFile) -> Iterator[Row | Reject]:
    for line, content in source.lines():
        try:
            values = content.decode().split("\t")
        except UnicodeDecodeError:
            yield Reject(line, "not UTF-8", content.decode("utf-8", "replace"))
            continue
        if len(values) != 6:
            yield Reject(line, f"expected 6 columns, got {len(values)}", content.decode())
            continue
        listener, time, _, artist, track_id, title = values
        yield line, listener, time, track_id, artist, title
