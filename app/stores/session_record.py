"""The compact binary form of a listener session. Knows nothing of Redis, and never looks into a hidden state.

    offset  bytes  what
    0       1      magic, 0x53 ("S")
    1       1      schema, 2
    2       8      incarnation   } big-endian; together the position that a commit compares,
    10      8      seq           } so every schema keeps them here
    18      n      body: a msgpack list, see `encode`
    18 + n  4      CRC-32 of everything before it; every schema keeps it last

Times are kept to the millisecond, as the domain makes them. Schema 1 is read (`session_record_1.py`), and written anew
at the next commit.
"""

import struct
import zlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgpack

from app.domain.blocks import Block
from app.domain.events import DIGEST_SIZE, EventKind
from app.domain.session import HeardTrack, ListenerSession, StampedHidden
from app.errors import NewerSessionRecord
from app.stores.record_columns import (
    pack_digits,
    pack_names,
    pack_times,
    packed,
    unpack_names,
    unpack_times,
    unpacked,
)
from app.stores.session_record_1 import session_of_schema_1

MAGIC = 0x53
SCHEMA = 2
POSITION = slice(2, 18)  # where incarnation and seq lie

_HEADER = struct.Struct(">BBQQ")
_POSITION = struct.Struct(">QQ")
_CRC = struct.Struct(">I")

# A hexadecimal digit each: the kind, and 8 more for a track that advances. The order is part of the format; a ninth
# kind needs another schema.
_KINDS = (
    EventKind.PLAYED,
    EventKind.FINISHED,
    EventKind.SKIPPED,
    EventKind.LIKED,
    EventKind.DISLIKED,
    EventKind.SEEDED,
)
_DIGITS = {
    (kind, advances): f"{code + 8 * advances:x}" for code, kind in enumerate(_KINDS) for advances in (False, True)
}
_KIND_OF = {digit: kind for (kind, _), digit in _DIGITS.items()}
_ADVANCES = {digit: advances for (_, advances), digit in _DIGITS.items()}
_heard_track = partial(tuple.__new__, HeardTrack)
_MISFITS = (ValueError, TypeError, LookupError, AttributeError, struct.error, zlib.error, msgpack.UnpackException)


class DamagedRecord(Exception):
    """Bytes that are no session record: cut short, changed, or something else altogether."""


def position(session: ListenerSession) -> bytes:
    """Return what a commit expects to find stored: incarnation and seq, or nothing for a new listener."""
    return b"" if session.is_new else _POSITION.pack(session.incarnation, session.seq)


def seq_of(position: bytes) -> int:
    """Return the seq of a position. Raises ValueError for bytes that are none."""
    if len(position) != _POSITION.size:
        raise ValueError(f"Expected a position of {_POSITION.size} bytes, got {len(position)}.")
    return int(_POSITION.unpack(position)[1])


def encode(session: ListenerSession) -> bytes:
    """Return the record of a session.

    The body lists session id, (checkpoint id, hidden state) or nil, unread, context, track ids without repeats, repeats
    as places of the first mention, kinds, the four parts of the times, event digests, blocked tracks, blocked artists,
    time of update after the newest time. A block is the name, or the name and the time of its end.
    """
    hidden, recent = session.hidden, session.recent
    times = [round(heard.at * 1000) for heard in recent]
    names, repeats = _once([heard.track_id for heard in recent])
    body = (
        _pack_session_id(session.session_id),
        None if hidden is None else (hidden.checkpoint_id, hidden.data),
        session.unread,
        session.context,
        pack_names(names),
        repeats,
        pack_digits("".join([_DIGITS[heard.kind, heard.advances] for heard in recent])),
        *pack_times(times),
        b"".join(session.event_digests),
        _pack_blocks(session.blocked_tracks),
        _pack_blocks(session.blocked_artists),
        round(session.updated_at * 1000) - (times[-1] if times else 0),
    )
    record = _HEADER.pack(MAGIC, SCHEMA, session.incarnation, session.seq) + packed(body)
    return record + _CRC.pack(zlib.crc32(record))


def schema_of(record: bytes) -> int:
    """Return the schema that a sound record says it is of."""
    return record[1]


