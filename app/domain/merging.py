"""Two sessions become one: a listener was known under another id until now.

Knows nothing of where sessions are kept, and of the order in which the two are changed there.
"""

from dataclasses import replace
from itertools import chain, zip_longest

from app.domain.blocks import ARTIST_KEY, TRACK_KEY, Block, Key, holding, uniting, within
from app.domain.events import digest_of
from app.domain.session import HeardTrack, ListenerSession, SessionLimits

Remembered = tuple[HeardTrack, bool]  # and whether it belongs to the current context


def merged(target: ListenerSession, source: ListenerSession, *, now: float, limits: SessionLimits) -> ListenerSession:
    """Return the target's session with all that is remembered in the source's; the state is to be replayed.

    Merging the same source again, unchanged, changes nothing: the target remembers that it was merged. Of a source
    that went on listening since, what the target remembers already is not taken twice.
    """
    mark = _mark(source)
    if mark in target.event_digests:
        return target
    remembered = sorted([*_remembered(target), *_new(source, target)], key=lambda one: one[0].at)
    newest = max(target, source, key=lambda session: session.newest_at)
    session = replace(
        target,
        seq=target.seq + 1,
        session_id=newest.session_id,
        hidden=None,
        unread=0,
        context=_context(remembered, limits.idle_gap_s),
        recent=tuple(heard for heard, _ in remembered),
        event_digests=(*_alternating(source.event_digests, target.event_digests), mark),
        blocked_tracks=_united(target.blocked_tracks, source.blocked_tracks, TRACK_KEY, now, limits),
        blocked_artists=_united(target.blocked_artists, source.blocked_artists, ARTIST_KEY, now, limits),
        updated_at=round(now, 3),
    )
    return session.bounded(limits)


def _mark(source: ListenerSession) -> bytes:
    """Return what stands among the event ids for the merging of this very session."""
    return digest_of(f"merged {source.incarnation} {source.seq}")


def _remembered(session: ListenerSession) -> list[Remembered]:
    begins = len(session.recent) - session.context
    return [(heard, place >= begins) for place, heard in enumerate(session.recent)]


def _new(source: ListenerSession, target: ListenerSession) -> list[Remembered]:
    """Return what the source remembers and the target does not. What was taken back since stays taken back."""
    known = {(heard.track_id, heard.at, heard.kind) for heard in target.recent}
    return [one for one in _remembered(source) if (one[0].track_id, one[0].at, one[0].kind) not in known]


def _context(remembered: list[Remembered], idle_gap_s: float) -> int:
    """Count the newest events that are one run of listening: of a current context, and without an idle gap."""
    context = 0
    later = remembered[-1][0].at if remembered else 0.0
    for heard, current in reversed(remembered):
        if not current or later - heard.at >= idle_gap_s:
            break
        context += 1
        later = heard.at
    return context


def _alternating(digests: tuple[bytes, ...], others: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return both, oldest first and in turns from the newest on: the bound then takes the oldest of each."""
    known = set(others)
    new = [digest for digest in digests if digest not in known]
    turns = chain.from_iterable(zip_longest(reversed(others), reversed(new)))
    return tuple(digest for digest in turns if digest is not None)[::-1]


def _united(
    blocks: tuple[Block, ...], others: tuple[Block, ...], key: Key, now: float, limits: SessionLimits
) -> tuple[Block, ...]:
    return within(uniting(holding(blocks, now), holding(others, now), key), limits.blocks)
