"""Names for answers: the same question at the same moment of a session has the same id, on every worker."""

from hashlib import blake2b

from app.domain.playlist import PlaylistAsk
from app.domain.recommendation import Ask
from app.domain.session import ListenerSession


def recommendation_id(checkpoint_id: str, session: ListenerSession, ask: Ask) -> str:
    """Name one ranking by what it was made from."""
    return "rec_" + _digest(checkpoint_id, session.listener_id, session.incarnation, session.seq, ask)


def playlist_id(checkpoint_id: str, session: ListenerSession, ask: PlaylistAsk) -> str:
    """Name one playlist by what it was made from."""
    return "pl_" + _digest(checkpoint_id, session.listener_id, session.incarnation, session.seq, ask)


def _digest(*parts: object) -> str:
    return blake2b(repr(parts).encode(), digest_size=12).hexdigest()