def decode(listener_id: str, record: bytes) -> ListenerSession:
    """Return the session a record holds. Raise `DamagedRecord`, or `NewerSessionRecord` for a schema to come."""
    if len(record) < _HEADER.size + _CRC.size:
        raise DamagedRecord(f"expected at least {_HEADER.size + _CRC.size} bytes, got {len(record)}")
    magic, schema, incarnation, seq = _HEADER.unpack_from(record)
    if magic != MAGIC:
        raise DamagedRecord(f"expected a record that begins with {MAGIC:#x}, got {magic:#x}")
    # Before the schema is believed: a flipped bit there would otherwise pass for a record of a later version.
    if zlib.crc32(memoryview(record)[: -_CRC.size]) != _CRC.unpack_from(record, len(record) - _CRC.size)[0]:
        raise DamagedRecord("the checksum does not match")
    if schema > SCHEMA:
        raise NewerSessionRecord(
            f"Expected a session record of schema {SCHEMA} or older, got {schema}: a newer Segue wrote it. "
            "Upgrade this one; the record is left as it is."
        )
    try:
        body = unpacked(memoryview(record)[_HEADER.size : -_CRC.size])
        session_of = session_of_schema_1 if schema == 1 else _session
        return session_of(listener_id, incarnation, seq, body)
    except _MISFITS as error:
        raise DamagedRecord(f"the body is not what schema {schema} says: {error!r}") from error


def _session(listener_id: str, incarnation: int, seq: int, body: Sequence[Any]) -> ListenerSession:
    session_id, hidden, unread, context, names, repeats, kinds, first, width, steps, exceptions, *rest = body
    digests, tracks, artists, updated_at = rest
    ids = _repeated(unpack_names(names), repeats)
    count = len(ids)
    stamps = unpack_times(first, width, steps, exceptions, count)
    digits = kinds.hex()[:count]
    columns = zip(
        ids,
        [at / 1000 for at in stamps],
        map(_KIND_OF.__getitem__, digits),
        map(_ADVANCES.__getitem__, digits),
        strict=True,
    )
    return ListenerSession(
        listener_id,
        seq,
        session_id if isinstance(session_id, str) else session_id.hex(),
        None if hidden is None else StampedHidden(*hidden),
        unread,
        context,
        tuple(map(_heard_track, columns)),
        struct.unpack(f"{DIGEST_SIZE}s" * (len(digests) // DIGEST_SIZE), digests),
        _unpack_blocks(tracks),
        _unpack_blocks(artists),
        (updated_at + (stamps[-1] if stamps else 0)) / 1000,
        incarnation,
    )


def _once(ids: list[str]) -> tuple[list[str], list[int]]:
    """Return the ids without repeats, and of each repeat its place and which of those it is."""
    if len(set(ids)) == len(ids):
        return ids, []
    numbers = {track_id: number for number, track_id in enumerate(dict.fromkeys(ids))}
    met, repeats = 0, []
    for place, track_id in enumerate(ids):
        if numbers[track_id] == met:
            met += 1
        else:
            repeats += [place, numbers[track_id]]
    return list(numbers), repeats


def _repeated(names: list[str], repeats: list[int]) -> list[str]:
    """Put each repeat back in its place, in order, so that the places are those of the whole list."""
    ids = [*names]
    for place, number in zip(repeats[::2], repeats[1::2], strict=True):
        ids.insert(place, names[number])
    return ids


def _pack_session_id(session_id: str) -> str | bytes:
    """Return the eight bytes that sixteen hexadecimal digits stand for; any other text as it is."""
    try:
        data = bytes.fromhex(session_id)
    except ValueError:
        return session_id
    return data if data.hex() == session_id else session_id


def _pack_blocks(blocks: tuple[Block, ...]) -> list[str | tuple[str, int]]:
    return [block.what if block.until is None else (block.what, round(block.until * 1000)) for block in blocks]


def _unpack_blocks(blocks: list[Any]) -> tuple[Block, ...]:
    return tuple(Block(block) if isinstance(block, str) else Block(block[0], block[1] / 1000) for block in blocks)
