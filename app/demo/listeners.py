"""The listeners: what each of them likes, and how it drifts from week to week.

Knows nothing of single tracks; `playing` turns tastes and moods into sessions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.demo.appeal import ERAS
from app.demo.catalogue import GENRES, TAGS
from app.demo.chance import NAT

WEEKS = 53
HABITS = ("album run", "same artist", "earlier artist", "well-loved pair")

_FAVOURITE_GENRES = (48, 40, 32)  # how much better than the rest the three favourites start, in steps of NAT
_FAVOURITE_TAGS = (24, 16, 16, 8)
_ARTISTS_IN_FAVOUR = 6
_GENRE_STEP = 4  # a year of such steps moves a genre by about 4 * sqrt(53 / 2) = 20, more than one nat

# How strongly each kind of listener follows each habit, in the order of HABITS, in steps of NAT.
_TEMPERAMENTS = np.array(
    [
        [176, -64, 32, 16],  # plays albums through
        [80, -32, 80, 16],  # circles around a handful of artists
        [144, -64, 96, 64],  # has albums and artists take turns
        [16, -64, 48, 144],  # plays what everybody plays together
        [32, -64, 64, 64],  # goes by mood, and never by one artist alone
    ],
    np.int16,
)


@dataclass(frozen=True, eq=False)
class Listeners:
    """U listeners over WEEKS weeks; strengths in steps of NAT.

    genres (U, WEEKS, genres) and eras (U, WEEKS), the middle of the era liked most, walk at random; tags (U, tags)
    and habits (U, habits) stay; artists (U, WEEKS, 6) are the favourites, one of whom is replaced every three weeks.
    activity (U,) sums to 1: how much of all listening is whose.
    """

    genres: NDArray[np.int64]
    eras: NDArray[np.int64]
    tags: NDArray[np.int64]
    habits: NDArray[np.int16]
    artists: NDArray[np.int64]
    activity: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.activity)


def draw_listeners(count: int, artists: NDArray[np.int64], rng: np.random.Generator) -> Listeners:
    """Draw listeners who can favour any of `artists`, a list in which an artist of many tracks stands many times."""
    return Listeners(
        genres=_drifting_genres(count, rng),
        eras=_drifting_eras(count, rng),
        tags=_favoured(count, len(TAGS), _FAVOURITE_TAGS, rng),
        habits=_TEMPERAMENTS[rng.integers(0, len(_TEMPERAMENTS), count)],
        artists=_changing_artists(count, artists, rng),
        activity=_activity(count, rng),
    )


def _favoured(count: int, among: int, strengths: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.int64]:
    order = np.argsort(rng.random((count, among)), axis=1)[:, : len(strengths)]
    liking = np.zeros((count, among), np.int64)
    np.put_along_axis(liking, order, np.array(strengths)[None, :], axis=1)
    return liking


def _drifting_genres(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    start = _favoured(count, len(GENRES), _FAVOURITE_GENRES, rng)
    steps = _GENRE_STEP * rng.choice([-1, 0, 0, 1], (count, WEEKS, len(GENRES)))
    drifted: NDArray[np.int64] = np.clip(start[:, None, :] + np.cumsum(steps, axis=1), -NAT, 5 * NAT)
    return drifted


def _drifting_eras(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    start = rng.integers(1, ERAS, count)
    steps = rng.choice([-1, 0, 1], (count, WEEKS), p=[0.05, 0.9, 0.05])
    drifted: NDArray[np.int64] = np.clip(start[:, None] + np.cumsum(steps, axis=1), 0, ERAS - 1)
    return drifted


def _changing_artists(count: int, artists: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    ever = rng.choice(artists, (count, _ARTISTS_IN_FAVOUR + WEEKS // 3))
    window = np.arange(WEEKS)[:, None] // 3 + np.arange(_ARTISTS_IN_FAVOUR)[None, :]
    return ever[:, window]


def _activity(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    weight = rng.integers(1, 5, count).astype(np.float64)
    shares: NDArray[np.float64] = weight / weight.sum()
    return shares
