"""Why each track of a ranking is suggested: what the model would say without one recent track, and without any.

Each recent track is left out in turn and the rest is read anew, all in one batch; nothing is guessed from titles or
tags. Knows nothing of how the ranking came about.
"""

import asyncio

from app.domain.catalogue import Catalogue
from app.domain.events import EventKind
from app.domain.ranking import Ranking, StepRequest
from app.domain.recommendation import Reason, ReasonKind
from app.domain.session import ListenerSession
from app.serving.engine import Engine, Predictor

# What was heard longer ago moves a recurrent network little.
LOOKED_AT = 10
# A track that is not among so many without the recent one was moved at least as far as from there.
DEEP = 500
MOST = 3
LEAST_LIFT = 1.1


async def reasons_of(
    engine: Engine, predictor: Predictor, session: ListenerSession, ranking: Ranking
) -> tuple[tuple[Reason, ...], ...]:
    """Return the reasons of each track of a ranking, the strongest first, popularity last.

    Raises Overloaded when the queue is full.
    """
    catalogue = predictor.catalogue
    read = [row for row in map(catalogue.index_of, session.advancing) if row is not None]
    places = range(max(0, len(read) - LOOKED_AT), len(read))
    without = [tuple(read[:place] + read[place + 1 :]) for place in places]
    asked = [StepRequest(None, tracks, tracks, frozenset(), min(DEEP, len(catalogue))) for tracks in ((), *without)]
    answers = await asyncio.gather(*(engine.step(predictor, request) for request in asked))
    start, *others = [timed.step.ranking for timed in answers]
    seeds = {heard.track_id for heard in session.current if heard.kind is EventKind.SEEDED}
    names = [(read[place], _kind(read[place], catalogue, seeds)) for place in places]
    of_others = [_Probabilities(other) for other in others]
    at_start = _Probabilities(start)
    found = []
    for row, probability in zip(ranking.tracks, ranking.probabilities, strict=True):
        lifts = [
            Reason(kind, catalogue[recent].track_id, _lift(probability, other.of(row)))
            for (recent, kind), other in zip(names, of_others, strict=True)
        ]
        strong = sorted((reason for reason in lifts if reason.lift >= LEAST_LIFT), key=lambda reason: -reason.lift)
        popularity = Reason(ReasonKind.POPULARITY, None, _lift(at_start.of(row), 1 / len(catalogue)))
        found.append((*strong[:MOST], *([popularity] if popularity.lift >= LEAST_LIFT else [])))
    return tuple(found)


class _Probabilities:
    """The probabilities of a ranking by row."""

    def __init__(self, ranking: Ranking) -> None:
        self._by_row = dict(zip(ranking.tracks, ranking.probabilities, strict=True))
        self._least = ranking.probabilities[-1] if ranking.probabilities else 0.0

    def of(self, row: int) -> float:
        """Return a row's probability, at most what it can be where it is not ranked."""
        return self._by_row.get(row, self._least)


def _kind(row: int, catalogue: Catalogue, seeds: set[str]) -> ReasonKind:
    return ReasonKind.SEED if catalogue[row].track_id in seeds else ReasonKind.RECENT


def _lift(probability: float, compared: float) -> float:
    return round(probability / max(compared, 1e-12), 3)
