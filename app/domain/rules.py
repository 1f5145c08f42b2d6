"""Rules about what may come next that hold whoever listens: years, tags, and how near albums and artists may be.

Knows nothing of listeners, catalogues and probabilities.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """What a caller wants kept, beside exclusions and the artist gap.

    So many tracks must pass before an album comes again; an artist may come so often in one answer; a track is of
    these years, both included; it has at least one of `tags_any`, every one of `tags_all` and none of `tags_none`,
    however spelled, its genre among its tags.
    """

    album_gap: int = 0
    max_per_artist: int | None = None
    year_from: int | None = None
    year_to: int | None = None
    tags_any: tuple[str, ...] = ()
    tags_all: tuple[str, ...] = ()
    tags_none: tuple[str, ...] = ()


NO_RULES = Rules()
