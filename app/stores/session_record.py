"""The compact binary form of a listener session. Knows nothing of Redis, and never looks into a hidden state.

    offset  bytes  what
    0       1      magic, 0x53 ("S")
    1       1      schema, 2
    2       8      incarnation   } big-endian; together the position that a commit compares,
    10      8      seq           } so every schema keeps them here
    18      n      body: a msgpack list, see `encode`
    18 + n  4      CRC-32 of everything before it; every schema keeps it last

Times are kept to the millisecond, as the domain makes them. Schema 1 knew no blocks with an end; it is read as it
was written, and written anew at the next commit.
"""

import struct
import sys
import zlib
from array import array
from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from operator import sub
from typing import Any

import msgpack

from app.domain.blocks import Block
from app.domain.events import EventKind
from app.domain.session import HeardTrack, ListenerSession, StampedHidden
from app.errors import NewerSessionRecord

MAGIC = 0x53
SCHEMA = 2
POSITION = slice(2, 18)  # where incarnation and seq lie

_HEADER = struct.Struct(">BBQQ")
_POSITION = struct.Struct(">QQ")
_CRC = struct.Struct(">I")
_DIGEST_SIZE = 8

# The order is part of the format: a new kind goes to the end, and `_ADVANCES` leaves room for sixteen.
_KINDS = (
    EventKind.PLAYED,
    EventKind.FINISHED,
    EventKind.SKIPPED,
    EventKind.LIKED,
    EventKind.DISLIKED,
    EventKind.SEEDED,
)
_CODES = {kind: code for code, kind in enumerate(_KINDS)}
_ADVANCES = 0x10
_KIND_OF = {code | flag: kind for kind, code in _CODES.items() for flag in (0, _ADVANCES)}
_heard_track = partial(tuple.__new__, HeardTrack)

# Deflate pays for itself on long ids: fifty UUIDs or Spotify URIs shrink from 1,900 bytes to about 1,000 in 35 us.
_DEFLATE_FROM = 512


class DamagedRecord(Exception):
    """Bytes that are no session record: cut short, changed, or something else altogether."""


def position(session: ListenerSession) -> bytes:
    """Return what a commit expects to find stored: incarnation and seq, or nothing for a new listener."""
    return b"" if session.is_new else _POSITION.pack(session.incarnation, session.seq)


def encode(session: ListenerSession) -> bytes:
    """Return the record of a session.

    The body lists session id, (checkpoint id, hidden state) or nil, unread, context, track ids, kinds, first time,
    steps between times, event digests, blocked tracks, blocked artists, time of update. A block is the name, or the
    name and the time of its end.
    """
    hidden = session.hidden
    times = [round(heard.at * 1000) for heard in session.recent]
    body = (
        session.session_id,
        None if hidden is None else (hidden.checkpoint_id, hidden.data),
        session.unread,
        session.context,
        _pack_ids([heard.track_id for heard in session.recent]),
        bytes([_CODES[heard.kind] | (_ADVANCES if heard.advances else 0) for heard in session.recent]),
        times[0] if times else 0,
        _pack_times(times),
        b"".join(session.event_digests),
        _pack_blocks(session.blocked_tracks),
        _pack_blocks(session.blocked_artists),
        round(session.updated_at * 1000),
    )
    record = _HEADER.pack(MAGIC, SCHEMA, session.incarnation, session.seq) + _packed(body)
    return record + _CRC.pack(zlib.crc32(record))


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
        body = _unpacked(memoryview(record)[_HEADER.size : -_CRC.size])
        return _session(listener_id, incarnation, seq, body)
    except (ValueError, TypeError, LookupError, struct.error, zlib.error, msgpack.UnpackException) as error:
        raise DamagedRecord(f"the body is not what schema {schema} says: {error!r}") from error


def _session(listener_id: str, incarnation: int, seq: int, body: Sequence[Any]) -> ListenerSession:
    session_id, hidden, unread, context, ids, kinds, start, times, digests, tracks, artists, updated_at = body
    columns = zip(
        _unpack_ids(ids),
        [at / 1000 for at in _unpack_times(start, times, len(kinds))],
        [_KIND_OF[code] for code in kinds],
        [code >= _ADVANCES for code in kinds],
        strict=True,
    )
    return ListenerSession(
        listener_id,
        seq,
        session_id,
        None if hidden is None else StampedHidden(*hidden),
        unread,
        context,
        tuple(map(_heard_track, columns)),
        struct.unpack("8s" * (len(digests) // _DIGEST_SIZE), digests),
        _unpack_blocks(tracks),
        _unpack_blocks(artists),
        updated_at / 1000,
        incarnation,
    )


def _pack_ids(ids: list[str]) -> list[str | int] | bytes:
    """Write an id that occurs again as the place of its first mention, and deflate what is long."""
    first: dict[str, int] = {}
    entries: list[str | int] = [*ids]
    if len(set(ids)) < len(ids):
        for place, track_id in enumerate(ids):
            if (mention := first.setdefault(track_id, place)) != place:
                entries[place] = mention
    packed = _packed(entries)
    return entries if len(packed) < _DEFLATE_FROM else zlib.compress(packed, level=1, wbits=-zlib.MAX_WBITS)


def _unpack_ids(ids: list[Any] | bytes) -> list[str]:
    entries: list[Any] = _unpacked(zlib.decompress(ids, wbits=-zlib.MAX_WBITS)) if isinstance(ids, bytes) else ids
    return [entries[entry] if isinstance(entry, int) else entry for entry in entries]


def _pack_blocks(blocks: tuple[Block, ...]) -> list[str | tuple[str, int]]:
    return [block.what if block.until is None else (block.what, round(block.until * 1000)) for block in blocks]


def _unpack_blocks(blocks: list[Any]) -> tuple[Block, ...]:
    return tuple(Block(block) if isinstance(block, str) else Block(block[0], block[1] / 1000) for block in blocks)


def _pack_times(times: list[int]) -> bytes:
    """Pack the steps between times, byte by byte of their significance, without the high bytes that are all zero.

    [5, 1000005] has the steps [0, 1000000] and becomes 00 40, 00 42, 00 0f: three bytes a track for pauses up to
    four and a half hours.
    """
    if not times:
        return b""
    steps = array("q", map(sub, times, [times[0], *times]))
    width = 8 if min(steps) < 0 else max(1, (max(steps).bit_length() + 7) // 8)
    raw = _little_endian(steps).tobytes()
    return b"".join(raw[significance::8] for significance in range(width))


def _unpack_times(start: int, packed: bytes, count: int) -> list[int]:
    if not count:
        return []
    raw = bytearray(8 * count)
    for significance in range(len(packed) // count):
        raw[significance::8] = packed[significance * count : (significance + 1) * count]
    steps = array("q", bytes(raw))
    _little_endian(steps)[0] += start
    return list(accumulate(steps))


def _little_endian(numbers: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _packed(value: object) -> bytes:
    packed: bytes = msgpack.packb(value, unicode_errors="surrogatepass")
    return packed


def _unpacked(data: bytes | memoryview) -> Any:
    return msgpack.unpackb(data, unicode_errors="surrogatepass")
