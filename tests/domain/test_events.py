"""Each kind of event states its own effect."""

from app.domain.events import EventKind


def test_only_what_was_heard_or_asked_for_is_read() -> None:
    """A skip, a like and a dislike do not advance the network."""
    assert {kind for kind in EventKind if kind.advances} == {EventKind.PLAYED, EventKind.FINISHED, EventKind.SEEDED}


def test_unwanted_tracks_are_withdrawn_and_only_dislikes_block() -> None:
    """A skip is for now, a dislike for good."""
    assert {kind for kind in EventKind if kind.withdraws} == {EventKind.SKIPPED, EventKind.DISLIKED}
    assert {kind for kind in EventKind if kind.blocks} == {EventKind.DISLIKED}
