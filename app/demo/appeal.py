"""What a listener can like about a track: its genre, tags, era, artist, fame and neighbours, as arrays.

Knows nothing of listeners.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.demo.catalogue import GENRES, TAGS
from app.demo.chance import NAT
from app.domain.catalogue import Catalogue

FIRST_YEAR = 1950
YEARS_PER_ERA = 5
ERAS = 15
TAG_COLUMN = len(GENRES)
ERA_COLUMN = len(GENRES) + len(TAGS)
FEATURES = ERA_COLUMN + ERAS
MOST_TAGS = 3

_FAME_EXPONENT = 0.6  # below Zipf's 1, or a few anthems would drown every mood
_PARTNERED = 0.4  # the share of tracks that many listeners follow with one and the same other track


@dataclass(frozen=True, eq=False)
class Appeal:
    """The catalogue as listeners see it; V tracks, rows as in the catalogue.

    features (V, 5) names each track's genre, era of five years and up to three tags, out of FEATURES in all; a track
    of fewer tags is filled up with FEATURES, which is none. fame (V,) is -0.6 ln(rank), in steps of NAT. album_next
    and partner (V,) name the track that follows, or -1. artist (V,) numbers the artists; by_artist (A, most tracks of
    one) lists their rows, padded with V.
    """

    features: NDArray[np.int64]
    fame: NDArray[np.int16]
    album_next: NDArray[np.int64]
    partner: NDArray[np.int64]
    artist: NDArray[np.int64]
    by_artist: NDArray[np.int64]


def appeal_of(catalogue: Catalogue, rng: np.random.Generator) -> Appeal:
    """Read off the catalogue what listeners respond to; fame and partners need chance, the rest does not."""
    features = _features(catalogue)
    artist, by_artist = _artists(catalogue)
    return Appeal(
        features=features,
        fame=_fame(catalogue, artist, by_artist, rng),
        album_next=_album_next(catalogue),
        partner=_partners(features, artist, rng),
        artist=artist,
        by_artist=by_artist,
    )


def _features(catalogue: Catalogue) -> NDArray[np.int64]:
    features = np.full((len(catalogue), 2 + MOST_TAGS), FEATURES, np.int64)
    for row, track in enumerate(catalogue):
        features[row, 0] = GENRES.index(track.genre or "")
        features[row, 1] = ERA_COLUMN + ((track.year or FIRST_YEAR) - FIRST_YEAR) // YEARS_PER_ERA
        features[row, 2 : 2 + len(track.tags)] = [TAG_COLUMN + TAGS.index(tag) for tag in track.tags]
    return features


def _artists(catalogue: Catalogue) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows: dict[str, list[int]] = defaultdict(list)
    for row, track in enumerate(catalogue):
        rows[track.artist].append(row)
    artist = np.empty(len(catalogue), np.int64)
    for number, tracks in enumerate(rows.values()):
        artist[tracks] = number
    return artist, _padded(list(rows.values()), len(catalogue))


def _padded(lists: Sequence[Sequence[int]], filler: int) -> NDArray[np.int64]:
    table = np.full((len(lists), max(map(len, lists))), filler, np.int64)
    for number, rows in enumerate(lists):
        table[number, : len(rows)] = rows
    return table


def _fame(
    catalogue: Catalogue, artist: NDArray[np.int64], by_artist: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int16]:
    # An artist with many entries here is one everybody knows; anthems and live favourites are what they are known for.
    standing = 10 * np.minimum((by_artist < len(catalogue)).sum(axis=1), 8)[artist]
    for tag in ("anthem", "live-favourite"):
        standing += 25 * np.array([tag in track.tags for track in catalogue])
    standing += rng.integers(0, 60, len(catalogue))
    rank = np.empty(len(catalogue), np.int64)
    rank[np.argsort(-standing, kind="stable")] = np.arange(1, len(catalogue) + 1)
    return -np.rint(NAT * _FAME_EXPONENT * np.log(rank)).astype(np.int16)


def _album_next(catalogue: Catalogue) -> NDArray[np.int64]:
    follows = np.full(len(catalogue), -1, np.int64)
    last_of_album: dict[tuple[str, str], int] = {}
    for row, track in enumerate(catalogue):
        if track.album:
            before = last_of_album.get((track.artist, track.album))
            if before is not None:
                follows[before] = row
            last_of_album[track.artist, track.album] = row
    return follows


def _partners(features: NDArray[np.int64], artist: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Pair some tracks with one of the five most alike by another artist; chance breaks ties."""
    paired = np.flatnonzero(rng.random(len(artist)) < _PARTNERED)
    has = np.zeros((len(artist), FEATURES + 1), np.bool_)
    np.put_along_axis(has, features, values=True, axis=1)
    alike = sum(has[paired, None, column] & has[None, :, column] for column in range(FEATURES)) * np.int64(1_000_000)
    alike += rng.integers(0, 1_000_000, alike.shape)
    alike[artist[paired, None] == artist[None, :]] = -1
    closest = np.argsort(-alike, axis=1, kind="stable")[:, :5]
    partner = np.full(len(artist), -1, np.int64)
    partner[paired] = closest[np.arange(len(paired)), rng.integers(0, 5, len(paired))]
    return partner
