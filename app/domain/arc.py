"""The way of a playlist from where it starts to where it is to end.

At each step two rankings are multiplied: the one after what was played so far, and the one after the destination. The
weight moves from the first to the second (a product of experts, p^(1-t) q^t; Hinton, 2002). Knows nothing of networks.
"""

from collections.abc import Set
from dataclasses import dataclass

from app.domain.ranking import Ranking

# Of each ranking; what lies deeper in both is nothing to travel by.
DEEP = 500


@dataclass(frozen=True, slots=True)
class Arc:
    """Where a playlist goes: the ranking after the destination, and the track to end with, if it is one.

    `releases` are the rows of that track's song, itself included.
    """

    toward: Ranking
    last: int | None = None
    releases: frozenset[int] = frozenset()

    def held_back(self, excluded: frozenset[int], *, is_last: bool) -> frozenset[int]:
        """Return what may not come yet: the last song comes last, or when nothing else is left."""
        others = excluded | self.releases
        return excluded if is_last or len(others) == self.toward.pool_before else others

    def bent(self, ranking: Ranking, excluded: Set[int], *, way: float, is_last: bool) -> Ranking:
        """Return the candidates of both rankings in the order of their product; `way` goes from 0 to 1.

        What is ranked in one of them only counts with the least probability of the other. Last of all comes the
        destination, unless a rule takes it.
        """
        here = dict(zip(ranking.tracks, ranking.probabilities, strict=True))
        there = dict(zip(self.toward.tracks, self.toward.probabilities, strict=True))
        rows = here.keys() | (there.keys() - excluded)
        if is_last and self.last is not None and self.last not in excluded:
            rows = {self.last}
        least_here, least_there = min(here.values(), default=0.0), min(there.values(), default=0.0)
        weights = {row: here.get(row, least_here) ** (1 - way) * there.get(row, least_there) ** way for row in rows}
        ordered = sorted(weights, key=lambda row: (-weights[row], row))
        return Ranking(tuple(ordered), tuple(weights[row] for row in ordered), ranking.pool_before, ranking.pool_after)
