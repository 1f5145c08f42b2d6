"""One session after another, track by track: taste, mood, memory and habit add up, and a softmax draws what plays next.

Knows nothing of listeners' names, of times or of files.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.demo.appeal import ERA_COLUMN, FEATURES, TAG_COLUMN, Appeal
from app.demo.catalogue import GENRES
from app.demo.chance import soft_choice
from app.demo.listeners import HABITS, Listeners
from app.demo.moods import draw_moods, wander

SHORTEST, LONGEST = 3, 40
MEMORY = 6  # how many tracks back still have a say in the next one

_MEMORY_GENRE, _MEMORY_TAG, _MEMORY_ERA = 4, 4, 3
_TASTE_SHARE = 4  # a listener's taste counts a quarter beside the mood it gave rise to
_FAVOURITE_ARTIST = 32
_BLOCK = 512  # sessions walked together; more would leave the processor's cache


@dataclass(frozen=True, eq=False)
class Occasions:
    """When somebody listens; all (S,): which listener, which week, hour (0 morning, 1 afternoon, 2 evening)."""

    who: NDArray[np.int64]
    week: NDArray[np.int64]
    hour: NDArray[np.int64]


def draw_lengths(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw how many tracks each session has, (count,): 3 and a geometric number of mean 11 more, 40 at most."""
    return np.minimum(SHORTEST - 1 + rng.geometric(1 / 12, count), LONGEST)


def play(
    appeal: Appeal, listeners: Listeners, occasions: Occasions, lengths: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int32]:
    """Return the tracks of all sessions, one session after another, lengths.sum() in all."""
    starts = np.cumsum(lengths) - lengths
    tracks = np.empty(int(lengths.sum()), np.int32)
    for first in range(0, len(lengths), _BLOCK):
        block = np.arange(first, min(first + _BLOCK, len(lengths)))
        # Longest first: the sessions still going on are then always the first rows.
        block = block[np.argsort(-lengths[block], kind="stable")]
        for step, played in enumerate(_walk(appeal, listeners, occasions, block, lengths[block], rng)):
            tracks[starts[block[: len(played)]] + step] = played
    return tracks


def _walk(
    appeal: Appeal,
    listeners: Listeners,
    occasions: Occasions,
    block: NDArray[np.int64],
    lengths: NDArray[np.int64],
    rng: np.random.Generator,
) -> list[NDArray[np.int64]]:
    who, week = occasions.who[block], occasions.week[block]
    moods = draw_moods(listeners, who, week, occasions.hour[block], rng)
    taste = _taste(listeners, who, week)
    favourites = appeal.by_artist[listeners.artists[who, week]].reshape(len(block), -1)
    heard = np.zeros((len(block), len(appeal.fame)), np.bool_)
    played: list[NDArray[np.int64]] = []
    for step in range(int(lengths[0])):
        count = int((lengths > step).sum())
        rows = np.arange(count)
        moods = wander(moods.first(count), rng) if step else moods
        wishes = taste[:count] + moods.wishes() + _memory(appeal, played, count)
        strengths = np.zeros(
            (count, len(appeal.fame) + 1), np.int32
        )  # the last column takes what is meant for no track
        strengths[:, :-1] = wishes @ appeal.features.T + appeal.fame
        strengths[rows[:, None], favourites[:count]] += _FAVOURITE_ARTIST
        _add_habits(strengths, appeal, listeners.habits[who[:count]], played, rows)
        track = soft_choice(strengths[:, :-1], rng, barred=heard[:count])
        heard[rows, track] = True
        played.append(track)
    return played


def _taste(listeners: Listeners, who: NDArray[np.int64], week: NDArray[np.int64]) -> NDArray[np.float32]:
    taste = np.zeros((len(who), FEATURES), np.float32)
    taste[:, : len(GENRES)] = listeners.genres[who, week] // _TASTE_SHARE
    taste[:, TAG_COLUMN:ERA_COLUMN] = listeners.tags[who] // _TASTE_SHARE
    return taste


def _memory(appeal: Appeal, played: list[NDArray[np.int64]], count: int) -> NDArray[np.float32]:
    pull = np.zeros((count, FEATURES), np.float32)
    for track in played[-MEMORY:]:
        pull += appeal.features[track[:count]]
    pull[:, :TAG_COLUMN] *= _MEMORY_GENRE
    pull[:, TAG_COLUMN:ERA_COLUMN] *= _MEMORY_TAG
    pull[:, ERA_COLUMN:] *= _MEMORY_ERA
    return pull


def _add_habits(
    strengths: NDArray[np.int32],
    appeal: Appeal,
    habits: NDArray[np.int64],
    played: list[NDArray[np.int64]],
    rows: NDArray[np.int64],
) -> None:
    """Add what each listener's habits (N, habits) make of the tracks played, newest last, to strengths (N, V + 1)."""
    album_run, same_artist, earlier_artist, pair = (habits[:, number] for number in range(len(HABITS)))
    for ago, before in enumerate(reversed(played[-MEMORY:]), start=1):
        track = before[: len(rows)]
        # A track without a next one on its album, or without a partner, points at -1: the padding's column.
        strengths[rows, appeal.album_next[track]] += album_run // ago
        strengths[rows, appeal.partner[track]] += pair // ago
        artist_bonus = same_artist if ago == 1 else earlier_artist
        strengths[rows[:, None], appeal.by_artist[appeal.artist[track]]] += artist_bonus[:, None]
