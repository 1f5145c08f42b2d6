"""All that is held of a listener, written out."""

from base64 import b64decode
from dataclasses import fields

from app.domain.event_log import LogEntry
from app.domain.events import EventKind, Outcome
from app.domain.export import ListenerExport
from app.domain.session import HeardTrack, ListenerSession, StampedHidden
from app.web.schemas.exports import export_answer

SESSION = ListenerSession(
    "ann",
    seq=1,
    session_id="s",
    hidden=StampedHidden("ckpt", b"\x00\xff"),
    context=1,
    recent=(HeardTrack("t1", 10.0, EventKind.PLAYED, True),),
    event_digests=(b"\x01\x02\x03\x04\x05\x06",),
)

ENTRY = LogEntry("e1", "ann", EventKind.PLAYED, "t1", 10.0, 11.0, Outcome.APPLIED, 1, "s", "ckpt")


def test_the_hidden_state_and_the_event_ids_go_along() -> None:
    answer = export_answer(ListenerExport(SESSION, (ENTRY,), 20.0))
    assert answer["hidden_state"] is not None
    assert answer["hidden_state"]["checkpoint_id"] == "ckpt"
    assert b64decode(answer["hidden_state"]["data"]) == b"\x00\xff"
    assert answer["event_digests"] == ["010203040506"]
    assert answer["session"] is not None
    assert answer["session"]["recent"][0]["track_id"] == "t1"
    assert answer["exported_at"] == "1970-01-01T00:00:20.000+00:00"
    assert export_answer(ListenerExport(ListenerSession("ann", seq=1), (), 20.0))["hidden_state"] is None


def test_what_was_logged_goes_along_also_where_the_session_has_expired() -> None:
    answer = export_answer(ListenerExport(ListenerSession("ann"), (ENTRY,), 20.0))
    assert answer["session"] is None
    assert answer["logged_events"] == [
        {
            "event_id": "e1",
            "listener_id": "ann",
            "type": "played",
            "track_id": "t1",
            "at": "1970-01-01T00:00:10.000+00:00",
            "received_at": "1970-01-01T00:00:11.000+00:00",
            "outcome": "applied",
            "seq": 1,
            "session_id": "s",
            "checkpoint_id": "ckpt",
        }
    ]


def test_nothing_that_a_session_holds_is_left_out() -> None:
    """A new field of the session has to be exported, or to be named here with the reason."""
    exported = {"listener_id", "seq", "session_id", "hidden", "recent", "event_digests", "updated_at"}
    exported |= {"blocked_tracks", "blocked_artists"}
    told_by_each_recent_track = {"context", "unread"}
    says_nothing_of_the_listener = {"incarnation"}
    assert {field.name for field in fields(ListenerSession)} == (
        exported | told_by_each_recent_track | says_nothing_of_the_listener
    )
