"""What is written down of listening, for whoever trains the next network: entries, and marks of who left.

The log is append-only and keeps each listener's entries in the order in which they were taken in. Knows nothing of
where the log is kept.
"""

from dataclasses import dataclass
from hashlib import blake2b

from app.domain.events import EventKind, ListenerEvent, Outcome
from app.domain.recommendation import EventReceipt
from app.domain.session import ListenerSession, believed

# A duplicate is in the log already, and what was rejected changed nothing.
LOGGED = frozenset({Outcome.APPLIED, Outcome.LATE, Outcome.UNKNOWN_TRACK})


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One event that was taken in.

    `at` is when the listener did it, `received_at` when it was taken in, both in seconds since 1970; a time that had
    not come yet counts as `received_at`. `seq` is the listener's number after it, `checkpoint_id` the checkpoint that
    answered it.
    """

    event_id: str
    listener_id: str
    kind: EventKind
    track_id: str
    at: float
    received_at: float
    outcome: Outcome
    seq: int
    session_id: str
    checkpoint_id: str

    @classmethod
    def of(
        cls, session: ListenerSession, event: ListenerEvent, receipt: EventReceipt, checkpoint_id: str
    ) -> "LogEntry | None":
        """Return the entry for an event that made this session, None where there is nothing to write down."""
        if receipt.outcome not in LOGGED:
            return None
        received_at = session.updated_at
        return cls(
            event.event_id,
            event.listener_id,
            event.kind,
            event.track_id,
            believed(event.at, received_at, received_at),
            received_at,
            receipt.outcome,
            receipt.seq,
            session.session_id,
            checkpoint_id,
        )


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A listener asked to be forgotten: what stands before this mark, of this listener, is not to be used.

    The mark holds a digest of the id, so that it says whom to leave out to those who have the id, and to nobody else.
    """

    listener_digest: bytes

    @classmethod
    def listener(cls, listener_id: str) -> "Forgotten":
        """Return the mark for a listener."""
        return cls(listener_digest(listener_id))


@dataclass(frozen=True, slots=True)
class Merged:
    """What stands before this mark of the listener `listener_id` was heard by the listener `into`."""

    listener_id: str
    into: str


def listener_digest(listener_id: str) -> bytes:
    """Return sixteen bytes that stand for a listener id: enough that no two of 10^12 listeners share them."""
    return blake2b(legible(listener_id).encode(), digest_size=16).digest()


def legible(text: str) -> str:
    """Return text without halves of surrogate pairs, which files of text cannot hold: they are spelled out."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "backslashreplace")
