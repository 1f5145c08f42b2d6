"""What is asked of the network and what it answers, as plain values.

These are the words between `serving/` and `rnn/`; nothing here knows how a ranking is computed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.session import StampedHidden


@dataclass(frozen=True, slots=True)
class StepRequest:
    """Read `tracks` on top of `hidden` (None: the start state), then rank what may follow.

    `tracks`, `excluded` and `recent` are catalogue rows; `recent` holds the tracks of the listening session,
    oldest first, those in `tracks` included. `limit` of 0 reads without ranking.
    """

    hidden: StampedHidden | None
    tracks: tuple[int, ...]
    recent: tuple[int, ...]
    excluded: frozenset[int]
    limit: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best tracks, most probable first.

    `probabilities` come from the softmax over the whole catalogue, before anything is excluded. `pool_before`
    and `pool_after` count the candidates before and after exclusion, `taken` those that each rule took.
    """

    tracks: Sequence[int]
    probabilities: Sequence[float]
    pool_before: int
    pool_after: int
    taken: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """The hidden state after the tracks were read, and the ranking from it."""

    hidden: StampedHidden
    ranking: Ranking
