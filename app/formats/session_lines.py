"""Plain session files: one session a line, track ids separated by white space, oldest first."""

from collections.abc import Iterator

from app.formats.columns import Layout
from app.formats.listen import Batch, Reject, Row, batches_of
from app.formats.source import SourceFile


def read_session_lines(source: SourceFile, layout: Layout) -> Iterator[Batch]:  # noqa: ARG001 - one signature for all
    """Yield the events of a plain session file; the line number names the session."""
    return batches_of(("session", "track_id"), _rows(source))


def _rows(source: SourceFile) -> Iterator[Row | Reject]:
    for line, content in source.lines():
        try:
            tracks = content.decode().split()
        except UnicodeDecodeError:
            yield Reject(line, "not UTF-8", content.decode("utf-8", "replace"))
            continue
        session = str(line)
        for track_id in tracks:
            yield line, session, track_id
