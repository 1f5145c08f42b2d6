"""The compact binary form of what stands in the event log while it waits to be collected: msgpack, one value each.

The first item is the schema, the second what it is: the code of a kind of event, or of a mark. Times are kept to the
millisecond. Knows nothing of Redis and of files.
"""

from typing import Any

import msgpack

from app.domain.event_log import Forgotten, LogEntry, Merged
from app.domain.events import EventKind, Outcome
from app.errors import NewerLogEntry

Written = LogEntry | Forgotten | Merged

SCHEMA = 1

# The order is part of the format: what is new goes to the end.
_KINDS = (
    EventKind.PLAYED,
    EventKind.FINISHED,
    EventKind.SKIPPED,
    EventKind.LIKED,
    EventKind.DISLIKED,
    EventKind.SEEDED,
)
_OUTCOMES = (Outcome.APPLIED, Outcome.LATE, Outcome.UNKNOWN_TRACK)
_KIND_CODES = {kind: code for code, kind in enumerate(_KINDS)}
_OUTCOME_CODES = {outcome: code for code, outcome in enumerate(_OUTCOMES)}
# Far from the kinds, so that either list can grow.
_FORGOTTEN = 64
_MERGED = 65


class DamagedEntry(Exception):
    """Bytes that are no entry of the event log."""


def encode(written: Written) -> bytes:
    """Return the form of an entry or a mark."""
    match written:
        case LogEntry():
            body: tuple[object, ...] = (
                SCHEMA,
                _KIND_CODES[written.kind],
                written.listener_id,
                written.track_id,
                round(written.at * 1000),
                round(written.received_at * 1000),
                _OUTCOME_CODES[written.outcome],
                written.seq,
                written.session_id,
                written.checkpoint_id,
                written.event_id,
            )
        case Forgotten():
            body = (SCHEMA, _FORGOTTEN, written.listener_digest)
        case Merged():
            body = (SCHEMA, _MERGED, written.listener_id, written.into)
    packed: bytes = msgpack.packb(body, unicode_errors="surrogatepass")
    return packed


def decode(data: bytes) -> Written:
    """Return what was written. Raise `DamagedEntry`, or `NewerLogEntry` for a schema or kind to come."""
    try:
        schema, what, *body = msgpack.unpackb(data, unicode_errors="surrogatepass")
        if schema > SCHEMA or not (0 <= what < len(_KINDS) or what in (_FORGOTTEN, _MERGED)):
            raise NewerLogEntry(
                f"Expected an entry of the event log of schema {SCHEMA}, got schema {schema}, kind {what}: a newer "
                "Segue wrote it. Upgrade the one that collects; the log keeps the entry until then."
            )
        if what == _FORGOTTEN:
            return Forgotten(*body)
        return Merged(*body) if what == _MERGED else _entry(what, *body)
    except (ValueError, TypeError, LookupError, msgpack.UnpackException) as error:
        raise DamagedEntry(f"expected an entry of the event log, got {data[:64]!r}: {error!r}") from error


def _entry(
    kind: int,
    listener_id: str,
    track_id: str,
    at_ms: int,
    received_at_ms: int,
    outcome: int,
    seq: int,
    session_id: str,
    checkpoint_id: str,
    event_id: str,
) -> Any:
    return LogEntry(
        event_id,
        listener_id,
        _KINDS[kind],
        track_id,
        at_ms / 1000,
        received_at_ms / 1000,
        _OUTCOMES[outcome],
        seq,
        session_id,
        checkpoint_id,
    )
