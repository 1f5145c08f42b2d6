"""The catalogue finds tracks by id, by song and by artist."""

import pytest

from app.domain.catalogue import Catalogue, Track


def catalogue() -> Catalogue:
    return Catalogue(
        [
            Track("a", "Heroes", "David Bowie"),
            Track("b", "Heroes - 2017 Remaster", "David  bowie"),
            Track("c", "Changes", "David Bowie"),
            Track("d", "Heroes", "Moby"),
        ]
    )


def test_a_track_is_found_by_its_id() -> None:
    """Its row is its position; an unknown id has none."""
    assert catalogue().index_of("c") == 2
    assert catalogue().index_of("nope") is None
    assert catalogue()[2].label == "David Bowie - Changes"


def test_every_release_of_a_song_is_the_same_song() -> None:
    """A remaster counts, another artist's song of that title does not."""
    assert sorted(catalogue().same_song(0)) == [0, 1]
    assert sorted(catalogue().same_song(1)) == [0, 1]
    assert list(catalogue().same_song(3)) == [3]
    assert catalogue().songs_of([catalogue()[1].track_id, "nope"]) == {0, 1}


def test_an_artist_is_one_however_spelled() -> None:
    """Case and white space do not make another artist."""
    assert list(catalogue().of_artist("DAVID BOWIE")) == [0, 1, 2]
    assert list(catalogue().of_artist("Nobody")) == []


def test_two_tracks_of_one_id_are_refused() -> None:
    """A row must be found by one id."""
    with pytest.raises(ValueError, match="1 repeated"):
        Catalogue([Track("a", "x", "y"), Track("a", "z", "y")])


def test_a_catalogue_of_none_warms_up() -> None:
    """An empty catalogue has nothing to build and does not fail."""
    Catalogue([]).warm_up()
    assert len(Catalogue([])) == 0
