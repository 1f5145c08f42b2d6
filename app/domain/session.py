"""A listener's session: the recent tracks are the truth, the hidden state is a cache of them.

The hidden state is opaque here: bytes stamped with the checkpoint they came from. The law that everything else
relies on: under the checkpoint that stamped it, `hidden` equals the state after reading the advancing tracks of
the current context, less the newest `unread` of them, from the start state.

Knows nothing of Redis, of the network, or of what may be suggested next.
"""

import secrets
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from app.domain.blocks import TRACK_KEY, Block, holding, setting, within
from app.domain.events import EventKind, ListenerEvent, Outcome


@dataclass(frozen=True, slots=True)
class StampedHidden:
    """A hidden state and the checkpoint it belongs to. Only `rnn/hidden.py` opens the data."""

    checkpoint_id: str
    data: bytes


class HeardTrack(NamedTuple):
    """One remembered event: `advances` tells whether the network reads this track on replay.

    A tuple, not a dataclass: fifty of them are made at every load, four times as fast.
    """

    track_id: str
    at: float
    kind: EventKind
    advances: bool


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How much of a listener is remembered.

    `recent_tracks` bounds the remembered events; the network's context never holds more than that many, and when
    it is full it starts again from the newest half, so that a replay of what is stored is always the whole truth.
    `blocks` bounds the blocked tracks, and as many artists.
    """

    recent_tracks: int = 50
    event_ids: int = 64
    blocks: int = 200
    idle_gap_s: float = 1800.0
    late_after_s: float = 60.0
    future_tolerance_s: float = 300.0


def believed(at: float, now: float, latest: float) -> float:
    """Return a listener's time to the millisecond, or `now` where it lies after `latest` or before 1970.

    `latest` allows no more than counts as late: a device whose clock is fast would make every other one late.
    """
    return round(at if 0.0 <= at <= latest else now, 3)


def new_nonce() -> int:
    """Draw a random 63-bit number."""
    return secrets.randbits(63)


@dataclass(frozen=True, slots=True)
class ListenerSession:
    """What Segue remembers of one listener. A new value is made at each event; nothing is changed in place.

    `context` counts how many of the newest `recent` belong to the current listening session; `unread` counts how
    many of the newest advancing tracks in it the hidden state has not read yet. `event_digests` holds the digests
    of the newest events, oldest first. `incarnation` tells a listener who was deleted and came back from the one
    before: `seq` alone would not.
    """

    listener_id: str
    seq: int = 0
    session_id: str = ""
    hidden: StampedHidden | None = None
    unread: int = 0
    context: int = 0
    recent: tuple[HeardTrack, ...] = ()
    event_digests: tuple[bytes, ...] = ()
    blocked_tracks: tuple[Block, ...] = ()
    blocked_artists: tuple[Block, ...] = ()
    updated_at: float = 0.0
    incarnation: int = field(default_factory=new_nonce)

    @property
    def is_new(self) -> bool:
        """Whether nothing has been stored for this listener yet."""
        return self.seq == 0

    @property
    def newest_at(self) -> float:
        """When the newest remembered track was heard; 0 before the first."""
        return self.recent[-1].at if self.recent else 0.0

    @property
    def current(self) -> tuple[HeardTrack, ...]:
        """The remembered events of the current context, oldest first."""
        return self.recent[len(self.recent) - self.context :]

    @property
    def advancing(self) -> tuple[str, ...]:
        """The tracks the network has to have read, oldest first."""
        return tuple(heard.track_id for heard in self.current if heard.advances)

    def reading(self, checkpoint_id: str) -> tuple[StampedHidden | None, tuple[str, ...]]:
        """Return where the network starts from and what it must still read to know this session.

        The stored state is used only by the checkpoint that made it; any other replays from the start state.
        """
        if self.hidden is not None and self.hidden.checkpoint_id == checkpoint_id:
            tracks = self.advancing
            return self.hidden, tracks[len(tracks) - self.unread :]
        return None, self.advancing

    def remembering(self, hidden: StampedHidden) -> "ListenerSession":
        """Return the session with a hidden state that has read everything."""
        return replace(self, hidden=hidden, unread=0)

    def after(
        self, event: ListenerEvent, *, known: bool, now: float, limits: SessionLimits
    ) -> tuple["ListenerSession", Outcome]:
        """Return the session after one event, and what became of the event.

        `known` tells whether the catalogue holds the track: an unknown one is remembered but never read. An event
        seen before changes nothing.
        """
        digest = event.digest
        if digest in self.event_digests:
            return self, Outcome.DUPLICATE
        latest = now + min(limits.future_tolerance_s, limits.late_after_s)
        at, now = believed(event.at, now, latest), round(now, 3)
        noted = self._noting(event, digest, now, limits).believing(now, latest)
        if noted.recent and at < noted.newest_at - limits.late_after_s:
            return noted.remembering_late(event, at, limits, now), Outcome.LATE
        session = noted.resumed(at, limits)
        session = session.withdrawing(event) if event.kind.withdraws else session
        session = session.appending(event, max(at, session.newest_at), known, now, limits)
        return session, Outcome.APPLIED if known else Outcome.UNKNOWN_TRACK

    def believing(self, now: float, latest: float) -> "ListenerSession":
        """Set remembered times after `now` back to it once the newest is beyond `latest`: a clock ran ahead.

        Otherwise every later event would count as late until the true time caught up.
        """
        if self.newest_at <= latest:
            return self
        return replace(self, recent=tuple(heard._replace(at=min(heard.at, now)) for heard in self.recent))

    def resumed(self, at: float, limits: SessionLimits) -> "ListenerSession":
        """Start a new listening session when the idle gap has passed; what was heard stays for no-repeat."""
        if self.session_id and at - self.newest_at < limits.idle_gap_s:
            return self
        return replace(self, session_id=f"{new_nonce():016x}", hidden=None, unread=0, context=0)

    def withdrawing(self, event: ListenerEvent) -> "ListenerSession":
        """Take back the newest `played` of this track: it stays remembered, and the state is replayed without it."""
        for back, heard in enumerate(reversed(self.current)):
            if heard.track_id == event.track_id and heard.kind is EventKind.PLAYED and heard.advances:
                position = len(self.recent) - 1 - back
                recent = (
                    *self.recent[:position],
                    heard._replace(advances=False),
                    *self.recent[position + 1 :],
                )
                return replace(self, recent=recent, hidden=None, unread=0)
        return self

    def appending(
        self, event: ListenerEvent, at: float, known: bool, now: float, limits: SessionLimits
    ) -> "ListenerSession":
        """Remember one event as the newest. A `finished` that confirms the track just played is not read twice."""
        advances = event.kind.advances and known and not self._confirmed_by(event)
        session = replace(
            self,
            recent=(*self.recent[1 - limits.recent_tracks :], HeardTrack(event.track_id, at, event.kind, advances)),
            context=self.context + 1,
            unread=self.unread + advances if self.hidden is not None else 0,
            updated_at=now,
        )
        return session.bounded(limits)

    def remembering_late(self, event: ListenerEvent, at: float, limits: SessionLimits, now: float) -> "ListenerSession":
        """Remember a late event where its time puts it, without rewinding the network."""
        position = sum(heard.at <= at for heard in self.recent)
        heard = HeardTrack(event.track_id, at, event.kind, advances=False)
        in_context = position > len(self.recent) - self.context
        recent = (*self.recent[:position], heard, *self.recent[position:])
        return replace(self, recent=recent, context=self.context + in_context, updated_at=now).bounded(limits)

    def bounded(self, limits: SessionLimits) -> "ListenerSession":
        """Forget the oldest beyond the limits. A context that is full starts again from its newest half."""
        if max(len(self.recent), self.context) <= limits.recent_tracks and len(self.event_digests) <= limits.event_ids:
            return self
        recent = self.recent[-limits.recent_tracks :]
        digests = self.event_digests[-limits.event_ids :]
        if self.context <= limits.recent_tracks:
            return replace(self, recent=recent, event_digests=digests)
        return replace(
            self, recent=recent, event_digests=digests, context=limits.recent_tracks // 2, hidden=None, unread=0
        )

    def forgetting(self, *, keep_recent: bool, now: float) -> "ListenerSession":
        """Return the session at the start state: what was heard is forgotten, or kept for no-repeat alone.

        Blocks stay, and so do the event ids: an event from before, sent again, does not come back.
        """
        recent = self.recent if keep_recent else ()
        return replace(
            self,
            seq=self.seq + 1,
            session_id="",
            hidden=None,
            unread=0,
            context=0,
            recent=recent,
            updated_at=round(now, 3),
        )

    def _confirmed_by(self, event: ListenerEvent) -> bool:
        """Tell whether the event is the end of the track that was read last."""
        if event.kind is not EventKind.FINISHED:
            return False
        newest = next((heard for heard in reversed(self.current) if heard.advances), None)
        return newest is not None and newest.track_id == event.track_id

    def _noting(self, event: ListenerEvent, digest: bytes, now: float, limits: SessionLimits) -> "ListenerSession":
        """Count the event, remember its id, and take in what blocks say: some are over, a dislike is a new one."""
        tracks = holding(self.blocked_tracks, now)
        if event.kind.blocks:
            tracks = within(setting(tracks, [Block(event.track_id)], TRACK_KEY), limits.blocks)
        return replace(
            self,
            seq=self.seq + 1,
            event_digests=(*self.event_digests[1 - limits.event_ids :], digest),
            blocked_tracks=tracks,
            blocked_artists=holding(self.blocked_artists, now),
        )
