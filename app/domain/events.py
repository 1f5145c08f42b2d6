"""What a listener can do with a track, and what each kind of event means for the session.

Knows nothing of how events arrive or where sessions are kept.
"""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

DIGEST_SIZE = 6


class EventKind(StrEnum):
    """The kinds of event; each states its own effect on the network and on what may come next."""

    PLAYED = "played"
    FINISHED = "finished"
    SKIPPED = "skipped"
    LIKED = "liked"
    DISLIKED = "disliked"
    SEEDED = "seeded"

    # As the string it is; an enum's own hash is a Python call, which a session's fifty kinds would pay at every load.
    __hash__ = str.__hash__

    @property
    def advances(self) -> bool:
        """Whether the network reads the track: it was heard, or the listener asked to start from it."""
        return self in (EventKind.PLAYED, EventKind.FINISHED, EventKind.SEEDED)

    @property
    def withdraws(self) -> bool:
        """Whether the event takes back an earlier `played` of the same track: it was not wanted after all."""
        return self in WITHDRAWING

    @property
    def blocks(self) -> bool:
        """Whether the track may never be suggested to this listener again."""
        return self is EventKind.DISLIKED


# Asked of every remembered event: a look here costs a tenth of the property.
WITHDRAWING = frozenset({EventKind.SKIPPED, EventKind.DISLIKED})


class Outcome(StrEnum):
    """What became of one event."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    LATE = "late"
    UNKNOWN_TRACK = "unknown_track"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class ListenerEvent:
    """One thing a listener did. `at` is in seconds since 1970, UTC."""

    event_id: str
    listener_id: str
    kind: EventKind
    track_id: str
    at: float

    @property
    def digest(self) -> bytes:
        """What a session remembers of the event id, to recognise a retry.

        Among the 64 ids remembered by default, a new one is mistaken for an old one once in 4e12 events: with ten
        million events a day, once in 1,200 years.
        """
        return digest_of(self.event_id)


def digest_of(event_id: str) -> bytes:
    """Return what is remembered of an event id."""
    # Cut, not computed shorter, so that it is the beginning of what schema 1 of the session record remembered.
    return blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()[:DIGEST_SIZE]
