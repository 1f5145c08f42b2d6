"""What a request's events make of one listener's session: the session after them, and what became of each.

Knows nothing of where sessions are kept and of what the network makes of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.catalogue import Catalogue
from app.domain.event_log import LogEntry
from app.domain.events import EventKind, ListenerEvent, Outcome, digest_of
from app.domain.recommendation import EventReceipt
from app.domain.session import ListenerSession, SessionLimits


@dataclass(frozen=True, slots=True)
class TakenIn:
    """The session after some events, a receipt for each event, and what is to be written down of them."""

    session: ListenerSession
    receipts: tuple[EventReceipt, ...]
    entries: tuple[LogEntry, ...]


def take_in(
    session: ListenerSession,
    events: Sequence[ListenerEvent],
    *,
    catalogue: Catalogue,
    checkpoint_id: str,
    now: float,
    limits: SessionLimits,
) -> TakenIn:
    """Take in one listener's events in the order given, each id once.

    A request of more events than ids are remembered leaves one id more, made of all of them: sent again as it was,
    it is recognised as a whole.
    """
    whole = _digest(events) if len(events) > limits.event_ids else None
    # Beside what the session remembered: an id may fall out of that before this request is through.
    seen = set[bytes]()
    repeated = whole in session.event_digests
    receipts: list[EventReceipt] = []
    entries: list[LogEntry] = []
    after = session
    for event in events:
        outcome = Outcome.DUPLICATE
        digest = event.digest
        if not (repeated or digest in seen or digest in session.event_digests):
            seen.add(digest)
            known = catalogue.index_of(event.track_id) is not None
            after, outcome = after.after(event, known=known, now=now, limits=limits)
        receipt = EventReceipt(event.event_id, event.listener_id, outcome, after.seq)
        receipts.append(receipt)
        if (entry := LogEntry.of(after, event, receipt, checkpoint_id)) is not None:
            entries.append(entry)
    if whole is not None and after is not session:
        after = replace(after, event_digests=(*after.event_digests, whole)[-limits.event_ids :])
    return TakenIn(after, tuple(receipts), tuple(entries))


def session_of(
    recent: Sequence[str], listener_id: str, *, catalogue: Catalogue, now: float, limits: SessionLimits
) -> ListenerSession:
    """Build a session that nobody stores from the tracks a caller says were heard, oldest first."""
    session = ListenerSession(listener_id)
    for position, track_id in enumerate(recent):
        event = ListenerEvent(str(position), listener_id, EventKind.PLAYED, track_id, now)
        known = catalogue.index_of(track_id) is not None
        session, _ = session.after(event, known=known, now=now, limits=limits)
    return session


def _digest(events: Sequence[ListenerEvent]) -> bytes:
    return digest_of("\0".join(event.event_id for event in events))  # no id of an event holds a zero
