"""How close a track's names are to what somebody typed: order-free, forgiving of typos, content with half a word.

Knows nothing of the index; it orders the few hundred candidates the index finds.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA
from rapidfuzz.process import cdist

from app.stores.search_words import indexed_words

# A word that is less like the typed one than this is another word.
_ALIKE = 0.6
_TYPO_WEIGHT = 0.9
_BEGUN_WEIGHT = 0.8
_COVERAGE_WEIGHT = 0.15
_NAMED_WEIGHT = 0.05
# Typed apart and found together is a weaker sign than word by word.
_JOINED_WEIGHT = 0.95


def closeness(typed: Sequence[str], artists: Sequence[str], titles: Sequence[str]) -> NDArray[np.float64]:
    """Return how close each track (C,) is to the typed words; all names folded. About 1 when every word is there.

    The typed words are compared one by one and, for whoever put a blank too many, as one word.
    """
    names = [indexed_words(artist, title) or [""] for artist, title in zip(artists, titles, strict=True)]
    places: dict[str, int] = {}
    flat = np.array([places.setdefault(word, len(places)) for words in names for word in words])
    starts = np.cumsum([0, *(len(words) for words in names)])[:-1]
    found = _found(typed, list(places), flat, starts)
    if len(typed) > 1:
        found = np.maximum(found, _JOINED_WEIGHT * _found(["".join(typed)], list(places), flat, starts))
    whole = " ".join(typed)
    named = np.array([whole in (artist, title) for artist, title in zip(artists, titles, strict=True)])
    result: NDArray[np.float64] = found + _NAMED_WEIGHT * named
    return result


def _found(
    typed: Sequence[str], words: Sequence[str], flat: NDArray[np.int64], starts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the share of the typed letters found in each track, whose words are words[flat[start : next start]]."""
    alike = likeness(typed, words)[:, flat]
    asked = np.array([len(word) for word in typed], dtype=np.float64)
    lengths = np.array([len(word) for word in words], dtype=np.float64)[flat]
    found = asked @ np.maximum.reduceat(alike, starts, axis=1) / asked.sum()
    # Of two tracks with every word, the one with fewer other words is meant: `Time` before `Time After Time`.
    covered = np.add.reduceat(alike.max(axis=0) * lengths, starts) / np.maximum(np.add.reduceat(lengths, starts), 1.0)
    result: NDArray[np.float64] = found + _COVERAGE_WEIGHT * covered
    return result


def likeness(typed: Sequence[str], words: Sequence[str]) -> NDArray[np.float64]:
    """Return how alike each typed word is to each word, (typed, words) in [0, 1]; 0 for another word.

    A typo costs its share of the letters (optimal string alignment: a swap of neighbours is one typo); a word only
    begun counts nearly whole, as people look at the suggestions while they type.
    """
    whole = cdist(typed, words, scorer=OSA.normalized_similarity, score_cutoff=_ALIKE, dtype=np.float64)
    result: NDArray[np.float64] = np.where(whole < 1.0, _TYPO_WEIGHT * whole, 1.0)
    for row, word in enumerate(typed):
        beginnings = [other[: len(word)] for other in words]
        begun = cdist([word], beginnings, scorer=OSA.normalized_similarity, score_cutoff=_ALIKE, dtype=np.float64)[0]
        share = np.array([min(1.0, len(word) / max(1, len(other))) for other in words])
        weight = np.where(begun < 1.0, _BEGUN_WEIGHT, 0.9) + 0.1 * share * (begun == 1.0)
        result[row] = np.maximum(result[row], begun * weight)
    return result
