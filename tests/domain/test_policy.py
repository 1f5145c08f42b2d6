"""What may not come next."""

from app.domain.blocks import Block
from app.domain.catalogue import Catalogue, Track
from app.domain.events import EventKind, ListenerEvent
from app.domain.policy import excluded_rows
from app.domain.recommendation import Ask
from app.domain.session import ListenerSession, SessionLimits

CATALOGUE = Catalogue(
    [
        Track("heroes", "Heroes", "David Bowie"),
        Track("heroes-2017", "Heroes - 2017 Remaster", "David Bowie"),
        Track("changes", "Changes", "David Bowie"),
        Track("porcelain", "Porcelain", "Moby"),
        Track("go", "Go", "Moby"),
        Track("teardrop", "Teardrop", "Massive Attack"),
    ]
)
HOUR_S = 3600.0


def heard(*events: tuple[EventKind, str], start: float = 1e9, gap_s: float = 60.0) -> ListenerSession:
    """Return the session after the events, one a minute."""
    session = ListenerSession("ann")
    for position, (kind, track_id) in enumerate(events):
        at = start + position * gap_s
        event = ListenerEvent(f"e{position}", "ann", kind, track_id, at)
        known = CATALOGUE.index_of(track_id) is not None
        session, _ = session.after(event, known=known, now=at, limits=SessionLimits())
    return session


def excluded(session: ListenerSession, ask: Ask | None = None, now: float = 1e9) -> set[str]:
    return {CATALOGUE[row].track_id for row in excluded_rows(session, ask or Ask(limit=10), CATALOGUE, now)}


def test_what_was_heard_does_not_come_again_in_any_release() -> None:
    """No repeats means no remaster of it either."""
    assert excluded(heard((EventKind.PLAYED, "heroes"))) == {"heroes", "heroes-2017"}


def test_what_was_heard_before_the_idle_gap_does_not_come_again() -> None:
    """A new listening session forgets the mood, not the tracks."""
    session = heard((EventKind.PLAYED, "go"), (EventKind.PLAYED, "teardrop"), gap_s=2 * HOUR_S)
    assert excluded(session) == {"go", "teardrop"}


def test_repeats_can_be_allowed_but_not_for_what_was_skipped() -> None:
    """A skip says not now; that holds even where repeats are welcome."""
    session = heard((EventKind.PLAYED, "go"), (EventKind.PLAYED, "changes"), (EventKind.SKIPPED, "changes"))
    assert excluded(session, Ask(limit=10, allow_repeats=True)) == {"changes"}


def test_a_dislike_is_for_good() -> None:
    """It outlives the listening session and every permission to repeat."""
    session = heard((EventKind.DISLIKED, "go"), (EventKind.PLAYED, "teardrop"), gap_s=2 * HOUR_S)
    assert "go" in excluded(session, Ask(limit=10, allow_repeats=True))


def test_a_block_holds_until_its_end() -> None:
    """Every release of a track and every track of an artist; at its end a block excludes nothing any more."""
    session = ListenerSession(
        "ann",
        blocked_tracks=(Block("heroes", 60.0),),
        blocked_artists=(Block("MOBY", 120.0), Block("Massive Attack")),
    )
    for_good = {"teardrop"}
    assert excluded(session, now=59.999) == {"heroes", "heroes-2017", "porcelain", "go"} | for_good
    assert excluded(session, now=60.0) == {"porcelain", "go"} | for_good
    assert excluded(session, Ask(limit=10, allow_repeats=True), now=120.0) == for_good


def test_the_caller_excludes_tracks_and_artists() -> None:
    """Artists by any spelling, tracks with all their releases; unknown ids do no harm."""
    ask = Ask(limit=10, exclude=("heroes-2017", "nope"), exclude_artists=("MOBY",))
    assert excluded(ListenerSession("ann"), ask) == {"heroes", "heroes-2017", "porcelain", "go"}


def test_artist_gap_keeps_the_last_artists_away() -> None:
    """With a gap of one only the newest artist pauses, with two the one before as well."""
    session = heard((EventKind.PLAYED, "changes"), (EventKind.PLAYED, "go"))
    assert excluded(session, Ask(limit=10, artist_gap=1)) == {"changes", "go", "porcelain"}
    assert excluded(session, Ask(limit=10, artist_gap=2)) == {
        "changes",
        "heroes",
        "heroes-2017",
        "go",
        "porcelain",
    }


def test_what_the_caller_says_was_heard_counts_as_heard() -> None:
    """`recent` stands in for a session nobody stored."""
    assert excluded(ListenerSession(""), Ask(limit=10, recent=("teardrop",))) == {"teardrop"}
