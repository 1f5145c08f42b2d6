"""Made-up listening of other kinds than the data at hand, to see whether the default recipe gets by there, too.

    python -m benchmarks.stand_ins made                                     # made/clicks, made/radio, ...
    make bench-quality DATA="made/clicks made/radio" RECIPES="gru gru4rec-2018-xe" CHECK=1

Each kind is a few rules of how sessions come about, oldest first, and the same seed gives the same sessions. Knows
nothing of models.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from app.dataset.folder import Dataset, Sessions, write_dataset
from app.domain.catalogue import Catalogue, Track

Playlists = Iterator[list[int]]
_DAY_S = 86_400


def clicks(rng: np.random.Generator, sessions: int = 30_000) -> Playlists:
    """A shop: short visits to one category, a third of the steps back to something seen; items come and go."""
    categories, items = 150, 62
    begin = rng.uniform(-0.3, 1.0, (categories, items))
    appeal = 1 / rng.permuted(np.tile(np.arange(1, items + 1), (categories, 1)), axis=1)
    for moment in np.linspace(0, 1, sessions):
        category = int(rng.zipf(1.5)) % categories
        seen: list[int] = []
        for _ in range(2 + int(rng.geometric(0.45)) - 1):
            if seen and rng.random() < 1 / 3:
                seen.append(seen[int(rng.integers(len(seen)))])
                continue
            if rng.random() < 0.08:
                category = int(rng.zipf(1.5)) % categories
            there = appeal[category] * ((begin[category] <= moment) & (moment < begin[category] + 0.3))
            if there.sum():
                seen.append(category * items + int(rng.choice(items, p=there / there.sum())))
        yield seen


def radio(rng: np.random.Generator, days: int = 70) -> Playlists:
    """Logs of 12 stations, 60 tracks a day from a list of 220 that turns over; none comes again within 40."""
    tracks, wanted = 2_400, 220
    lists = [rng.choice(tracks, wanted, replace=False) for _ in range(12)]
    for _ in range(days):
        for station in lists:
            fresh = rng.choice(np.setdiff1d(np.arange(tracks), station), 3, replace=False)
            station[rng.choice(wanted, 3, replace=False)] = fresh
            weights = 1 / np.arange(1, wanted + 1) ** 0.6
            day: list[int] = []
            while len(day) < 60:
                free = ~np.isin(station, day[-40:])
                day.append(int(rng.choice(station, p=free * weights / (free * weights).sum())))
            yield day


def playlists(rng: np.random.Generator, count: int = 5_000) -> Playlists:
    """Playlists without order: of one topic of 80 or two, none twice in a list."""
    topics, size = 80, 68
    weights = 1 / np.arange(1, size + 1) ** 0.8
    for _ in range(count):
        about = rng.choice(topics, int(rng.integers(1, 3)), replace=False)
        length = int(rng.integers(5, 16))
        chosen = [
            int(topic) * size + rng.choice(size, -(-length // len(about)), replace=False, p=weights / weights.sum())
            for topic in about
        ]
        yield [int(track) for track in rng.permutation(np.concatenate(chosen))]


def albums(rng: np.random.Generator, sessions: int = 4_000) -> Playlists:
    """Albums of twelve in order, begun anywhere; now and then another album of the artist follows."""
    artists, per_artist, length = 90, 4, 12
    for _ in range(sessions):
        artist, album = int(rng.zipf(1.4)) % artists, int(rng.integers(per_artist))
        at = int(rng.integers(length - 3))
        heard = []
        for _ in range(int(rng.integers(4, 20))):
            heard.append((artist * per_artist + album) * length + at)
            at += 1
            if at == length or rng.random() < 0.03:
                album, at = int(rng.integers(per_artist)), 0
        yield heard


def moving(rng: np.random.Generator, sessions: int = 6_000) -> Playlists:
    """A taste that moves: what likes to follow a track is drawn anew for one track at a time, all the time."""
    tracks, choices = 600, 6
    follows = rng.integers(tracks, size=(tracks, choices))
    weights = np.array([0.4, 0.2, 0.15, 0.1, 0.1, 0.05])
    for _ in range(sessions):
        follows[rng.integers(tracks)] = rng.integers(tracks, size=choices)
        heard = [int(rng.integers(tracks))]
        for _ in range(int(rng.integers(4, 14))):
            lost = rng.random() < 0.1
            heard.append(int(rng.integers(tracks)) if lost else int(rng.choice(follows[heard[-1]], p=weights)))
        yield heard


KINDS: Mapping[str, Callable[[np.random.Generator], Playlists]] = {
    make.__name__: make for make in (clicks, radio, playlists, albums, moving)
}


def stand_in(kind: str, folder: Path, seed: int = 1) -> Dataset:
    """Write the listening of a kind as a data set; the newest sessions come last."""
    heard = [each for each in KINDS[kind](np.random.default_rng(seed)) if len(each) > 1]
    played, rows = np.unique(np.concatenate(heard), return_inverse=True)
    offsets = np.cumsum([0, *map(len, heard)]).astype(np.int64)
    times = np.repeat(np.arange(len(heard), dtype=np.int64) * _DAY_S, np.diff(offsets))
    catalogue = Catalogue([Track(f"{kind}-{number}", f"Track {number}", "") for number in played.tolist()])
    return write_dataset(folder / kind, catalogue, Sessions(rows.astype(np.int32), offsets, times), {"made": kind})


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the kinds asked for; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to write them")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    for kind in chosen.kinds:
        made = stand_in(kind, chosen.folder, chosen.seed)
        print(
            f"{chosen.folder / kind}: {len(made.sessions):,} sessions, {len(made.sessions.tracks):,} events, "
            f"{len(made.catalogue):,} tracks"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
