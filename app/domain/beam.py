"""A playlist in the making, alone or beside others: in a beam search several are kept, and the best of them is given.

Always taking the most probable track may lead where nothing probable follows; a beam looks at `beam_width` ways at once
(Lowerre, 1976). Knows nothing of networks: it is handed a ranking for each branch.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.domain.playlist_progress import PlaylistProgress
from app.domain.recommendation import RankedTrack
from app.domain.session import StampedHidden

_LEAST = 1e-300  # a probability whose logarithm there still is


@dataclass(frozen=True, slots=True)
class Branch:
    """One way to go on: what was chosen so far, and what the network has yet to read of it on top of `hidden`.

    `log_weight` is the sum of the logarithms of what its tracks were chosen by: their probabilities, on the way
    somewhere bent toward it. `is_greedy` says that each of them was the first of its ranking.
    """

    progress: PlaylistProgress
    hidden: StampedHidden | None
    reading: tuple[int, ...]
    tracks: tuple[RankedTrack, ...] = ()
    log_weight: float = 0.0
    is_greedy: bool = True


@dataclass(frozen=True, slots=True)
class Continuation:
    """A branch and one track that may follow it: the one at `position` of its ranking, from 0.

    It becomes a branch of its own only when it is kept; most are not.
    """

    branch: Branch
    hidden: StampedHidden
    row: int
    ranked: RankedTrack
    weight: float
    position: int

    @property
    def log_weight(self) -> float:
        """What the branch would come to."""
        return self.branch.log_weight + math.log(max(self.weight, _LEAST))

    @property
    def is_greedy(self) -> bool:
        """Whether the branch would be the one of always the first."""
        return self.branch.is_greedy and self.position == 0

    def taken(self) -> Branch:
        """Return the branch with its track."""
        return Branch(
            progress=self.branch.progress.after(self.row),
            hidden=self.hidden,
            reading=(self.row,),
            tracks=(*self.branch.tracks, self.ranked),
            log_weight=self.log_weight,
            is_greedy=self.is_greedy,
        )


def kept(continuations: Sequence[Continuation], width: int) -> tuple[Branch, ...]:
    """Return the `width` best branches, best first, and the greedy one: so a beam never ends below it."""
    best = sorted(continuations, key=lambda one: -one.log_weight)
    return tuple(one.taken() for one in (*best[:width], *_greedy(best[width:])))


def _greedy(continuations: Sequence[Continuation]) -> Iterator[Continuation]:
    return (one for one in continuations if one.is_greedy)
