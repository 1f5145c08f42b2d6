"""Playlists laid out to be read together: nobody's tracks are lost, mixed up, or read after their end."""

from hypothesis import given
from hypothesis import strategies as st

from app.rnn.ragged import Ragged

PLAYLISTS = st.lists(st.lists(st.integers(0, 99), max_size=9).map(tuple), max_size=20)


@given(PLAYLISTS, st.sampled_from([1, 2, 8]))
def test_every_playlist_is_read_in_its_order_up_to_its_end(playlists: list[tuple[int, ...]], multiple: int) -> None:
    """A cell that only notes what it has read, in place of one that computes."""
    ragged = Ragged.of(playlists, multiple)
    lines, *steps = ragged.sizes
    read: list[tuple[int, ...]] = [()] * lines
    tracks, first = ragged.tracks.tolist(), 0
    before = 0
    for size in steps:
        read += [read[before + line] + (tracks[first + line],) for line in range(size)]
        before = len(read) - size
        first += size
    assert len(tracks) == first
    assert [read[end] for end in ragged.ends.tolist()][: len(playlists)] == playlists


@given(PLAYLISTS, st.sampled_from([1, 8]))
def test_no_step_is_taken_for_those_that_have_ended(playlists: list[tuple[int, ...]], multiple: int) -> None:
    ragged = Ragged.of(playlists, multiple)
    needed = [len(playlists), *(sum(len(tracks) > step for tracks in playlists) for step in range(9))]
    filled = [count + -count % multiple for count in needed]
    assert list(ragged.sizes) == [filled[0], *(size for size in filled[1:] if size)]


@given(PLAYLISTS, st.sampled_from([1, 8]))
def test_every_line_begins_as_some_playlist_does(playlists: list[tuple[int, ...]], multiple: int) -> None:
    ragged = Ragged.of(playlists, multiple)
    assert set(ragged.order.tolist()) == set(range(len(playlists)))
    assert len(ragged.order) == ragged.sizes[0]
