"""A session as its listener sees it."""

from app.domain.blocks import Block
from app.domain.events import EventKind
from app.domain.session import HeardTrack, ListenerSession, StampedHidden
from app.web.schemas.listeners import listener_answer


def test_a_session_is_told_without_its_hidden_state() -> None:
    """But with the checkpoint that the state belongs to, and which tracks are of the session going on."""
    session = ListenerSession(
        "ann",
        seq=3,
        session_id="s",
        hidden=StampedHidden("ckpt", b"\x00\x01"),
        context=1,
        recent=(
            HeardTrack("t1", 10.0, EventKind.PLAYED, advances=True),
            HeardTrack("t2", 4000.5, EventKind.SKIPPED, advances=False),
        ),
        blocked_tracks=(Block("t9"), Block("t8", 1_800_000_000.0)),
        updated_at=4001.0,
    )
    answer = listener_answer(session)
    assert answer["checkpoint_id"] == "ckpt"
    assert answer["recent"] == [
        {"track_id": "t1", "type": "played", "at": "1970-01-01T00:00:10.000+00:00", "read": True, "current": False},
        {"track_id": "t2", "type": "skipped", "at": "1970-01-01T01:06:40.500+00:00", "read": False, "current": True},
    ]
    assert answer["blocked_tracks"] == [
        {"track_id": "t9", "until": None},
        {"track_id": "t8", "until": "2027-01-15T08:00:00.000+00:00"},
    ]
    assert "hidden" not in answer
