"""What all listeners together take: how many, how many bytes, of which schema and checkpoint, and until when.

Keys are counted by SCAN up to a bound and estimated beyond it; a sample of them is measured. SCAN goes by hash, so the
first keys are as good a sample as any. Knows nothing of how it is printed.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.errors import NewerSessionRecord
from app.stores.exchange import Exchange, checked
from app.stores.keys import ANY_SESSION, LANES, events_key, listener_of
from app.stores.session_record import DamagedRecord, decode, schema_of
from app.stores.together import Command

SCAN_BATCH = 1_000
SCANNED_AT_MOST = 100_000
# Upper ends of the classes that the time until expiry falls into.
EXPIRIES = (("1 hour", 3600), ("1 day", 86_400), ("7 days", 7 * 86_400), ("30 days", 30 * 86_400))
LATER, NEVER, NO_STATE = "later", "never", "none"


@dataclass(frozen=True)
class Measured:
    """One listener's record: bytes of it, bytes of the key in the server, seconds to live (None: for ever).

    `state_of` is the checkpoint of its hidden state, NO_STATE where it has to be replayed.
    """

    record_bytes: int
    server_bytes: int
    expires_in_s: float | None
    schema: str
    state_of: str


@dataclass(frozen=True)
class EventLogStats:
    """What waits to be collected: entries of all lanes, of the longest, and the seconds the oldest has waited."""

    entries: int
    longest_lane: int
    oldest_s: float | None


@dataclass(frozen=True)
class NodeStats:
    """What one server says of itself, in bytes; `limit` is its maxmemory, None for none."""

    used_memory: int
    limit: int | None
    policy: str


@dataclass(frozen=True)
class StateStats:
    """What is stored; `counted` tells whether `listeners` was counted or estimated from a part of the keys."""

    listeners: int
    counted: bool
    sample: tuple[Measured, ...]
    nodes: tuple[NodeStats, ...]
    event_log: EventLogStats

    def server_bytes(self, share: float) -> int | None:
        """Return how many bytes of the server that share of listeners takes at most, None where there are none."""
        ordered = sorted(one.server_bytes for one in self.sample)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None

    @property
    def schemas(self) -> Counter[str]:
        """How many of the sample are of which schema, `damaged` or `newer`."""
        return Counter(one.schema for one in self.sample)

    @property
    def states(self) -> Counter[str]:
        """How many of the sample hold a hidden state of which checkpoint."""
        return Counter(one.state_of for one in self.sample)

    @property
    def expiries(self) -> dict[str, int]:
        """How many of the sample expire within each of EXPIRIES and not within the one before, later, or never."""
        counts = Counter(_expiry(one.expires_in_s) for one in self.sample)
        return {name: counts[name] for name in (*(name for name, _ in EXPIRIES), LATER, NEVER)}


async def look(exchange: Exchange, sample: int) -> StateStats:
    """Look at what is stored, measuring about `sample` listeners."""
    masters = await exchange.masters()
    share = -(-sample // len(masters))
    looks = await asyncio.gather(*(_look_at(master, share) for master in masters))
    return StateStats(
        sum(listeners for listeners, _, _, _ in looks),
        all(counted for _, counted, _, _ in looks),
        tuple(one for _, _, measured, _ in looks for one in measured),
        tuple(node for _, _, _, node in looks),
        await _event_log(exchange),
    )


async def _look_at(master: Exchange, sample: int) -> tuple[int, bool, Sequence[Measured], NodeStats]:
    """Return listeners, whether they were counted, a sample of them, and what the server says of itself."""
    size, info = map(checked, await master.send([("DBSIZE",), ("INFO", "memory")]))
    memory = dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
    cursor, found, kept, scanned = 0, 0, list[bytes](), 0
    while scanned < SCANNED_AT_MOST:
        [reply] = await master.send([("SCAN", cursor, "MATCH", ANY_SESSION, "COUNT", SCAN_BATCH)])
        cursor, keys = checked(reply)
        scanned += SCAN_BATCH
        found += len(keys)
        kept += keys[: sample - len(kept)]
        if int(cursor) == 0:
            break
    counted = int(cursor) == 0
    node = NodeStats(int(memory["used_memory"]), int(memory["maxmemory"]) or None, memory["maxmemory_policy"])
    return found if counted else size * found // scanned, counted, await _measured(master, kept), node


async def _measured(master: Exchange, keys: Sequence[bytes]) -> list[Measured]:
    measured = []
    for start in range(0, len(keys), SCAN_BATCH):
        batch = keys[start : start + SCAN_BATCH]
        asked: list[Command] = []
        for key in batch:
            asked += [("GET", key), ("MEMORY", "USAGE", key), ("PTTL", key)]
        replies = await master.send(asked)
        for key, record, used, left_ms in zip(batch, replies[::3], replies[1::3], replies[2::3], strict=True):
            if isinstance(record, bytes) and isinstance(used, int):  # else it expired or was moved meanwhile
                schema, state_of = _read(key, record)
                expires_in_s = left_ms / 1000 if left_ms >= 0 else None
                measured.append(Measured(len(record), used, expires_in_s, schema, state_of))
    return measured


def _read(key: bytes, record: bytes) -> tuple[str, str]:
    try:
        session = decode(listener_of(key), record)
    except DamagedRecord:
        return "damaged", NO_STATE
    except NewerSessionRecord:
        return "newer", NO_STATE
    return str(schema_of(record)), NO_STATE if session.hidden is None else session.hidden.checkpoint_id


async def _event_log(exchange: Exchange) -> EventLogStats:
    keys = [events_key(lane) for lane in range(LANES)]
    lengths = list(map(checked, await exchange.send([("XLEN", key) for key in keys])))
    oldest = map(checked, await exchange.send([("XRANGE", key, "-", "+", "COUNT", 1) for key in keys]))
    begun_s = [int(entries[0][0].partition(b"-")[0]) / 1000 for entries in oldest if entries]
    return EventLogStats(sum(lengths), max(lengths), max(0.0, time.time() - min(begun_s)) if begun_s else None)


def _expiry(expires_in_s: float | None) -> str:
    if expires_in_s is None:
        return NEVER
    return next((name for name, within_s in EXPIRIES if expires_in_s <= within_s), LATER)
