"""The mood of a session: two genres, three tags and an era that the listener is after, and how it wanders.

Knows nothing of single tracks or of what was played.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.demo.appeal import ERA_COLUMN, ERAS, FEATURES, TAG_COLUMN
from app.demo.catalogue import GENRES, TAGS
from app.demo.chance import NAT, soft_choice
from app.demo.listeners import Listeners

MOOD_TAGS = 3
WANDERING = 0.06  # how often per track the mood takes a step

_GENRE_WISH = (96, 64)
_TAG_WISH = (64, 48, 36)
_ERA_WISH = (48, 32, 12)  # for the era itself, its neighbours, and theirs

# Where a mood can go from a genre without a jolt.
_KINDRED = {
    "rock and roll": ("classic rock", "blues", "country"),
    "classic rock": ("rock and roll", "blues", "folk", "metal"),
    "soul": ("r&b", "disco", "blues"),
    "disco": ("soul", "electronic", "pop"),
    "blues": ("classic rock", "soul", "jazz"),
    "jazz": ("blues", "soul", "latin"),
    "reggae": ("punk", "hip hop", "latin"),
    "punk": ("alternative", "reggae", "indie"),
    "metal": ("alternative", "classic rock", "punk"),
    "alternative": ("indie", "punk", "metal"),
    "folk": ("country", "indie", "classic rock"),
    "country": ("folk", "rock and roll", "pop"),
    "synth-pop": ("electronic", "pop", "alternative"),
    "electronic": ("synth-pop", "disco", "hip hop"),
    "hip hop": ("r&b", "electronic", "reggae"),
    "r&b": ("soul", "hip hop", "pop"),
    "indie": ("alternative", "folk", "electronic"),
    "pop": ("synth-pop", "r&b", "disco"),
    "latin": ("jazz", "pop", "reggae"),
}
_KIN = [[GENRES.index(kin) for kin in _KINDRED[genre]] for genre in GENRES]
_KIN_TABLE = np.array([(kin * 4)[:12] for kin in _KIN], np.int64)  # 12: a multiple of both 3 and 4

# What morning, afternoon and evening add to the tags.
_HOUR_TAGS = (
    ("mellow", "acoustic", "upbeat", "piano"),
    ("energy", "groove", "road", "summer"),
    ("night", "party", "dance", "dark"),
)
_HOUR_WISH = np.array([[NAT if tag in tags else 0 for tag in TAGS] for tags in _HOUR_TAGS], np.int64)


@dataclass(frozen=True, eq=False)
class Moods:
    """N moods: genres (N, 2), tags (N, 3) and eras (N,), each the number of a genre, tag or era."""

    genres: NDArray[np.int64]
    tags: NDArray[np.int64]
    eras: NDArray[np.int64]

    def first(self, count: int) -> "Moods":
        """Return the first `count` moods."""
        return Moods(self.genres[:count], self.tags[:count], self.eras[:count])

    def wishes(self) -> NDArray[np.int16]:
        """Return how much each mood wants each feature of `Appeal` (FEATURES + 1, N), in steps of NAT.

        The last row, for no feature, is zero.
        """
        moods = np.arange(len(self.eras))
        wishes = np.zeros((FEATURES + 1, len(moods)), np.int16)
        for place, wish in enumerate(_GENRE_WISH):
            wishes[self.genres[:, place], moods] += wish
        for place, wish in enumerate(_TAG_WISH):
            wishes[TAG_COLUMN + self.tags[:, place], moods] += wish
        distance = np.abs(np.arange(ERAS)[:, None] - self.eras[None, :])
        for away, wish in enumerate(_ERA_WISH):
            wishes[ERA_COLUMN:-1] += np.where(distance == away, wish, 0).astype(np.int16)
        return wishes


def draw_moods(
    listeners: Listeners,
    who: NDArray[np.int64],
    week: NDArray[np.int64],
    hour: NDArray[np.int64],
    rng: np.random.Generator,
) -> Moods:
    """Draw the mood each session starts in, from its listener's taste that week and the time of day; all (N,)."""
    taste = listeners.genres[who, week]
    genres = np.stack([soft_choice(taste, rng), soft_choice(taste, rng)], axis=1)
    tag_taste = listeners.tags[who] + _HOUR_WISH[hour]
    tags = np.stack([soft_choice(tag_taste, rng) for _ in range(MOOD_TAGS)], axis=1)
    eras = np.clip(listeners.eras[who, week] + rng.integers(-1, 2, len(who)), 0, ERAS - 1)
    return Moods(genres, tags, eras)


def wander(moods: Moods, rng: np.random.Generator) -> Moods:
    """Let some moods take a step: to a kindred genre, to another tag, or five years back or on."""
    count = len(moods.eras)
    rows = np.arange(count)
    moved = rng.random(count) < WANDERING
    step = rng.integers(0, 3, count)
    kin = _KIN_TABLE[moods.genres[:, 0], rng.integers(0, _KIN_TABLE.shape[1], count)]
    # The new genre leads and the one that led comes second, so that the way can be heard.
    genres = np.where((moved & (step == 0))[:, None], np.stack([kin, moods.genres[:, 0]], axis=1), moods.genres)
    tags = moods.tags.copy()
    place, new_tag = rng.integers(0, MOOD_TAGS, count), rng.integers(0, len(TAGS), count)
    tags[rows, place] = np.where(moved & (step == 1), new_tag, tags[rows, place])
    aside = np.where(moved & (step == 2), rng.choice([-1, 1], count), 0)
    return Moods(genres, tags, np.clip(moods.eras + aside, 0, ERAS - 1))
