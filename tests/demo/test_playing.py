"""What can be counted in the sessions: that there is something to learn, and that one track back is not all of it."""

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Sessions
from app.demo.catalogue import GENRES
from app.domain.catalogue import Catalogue


def pairs(sessions: Sessions, apart: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return every two tracks of one session that are `apart` plays from each other."""
    session = np.repeat(np.arange(len(sessions)), np.diff(sessions.offsets))
    first = np.flatnonzero(session[:-apart] == session[apart:])
    return sessions.tracks[first].astype(np.int64), sessions.tracks[first + apart].astype(np.int64)


def recall_at_20(scores: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """Scores (N, V); ties count against the model."""
    own = scores[np.arange(len(targets)), targets]
    return float(((scores >= own[:, None]).sum(axis=1) <= 20).mean())


def test_no_track_comes_twice_in_a_session(sessions: Sessions) -> None:
    assert all(len(np.unique(sessions[i])) == len(sessions[i]) for i in range(len(sessions)))


def test_nearly_every_track_is_played_and_some_far_more_than_others(catalogue: Catalogue, sessions: Sessions) -> None:
    plays = np.sort(np.bincount(sessions.tracks, minlength=len(catalogue)))
    assert (plays > 0).mean() > 0.99
    assert plays[-20:].mean() > 4 * np.median(plays)


def test_counting_followers_beats_popularity_by_far(catalogue: Catalogue, sessions: Sessions) -> None:
    older, newer = sessions.split(0.1)
    popularity = np.bincount(older.tracks, minlength=len(catalogue)).astype(np.float64)
    followers = np.zeros((len(catalogue), len(catalogue)))
    np.add.at(followers, pairs(older, 1), 1)
    last, target = pairs(newer, 1)
    by_popularity = recall_at_20(np.tile(popularity, (len(target), 1)), target)
    by_followers = recall_at_20(followers[last], target)
    assert 0.02 < by_popularity < 0.1
    assert by_followers > 2.5 * by_popularity


def test_tracks_further_back_tell_more_than_the_last_one_alone(catalogue: Catalogue, sessions: Sessions) -> None:
    """The same counting, once of the last track and once of the last five, weighted alike: longer memory wins."""
    older, newer = sessions.split(0.1)
    companions = np.zeros((len(catalogue), len(catalogue)))
    for apart in range(1, 6):
        np.add.at(companions, pairs(older, apart), 1)
    parts = (newer[i] for i in range(len(newer)))
    history = np.array([part[at - 5 : at + 1] for part in parts for at in range(5, len(part))])
    target = history[:, 5].astype(np.int64)
    last_only = recall_at_20(companions[history[:, 4]], target)
    last_five = recall_at_20(sum(companions[history[:, back]] for back in range(5)) + 0.0, target)
    assert last_five > 1.3 * last_only


def test_a_session_keeps_to_its_mood_and_leaves_it_slowly(catalogue: Catalogue, sessions: Sessions) -> None:
    genre = np.array([GENRES.index(track.genre or "") for track in catalogue])
    same = []
    for apart in (1, 4, 12):
        first, later = pairs(sessions, apart)
        same.append(float((genre[first] == genre[later]).mean()))
    assert same[0] > same[1] > same[2] > 0.2
    assert same[0] > 0.4


def test_albums_are_played_on_more_often_than_chance_has_it(catalogue: Catalogue, sessions: Sessions) -> None:
    brain_damage, eclipse = (catalogue.index_of(f"pink-floyd-{title}") for title in ("brain-damage", "eclipse"))
    first, later = pairs(sessions, 1)
    followers = np.bincount(later[first == brain_damage], minlength=len(catalogue))
    assert followers.argmax() == eclipse


def test_what_is_liked_in_the_year_changes(catalogue: Catalogue, sessions: Sessions) -> None:
    """Tastes drift: the month before resembles a month more than the month half a year away does."""
    share = np.stack(
        [
            np.bincount(part.tracks, minlength=len(catalogue)) / len(part.tracks)
            for part in (sessions.select(rows) for rows in np.array_split(np.arange(len(sessions)), 12))
        ]
    )
    distance = np.abs(share[:, None] - share[None, :]).sum(axis=2)
    near = np.mean([distance[month, month + 1] for month in range(11)])
    far = np.mean([distance[month, month + 8] for month in range(4)])
    assert far > near
