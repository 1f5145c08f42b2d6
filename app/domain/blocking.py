"""A listener sets blocks and lifts them. Knows nothing of events, which may bring blocks as well."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from app.domain.blocks import ARTIST_KEY, TRACK_KEY, Block, holding, lifting, setting
from app.domain.session import ListenerSession, SessionLimits
from app.errors import InvalidBlock


def blocked(
    session: ListenerSession,
    tracks: Sequence[Block],
    artists: Sequence[Block],
    *,
    now: float,
    limits: SessionLimits,
) -> ListenerSession:
    """Return the session with these blocks set as well, the very session where they all stand.

    Raises InvalidBlock for one that is over, or one too many.
    """
    for block in (*tracks, *artists):
        if not block.holds(now):
            raise InvalidBlock(
                f"Expected an end of the block of {block.what!r} that lies ahead, got one {now - block.end:.0f} s ago. "
                "Leave `until` away to block for good."
            )
    blocked_tracks = setting(holding(session.blocked_tracks, now), tracks, TRACK_KEY)
    blocked_artists = setting(holding(session.blocked_artists, now), artists, ARTIST_KEY)
    for what, blocks in (("tracks", blocked_tracks), ("artists", blocked_artists)):
        if len(blocks) > limits.blocks:
            raise InvalidBlock(
                f"Expected at most {limits.blocks} blocked {what}, got {len(blocks)} with those that stand. "
                "Lift some, or give them an end."
            )
    return _changed(session, blocked_tracks, blocked_artists, now)


def unblocked(
    session: ListenerSession, tracks: Collection[str], artists: Collection[str], *, now: float
) -> ListenerSession:
    """Return the session without the blocks of these names, the very session where there are none."""
    blocked_tracks = lifting(holding(session.blocked_tracks, now), tracks, TRACK_KEY)
    blocked_artists = lifting(holding(session.blocked_artists, now), artists, ARTIST_KEY)
    return _changed(session, blocked_tracks, blocked_artists, now)


def _changed(
    session: ListenerSession, tracks: tuple[Block, ...], artists: tuple[Block, ...], now: float
) -> ListenerSession:
    if (tracks, artists) == (session.blocked_tracks, session.blocked_artists):
        return session
    return replace(
        session,
        seq=session.seq + 1,
        blocked_tracks=tracks,
        blocked_artists=artists,
        updated_at=round(now, 3),
    )
