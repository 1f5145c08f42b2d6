"""Sessions of one catalogue in the rows of another."""

from hypothesis import given

from app.domain.catalogue import Catalogue, Track
from app.trainer.translation import translate
from tests.listening import sessions_of
from tests.trainer.playlists import playlists

CHECKPOINT = Catalogue(
    [Track("a", "Help On The Way", "Grateful Dead"), Track("b", "Slipknot!", "Grateful Dead"), Track("c", "c", "")]
)


def test_tracks_are_found_by_id_then_by_name() -> None:
    source = Catalogue(
        [Track("x1", "SLIPKNOT!", "grateful  dead"), Track("a", "anything", "anyone"), Track("c", "c", "")]
    )
    translated = translate(sessions_of([0, 1], [2, 0]), source, CHECKPOINT)
    assert translated.sessions.tracks.tolist() == [1, 0, 2, 1]
    assert translated.unknown_events == 0


def test_unknown_tracks_are_passed_over_and_counted() -> None:
    source = Catalogue([Track("a", "", ""), Track("nobody", "Nothing", "Nobody"), Track("b", "", "")])
    translated = translate(sessions_of([0, 1, 2], [1, 1], [2, 0]), source, CHECKPOINT)
    assert [translated.sessions[i].tolist() for i in range(len(translated.sessions))] == [[0, 1], [1, 0]]
    assert (translated.events, translated.unknown_events) == (7, 3)
    assert (translated.tracks, translated.unknown_tracks) == (3, 1)


def test_a_bare_title_is_not_taken_for_a_track_of_that_title() -> None:
    source = Catalogue([Track("z", "c", ""), Track("a", "", "")])
    assert translate(sessions_of([0, 1]), source, CHECKPOINT).unknown_events == 1


def test_where_nothing_is_known_no_session_is_left() -> None:
    source = Catalogue([Track("z", "Z", "Z")])
    assert len(translate(sessions_of([0, 0]), source, CHECKPOINT).sessions) == 0
    assert len(translate(sessions_of(), source, CHECKPOINT).sessions) == 0


@given(playlists(5))
def test_to_the_same_catalogue_nothing_changes(heard: list[list[int]]) -> None:
    catalogue = Catalogue([Track(f"t{row}", f"Song {row}", "Artist") for row in range(5)])
    sessions = sessions_of(*heard)
    translated = translate(sessions, catalogue, catalogue).sessions
    assert translated.tracks.tolist() == sessions.tracks.tolist()
    assert translated.offsets.tolist() == sessions.offsets.tolist()
