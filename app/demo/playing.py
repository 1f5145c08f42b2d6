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
_BLOCK = 256  # sessions walked together; more would leave the processor's cache


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
        wishes = taste[:, :count] + moods.wishes() + _memory(appeal, played, count)
        strengths = _strengths(appeal, wishes)
        strengths[favourites[:count], rows[:, None]] += _FAVOURITE_ARTIST
        _add_habits(strengths, appeal, listeners.habits[who[:count]], played, rows)
        track = soft_choice(np.ascontiguousarray(strengths[:-1].T), rng, barred=heard[:count])
        heard[rows, track] = True
        played.append(track)
    return played


def _taste(listeners: Listeners, who: NDArray[np.int64], week: NDArray[np.int64]) -> NDArray[np.int16]:
    taste = np.zeros((FEATURES + 1, len(who)), np.int16)
    taste[: len(GENRES)] = listeners.genres[who, week].T // _TASTE_SHARE
    taste[TAG_COLUMN:ERA_COLUMN] = listeners.tags[who].T // _TASTE_SHARE
    return taste


def _memory(appeal: Appeal, played: list[NDArray[np.int64]], count: int) -> NDArray[np.int16]:
    pull = np.zeros((FEATURES + 1, count), np.int16)
    sessions = np.arange(count)
    for track in played[-MEMORY:]:
        for feature in appeal.features[track[:count]].T:
            pull[feature, sessions] += 1
    pull[:TAG_COLUMN] *= _MEMORY_GENRE
    pull[TAG_COLUMN:ERA_COLUMN] *= _MEMORY_TAG
    pull[ERA_COLUMN:-1] *= _MEMORY_ERA
    pull[-1] = 0
    return pull


def _strengths(appeal: Appeal, wishes: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return (V + 1, N), each track's share of its session's wishes plus its fame; the last row is for no track."""
    strengths = np.zeros((len(appeal.fame) + 1, wishes.shape[1]), np.int16)
    strengths[:-1] = appeal.fame[:, None]
    for feature in appeal.features.T:
        strengths[:-1] += wishes[feature]
    return strengths


def _add_habits(
    strengths: NDArray[np.int16],
    appeal: Appeal,
    habits: NDArray[np.int16],
    played: list[NDArray[np.int64]],
    rows: NDArray[np.int64],
) -> None:
    """Add what each listener's habits (N, habits) make of the tracks played, newest last, to strengths (V + 1, N)."""
    album_run, same_artist, earlier_artist, pair = (habits[:, number] for number in range(len(HABITS)))
    for ago, before in enumerate(reversed(played[-MEMORY:]), start=1):
        track = before[: len(rows)]
        # A track without a next one on its album, or without a partner, points at -1: the row for no track.
        strengths[appeal.album_next[track], rows] += album_run // ago
        strengths[appeal.partner[track], rows] += pair // ago
        artist_bonus = same_artist if ago == 1 else earlier_artist
        strengths[appeal.by_artist[appeal.artist[track]], rows[:, None]] += artist_bonus[:, None]
