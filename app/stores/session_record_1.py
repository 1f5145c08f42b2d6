"""Session records of schema 1, as Segue wrote them before blocks could end. Only ever read.

The body lists session id, (checkpoint id, hidden state) or nil, unread, context, track ids, kinds, first time, steps
between times, event digests, blocked tracks, blocked artists, time of update. The hidden state, of a form that is no
longer read, is left out: it is a cache, replayed at the next event.
"""

import struct
import zlib
from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from typing import Any

from app.domain.blocks import Block
from app.domain.events import DIGEST_SIZE, EventKind
from app.domain.session import HeardTrack, ListenerSession
from app.stores.record_columns import unpacked

_KINDS = ("played", "finished", "skipped", "liked", "disliked", "seeded")
_ADVANCES = 0x10
_KIND_OF = {code | flag: EventKind(kind) for code, kind in enumerate(_KINDS) for flag in (0, _ADVANCES)}
_LONG_DIGEST = 8  # of which the first bytes are those remembered now
_heard_track = partial(tuple.__new__, HeardTrack)


def session_of_schema_1(listener_id: str, incarnation: int, seq: int, body: Sequence[Any]) -> ListenerSession:
    """Return the session in a body of schema 1."""
    session_id, _, _, context, ids, kinds, start, times, digests, tracks, artists, updated_at = body
    columns = zip(
        _ids(ids),
        [at / 1000 for at in _times(start, times, len(kinds))],
        [_KIND_OF[code] for code in kinds],
        [code >= _ADVANCES for code in kinds],
        strict=True,
    )
    return ListenerSession(
        listener_id,
        seq,
        session_id,
        None,
        0,
        context,
        tuple(map(_heard_track, columns)),
        tuple(digest[:DIGEST_SIZE] for (digest,) in struct.iter_unpack(f"{_LONG_DIGEST}s", digests)),
        tuple(map(Block, tracks)),
        tuple(map(Block, artists)),
        updated_at / 1000,
        incarnation,
    )


def _ids(ids: list[Any] | bytes) -> list[str]:
    """Return the track ids; one that occurs again was written as the place of its first mention."""
    entries: list[Any] = unpacked(zlib.decompress(ids, wbits=-zlib.MAX_WBITS)) if isinstance(ids, bytes) else ids
    return [entries[entry] if isinstance(entry, int) else entry for entry in entries]


def _times(start: int, data: bytes, count: int) -> list[int]:
    """Return the times in ms; the steps between them were written byte by byte of their significance."""
    if not count:
        return []
    raw = bytearray(8 * count)
    for significance in range(len(data) // count):
        raw[significance::8] = data[significance * count : (significance + 1) * count]
    steps = [step for (step,) in struct.iter_unpack("<q", raw)]
    steps[0] += start
    return list(accumulate(steps))
