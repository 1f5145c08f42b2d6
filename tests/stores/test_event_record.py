"""What waits in the log: every entry comes back as it was, and damage is not mistaken for something newer."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.event_log import LOGGED, Forgotten, LogEntry, Merged
from app.domain.events import EventKind, Outcome
from app.errors import NewerLogEntry
from app.stores.event_record import DamagedEntry, decode, encode

TEXT = st.text(st.characters(), max_size=40)
TIMES = st.integers(0, 2**42).map(lambda at_ms: at_ms / 1000)
ENTRIES = st.builds(
    LogEntry,
    event_id=TEXT,
    listener_id=TEXT,
    kind=st.sampled_from(EventKind),
    track_id=TEXT,
    at=TIMES,
    received_at=TIMES,
    outcome=st.sampled_from(sorted(LOGGED)),
    seq=st.integers(0, 2**63),
    session_id=TEXT,
    checkpoint_id=TEXT,
)


@given(ENTRIES | st.builds(Forgotten.listener, TEXT) | st.builds(Merged, TEXT, TEXT))
def test_what_is_written_is_read(written: LogEntry | Forgotten | Merged) -> None:
    assert decode(encode(written)) == written


def test_entry_takes_little_room() -> None:
    """A usual event: what the log costs beside the ids that callers choose."""
    entry = LogEntry(
        "0190b6a4-6d3e-7c1a-9f00-000000000001",
        "listener-123",
        EventKind.PLAYED,
        "track-1234567",
        1_700_000_000.123,
        1_700_000_000.456,
        Outcome.APPLIED,
        1234,
        "0123456789abcdef",
        "20261122T101500Z-3f9c1a",
    )
    ids = entry.event_id + entry.listener_id + entry.track_id + entry.session_id + entry.checkpoint_id
    assert len(encode(entry)) == len(ids) + 31


@pytest.mark.parametrize("data", [b"", b"junk", msgpack.packb([1]), msgpack.packb([1, 0, "ann"]), msgpack.packb("x")])
def test_damage_is_told(data: bytes) -> None:
    with pytest.raises(DamagedEntry):
        decode(data)


@pytest.mark.parametrize("data", [msgpack.packb([2, 0, "ann"]), msgpack.packb([1, 6, "ann"])])
def test_entry_of_a_newer_segue_is_not_taken_for_damage(data: bytes) -> None:
    with pytest.raises(NewerLogEntry, match="newer Segue"):
        decode(data)
