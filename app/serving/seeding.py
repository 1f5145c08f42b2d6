"""The tracks that a playlist's seeds stand for, in the order they are to be read.

An artist or a tag stands for those of its tracks that the network finds most probable at its start state.
"""

from collections.abc import Sequence

from app.domain.catalogue import Catalogue
from app.domain.playlist import Seed, SeedKind
from app.domain.ranking import StepRequest
from app.domain.shelves import shelves_of
from app.errors import Rejected
from app.serving.engine import Engine, Predictor

TRACKS_OF_A_SEED = 3
# Most artists and tags have some tracks among these; of others the first of the catalogue are taken.
LOOKED_THROUGH = 1000


async def seed_tracks(
    engine: Engine, predictor: Predictor, seeds: Sequence[Seed]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the track ids to read, the lightest seed first, and the names that the catalogue does not know.

    Raises Rejected when there are seeds and the catalogue knows none of them.
    """
    catalogue = predictor.catalogue
    # Stable: seeds of one weight stay in the order they were given.
    by_weight = sorted(seeds, key=lambda seed: seed.weight)
    rows = {seed: _rows(seed, catalogue) for seed in by_weight}
    if any(len(found) > TRACKS_OF_A_SEED for found in rows.values()):
        request = StepRequest(None, (), (), frozenset(), min(LOOKED_THROUGH, len(catalogue)))
        probable = (await engine.step(predictor, request)).step.ranking.tracks
        rows = {seed: _most_probable(found, probable) for seed, found in rows.items()}
    unknown = tuple(seed.name for seed in seeds if not rows[seed])
    if seeds and len(unknown) == len(seeds):
        raise Rejected(
            f"None of the {len(unknown)} seeds is in the catalogue, the first is {unknown[0]!r}. "
            "Find tracks with GET /v1/tracks?q=..."
        )
    read = dict.fromkeys(row for seed in by_weight for row in rows[seed])
    return tuple(catalogue[row].track_id for row in read), unknown


def _rows(seed: Seed, catalogue: Catalogue) -> Sequence[int]:
    match seed.kind:
        case SeedKind.TRACK:
            row = catalogue.index_of(seed.name)
            return () if row is None else (row,)
        case SeedKind.ARTIST:
            return catalogue.of_artist(seed.name)
        case SeedKind.TAG:
            return sorted(shelves_of(catalogue).tagged(seed.name))


def _most_probable(rows: Sequence[int], probable: Sequence[int]) -> Sequence[int]:
    """Return some of the rows, the most probable last."""
    own = set(rows)
    best = [row for row in probable if row in own]
    return [*best, *(row for row in rows if row not in set(best))][:TRACKS_OF_A_SEED][::-1]
