"""ListenBrainz listens: an export (one listen a line, or a list) or an answer of its API (`payload.listens`)."""

from collections.abc import Iterator
from typing import Any

from app.formats.columns import Layout
from app.formats.json_text import document, entries, objects, seconds, text
from app.formats.listen import Batch, Reject, Row, batches_of
from app.formats.source import SourceFile

_FIELDS = ("listener", "time", "track_id", "artist", "title", "album", "duration")


def read_listenbrainz(source: SourceFile, layout: Layout) -> Iterator[Batch]:  # noqa: ARG001 - one signature for all
    """Yield the listens of a file; in a JSON document the line of a listen is its place in the list."""
    if source.plain_name.endswith((".jsonl", ".ndjson", ".listens")):
        return batches_of(_FIELDS, (_of_line(item, source) for item in objects(source)))
    content = document(source)
    listens = content if isinstance(content, list) else entries(content, "payload", "listens")
    listens = entries(content, "listens") if listens is None else listens
    if listens is None and text(content, "track_metadata", "track_name"):
        listens = [content]
    if listens is None:
        raise source.refuse("ListenBrainz listens: a list, or an object with payload.listens")
    owner = text(content, "payload", "user_id") or text(content, "user_name") or _owner(source)
    return batches_of(_FIELDS, (_row(number, listen, owner) for number, listen in enumerate(listens, start=1)))


def _owner(source: SourceFile) -> str:
    """Name the listener of an export: its files by year and month lie in one person's folder."""
    return f"listenbrainz {source.path.resolve().parent}"


def _of_line(item: tuple[int, dict[str, Any]] | Reject, source: SourceFile) -> Row | Reject:
    return item if isinstance(item, Reject) else _row(item[0], item[1], _owner(source))


def _row(line: int, listen: object, owner: str) -> Row | Reject:
    metadata = listen.get("track_metadata") if isinstance(listen, dict) else None
    if not isinstance(metadata, dict):
        return Reject(line, "not a listen with track_metadata", str(listen)[:200])
    return (
        line,
        text(listen, "user_name") or text(listen, "user_id") or owner,
        text(listen, "listened_at") or text(listen, "timestamp"),
        text(metadata, "mbid_mapping", "recording_mbid") or text(metadata, "additional_info", "recording_mbid"),
        text(metadata, "artist_name"),
        text(metadata, "track_name"),
        text(metadata, "release_name"),
        seconds(metadata, "additional_info", "duration_ms") or text(metadata, "additional_info", "duration"),
    )
