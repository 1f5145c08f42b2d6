import numpy as np

from app.demo.appeal import ERA_COLUMN, ERAS, FEATURES, TAG_COLUMN
from app.demo.listeners import draw_listeners
from app.demo.moods import WANDERING, Moods, draw_moods, wander


def moods(count: int = 4_000) -> Moods:
    rng = np.random.default_rng(3)
    listeners = draw_listeners(50, np.arange(20), rng)
    return draw_moods(listeners, rng.integers(0, 50, count), rng.integers(0, 53, count), rng.integers(0, 3, count), rng)


def test_a_mood_wants_its_genres_tags_and_era_and_nothing_else() -> None:
    wishes = Moods(np.array([[2, 5]]), np.array([[0, 3, 4]]), np.array([7])).wishes()
    wanted = {2, 5, TAG_COLUMN, TAG_COLUMN + 3, TAG_COLUMN + 4} | {ERA_COLUMN + era for era in range(5, 10)}
    assert wishes.shape == (FEATURES + 1, 1)
    assert set(np.flatnonzero(wishes[:, 0])) == wanted
    assert wishes[:, 0].argmax() == 2


def test_wishes_add_up_where_a_mood_says_the_same_twice() -> None:
    once, twice = Moods(np.array([[2, 5], [2, 2]]), np.array([[0, 3, 4]] * 2), np.array([7, 7])).wishes().T
    assert twice[2] == once[2] + once[5]


def test_some_moods_take_one_step_and_the_others_stay() -> None:
    before = moods()
    after = wander(before, np.random.default_rng(4))
    genre = (before.genres != after.genres).any(axis=1)
    tag = (before.tags != after.tags).sum(axis=1)
    era = np.abs(before.eras - after.eras)
    steps = genre + tag + era
    assert steps.max() == 1
    assert 0.7 * WANDERING < steps.mean() < WANDERING
    assert after.eras.min() >= 0
    assert after.eras.max() < ERAS


def test_a_mood_that_changes_genre_keeps_the_old_one_second() -> None:
    before = moods()
    after = wander(before, np.random.default_rng(4))
    changed = (before.genres != after.genres).any(axis=1) & (before.genres[:, 0] != after.genres[:, 0])
    assert changed.any()
    np.testing.assert_array_equal(after.genres[changed, 1], before.genres[changed, 0])
