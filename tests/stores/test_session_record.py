"""The session record: what goes in comes out, what was changed is noticed, and it stays small."""

import random
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.blocks import Block
from app.domain.events import EventKind
from app.domain.session import HeardTrack, ListenerSession, StampedHidden
from app.errors import NewerSessionRecord
from app.stores.session_record import MAGIC, POSITION, SCHEMA, DamagedRecord, decode, encode, position

TEXTS = st.text(st.characters(exclude_categories=()), max_size=40)  # lone surrogates included
TIMES = st.integers(min_value=0, max_value=253_402_300_799_999).map(lambda milliseconds: milliseconds / 1000)
WORDS = st.integers(min_value=0, max_value=2**63 - 1)
HEARD = st.builds(HeardTrack, TEXTS, TIMES, st.sampled_from(EventKind), st.booleans())
BLOCKS = st.builds(Block, TEXTS, st.none() | TIMES)
SESSIONS = st.builds(
    ListenerSession,
    listener_id=TEXTS,
    seq=WORDS,
    session_id=TEXTS,
    hidden=st.none() | st.builds(StampedHidden, TEXTS, st.binary(max_size=64)),
    unread=st.integers(min_value=0, max_value=500),
    context=st.integers(min_value=0, max_value=500),
    recent=st.lists(HEARD, max_size=60).map(tuple),
    event_digests=st.lists(st.binary(min_size=6, max_size=6), max_size=80).map(tuple),
    blocked_tracks=st.lists(BLOCKS, max_size=5).map(tuple),
    blocked_artists=st.lists(BLOCKS, max_size=5).map(tuple),
    updated_at=TIMES,
    incarnation=WORDS,
)

SMALL = ListenerSession(
    "ann",
    seq=3,
    session_id="00000000000000ff",
    hidden=StampedHidden("20261122T101500Z-3f9c1a", b"\x00\x01\x02\x03"),
    unread=1,
    context=2,
    recent=(
        HeardTrack("a", 1_700_000_000.0, EventKind.PLAYED, True),
        HeardTrack("b", 1_700_000_200.125, EventKind.SKIPPED, False),
        HeardTrack("a", 1_700_000_201.0, EventKind.FINISHED, False),
    ),
    event_digests=(b"123456", b"abcdef"),
    blocked_tracks=(Block("c"),),
    updated_at=1_700_000_201.5,
    incarnation=0x1122334455667788,
)

UNTIL = replace(SMALL, blocked_artists=(Block("Moby", 1_800_000_000.5),))

GOLDEN_1 = bytes.fromhex(
    "5301112233445566778800000000000000039cb03030303030303030303030303030666692b732303236313132325431"
    "30313530305a2d336639633161c40400010203010293a161a16200c403100201cf0000018bcfe56800c40900bd6b000d"
    "03000300c4103132333435363738616263646566676891a16390cf0000018bcfe87b1ca99be36b"
)

GOLDEN_2 = bytes.fromhex(
    "5302112233445566778800000000000000039fc40800000000000000ff92b73230323631313232543130313530305a2d"
    "336639633161c404000102030102930102c40369b000920200c4028210cf0000018bcfe5680001c4080000bd0d6b0303"
    "0090c40c31323334353661626364656691a1639192a44d6f6279cf000001a3185c51f4cd01f4b638aaf4"
)


def sealed(record: bytes) -> bytes:
    """Add the checksum."""
    return record + zlib.crc32(record).to_bytes(4, "big")


def listener(id_length: int, hidden_bytes: int) -> ListenerSession:
    """Return a listener as full as the default limits allow, with ids and a state no one can compress."""
    draw = random.Random(5)
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    at = 1_700_000_000.0
    recent = []
    for _ in range(50):
        at = round(at + draw.uniform(120, 400), 3)
        recent.append(HeardTrack("".join(draw.choices(letters, k=id_length)), at, EventKind.PLAYED, True))
    return replace(
        SMALL,
        seq=1000,
        hidden=StampedHidden("20261122T101500Z-3f9c1a", draw.randbytes(hidden_bytes)),
        recent=tuple(recent),
        event_digests=tuple(draw.randbytes(6) for _ in range(64)),
    )


@given(SESSIONS)
def test_decode_returns_what_was_encoded(session: ListenerSession) -> None:
    assert decode(session.listener_id, encode(session)) == session


@pytest.mark.parametrize("id_length", [1, 9, 10, 22, 36])
def test_short_and_deflated_ids_come_back(id_length: int) -> None:
    session = listener(id_length, 512)
    assert decode("ann", encode(session)) == session


def test_record_of_schema_1_stays_readable() -> None:
    """It knew no blocks with an end, and its hidden state has to be replayed; the next commit writes it anew."""
    assert decode("ann", GOLDEN_1) == replace(SMALL, hidden=None, unread=0)
    assert encode(SMALL)[1] == SCHEMA


def test_record_of_schema_2_stays_readable() -> None:
    """These bytes are in somebody's Redis: a change that breaks this test needs a new schema and a migration."""
    assert decode("ann", GOLDEN_2) == UNTIL
    assert encode(UNTIL) == GOLDEN_2


def test_position_is_where_a_commit_compares() -> None:
    assert encode(SMALL)[POSITION] == position(SMALL)
    assert position(ListenerSession("ann")) == b""
    assert position(replace(SMALL, seq=4)) != position(SMALL) != position(replace(SMALL, incarnation=1))


def test_every_flipped_bit_is_noticed() -> None:
    record = encode(SMALL)
    for bit in range(8 * len(record)):
        changed = bytearray(record)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DamagedRecord):
            decode("ann", bytes(changed))


def test_every_cut_is_noticed() -> None:
    record = encode(SMALL)
    for length in range(len(record)):
        with pytest.raises(DamagedRecord):
            decode("ann", record[:length])
    with pytest.raises(DamagedRecord):
        decode("ann", record + b"\x00")


@given(st.binary(max_size=200))
def test_any_other_bytes_are_damage(data: bytes) -> None:
    with pytest.raises(DamagedRecord):
        decode("ann", data)


@given(st.binary(max_size=100))
def test_body_of_nonsense_under_a_right_checksum_is_damage(body: bytes) -> None:
    with pytest.raises(DamagedRecord):
        decode("ann", sealed(bytes([MAGIC, SCHEMA]) + bytes(16) + body))


def test_record_of_a_newer_segue_is_told_from_damage() -> None:
    with pytest.raises(NewerSessionRecord, match="schema 2 or older, got 3"):
        decode("ann", sealed(bytes([MAGIC, SCHEMA + 1]) + bytes(16) + b"whatever comes"))


def test_every_kind_of_event_has_a_code() -> None:
    for kind in EventKind:
        session = replace(SMALL, recent=(HeardTrack("a", 1.0, kind, True), HeardTrack("b", 2.0, kind, False)))
        assert decode("ann", encode(session)) == session


@pytest.mark.parametrize(
    ("id_length", "hidden_bytes", "bound"),
    [(6, 256, 1120), (6, 450, 1320), (12, 256, 1340), (12, 450, 1536), (22, 450, 1920)],
)
def test_record_stays_small(id_length: int, hidden_bytes: int, bound: int) -> None:
    """Fifty different tracks and 64 event ids at hidden size 128, in half precision and in single as it is packed."""
    assert len(encode(listener(id_length, hidden_bytes))) <= bound
