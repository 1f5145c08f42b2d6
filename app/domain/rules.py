"""Rules about what may come next that hold whoever listens: years, tags, explicit words, a
country, and how near albums and artists may be.

Knows nothing of listeners, catalogues and probabilities.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, repr=False)
class Rules:
    """What a caller wants kept, beside exclusions and the artist gap.

    So many tracks must pass before an album comes again; an artist may come so often in one answer; a track is of
    these years, both included; it has at least one of `tags_any`, every one of `tags_all` and none of `tags_none`,
    however spelled, its genre among its tags. Unless `explicit`, it is known to be without explicit words. It may be
    played in the country `market` (ISO 3166-1, two capital letters), or nobody told where it may.
    """

    album_gap: int = 0
    max_per_artist: int | None = None
    year_from: int | None = None
    year_to: int | None = None
    tags_any: tuple[str, ...] = ()
    tags_all: tuple[str, ...] = ()
    tags_none: tuple[str, ...] = ()
    explicit: bool = True
    market: str | None = None

    def __repr__(self) -> str:
        # Every answer is named by the repr of its question, and next to none has a rule.
        if self == NO_RULES:
            return "Rules()"
        return f"Rules({', '.join(f'{field.name}={getattr(self, field.name)!r}' for field in fields(self))})"


NO_RULES = Rules()
