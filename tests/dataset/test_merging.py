"""What was imported and what was heard since, as one data set."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.dataset.folder import Dataset, Sessions, fingerprint_of
from app.dataset.merging import merge
from app.domain.catalogue import Catalogue, Track


def dataset(sessions: list[tuple[int, list[str]]], titles: bool = True) -> Dataset:
    """A data set of sessions of (beginning, track ids); those of an event log know no titles."""
    ids = sorted({track_id for _, heard in sessions for track_id in heard})
    catalogue = Catalogue([Track(one, one.upper() if titles else "", "Artist" if titles else "") for one in ids])
    rows = {one: row for row, one in enumerate(ids)}
    made = Sessions(
        np.array([rows[one] for _, heard in sessions for one in heard], np.int32),
        np.cumsum([0, *(len(heard) for _, heard in sessions)], dtype=np.int64),
        np.array([at and at + n for at, heard in sessions for n in range(len(heard))], np.int64),
    )
    return Dataset(catalogue, made, fingerprint_of(catalogue, made), {})


def heard(merged: Dataset) -> list[list[str]]:
    """The sessions in track ids."""
    return [
        [merged.catalogue[row].track_id for row in merged.sessions[i].tolist()] for i in range(len(merged.sessions))
    ]


def test_playlists_come_first_then_what_was_heard_in_the_order_it_began() -> None:
    imported = dataset([(0, ["a", "b"]), (500, ["b", "c"])])
    logged = dataset([(100, ["c", "a"]), (900, ["a", "b"])], titles=False)
    merged = merge(None, [imported], logged)
    assert heard(merged.dataset) == [["a", "b"], ["c", "a"], ["b", "c"], ["a", "b"]]
    assert (merged.logged_sessions, merged.logged_events, merged.unknown_tracks) == (2, 4, 0)
    assert all(track.title for track in merged.dataset.catalogue)


def test_tracks_that_no_catalogue_knows_are_left_out_and_counted() -> None:
    """An id says nothing of what it is, so it could not be suggested; its session goes on without it."""
    logged = dataset([(100, ["a", "x", "b"]), (200, ["x", "a"]), (300, ["y", "x"])], titles=False)
    merged = merge(None, [dataset([(0, ["a", "b"])])], logged)
    assert heard(merged.dataset) == [["a", "b"], ["a", "b"]]
    assert merged.unknown_tracks == 2


def test_what_can_be_suggested_stays_so_though_nobody_heard_it() -> None:
    known = Catalogue([Track("z", "Z", "Artist"), Track("a", "A of old", "Artist")])
    merged = merge(known, [dataset([(0, ["a", "b"])])], None)
    assert {track.track_id: track.title for track in merged.dataset.catalogue} == {"a": "A", "b": "B", "z": "Z"}
    assert merged.dataset.catalogue[2].track_id == "z", "the most played first"


def test_the_log_alone_is_learned_over_what_serves() -> None:
    known = Catalogue([Track("a", "A", "Artist"), Track("b", "B", "Artist")])
    merged = merge(known, [], dataset([(100, ["b", "a"])], titles=False))
    assert heard(merged.dataset) == [["b", "a"]]
    assert merged.dataset.catalogue[0].title


def test_nothing_at_all_is_an_empty_data_set() -> None:
    merged = merge(Catalogue([Track("a", "A", "Artist")]), [], None)
    assert len(merged.dataset.sessions) == 0
    assert len(merged.dataset.catalogue) == 1


def test_what_began_before_the_window_is_left_out_and_playlists_without_a_time_stay() -> None:
    imported = dataset([(0, ["a", "b"]), (100, ["b", "a"])])
    logged = dataset([(99, ["a", "b"]), (200, ["b", "a"])], titles=False)
    merged = merge(None, [imported], logged, since=100.0)
    assert heard(merged.dataset) == [["a", "b"], ["b", "a"], ["b", "a"]]
    assert merged.logged_sessions == 1


SESSIONS = st.lists(
    st.tuples(st.integers(0, 9), st.lists(st.sampled_from("abcdef"), min_size=1, max_size=5)), min_size=1, max_size=6
)


@settings(max_examples=60, deadline=None)
@given(SESSIONS, SESSIONS)
def test_no_session_is_lost_made_up_or_out_of_order(
    imported: list[tuple[int, list[str]]], logged: list[tuple[int, list[str]]]
) -> None:
    """Where every track is known; times never go back."""
    known = Catalogue([Track(one, one, "Artist") for one in "abcdef"])
    merged = merge(known, [dataset(imported)], dataset(logged)).dataset
    assert sorted(heard(merged)) == sorted(one for _, one in (*imported, *logged))
    began = merged.sessions.times[merged.sessions.offsets[:-1]]
    assert bool(np.all(np.diff(began) >= 0))
    support = np.bincount(merged.sessions.tracks, minlength=6)
    assert bool(np.all(np.diff(support) <= 0))
