import numpy as np

from app.demo.appeal import ERAS
from app.demo.listeners import WEEKS, Listeners, draw_listeners


def drawn(count: int = 200) -> Listeners:
    return draw_listeners(count, np.repeat(np.arange(50), 3), np.random.default_rng(7))


def test_tastes_drift_slowly_and_far() -> None:
    """A week changes little, a year much: what was liked best is often no longer so."""
    genres = drawn().genres
    week_on = np.abs(genres[:, 1] - genres[:, 0]).mean()
    year_on = np.abs(genres[:, -1] - genres[:, 0]).mean()
    assert 0 < week_on < 4
    assert year_on > 4 * week_on
    favourite = genres.argmax(axis=2)
    assert 0.2 < (favourite[:, 0] != favourite[:, -1]).mean() < 0.9


def test_eras_stay_in_range_and_move_one_at_a_time() -> None:
    eras = drawn().eras
    assert eras.min() >= 0
    assert eras.max() < ERAS
    assert np.abs(np.diff(eras, axis=1)).max() == 1


def test_one_favourite_artist_in_six_changes_every_three_weeks() -> None:
    artists = drawn().artists
    assert artists.shape == (200, WEEKS, 6)
    np.testing.assert_array_equal(artists[:, 0], artists[:, 2])
    np.testing.assert_array_equal(artists[:, 2, 1:], artists[:, 3, :-1])


def test_activities_are_shares() -> None:
    assert np.isclose(drawn().activity.sum(), 1)
