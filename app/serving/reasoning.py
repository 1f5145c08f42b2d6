"""Why each track of a ranking is suggested: what the model would say without one recent track, without any, and without
what it knows of past sessions.

Each recent track is left out in turn and the rest is read anew, all in one batch; nothing is guessed from titles or
tags. Knows nothing of how the ranking came about.
"""

import asyncio
from collections.abc import Mapping, Set
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Listening:
    """What the network had read when it ranked, as catalogue rows, oldest first, and which of it were seeds."""

    read: tuple[int, ...]
    seeds: Set[int]

    @classmethod
    def of(cls, session: ListenerSession, catalogue: Catalogue) -> "Listening":
        """Return what a session holds of it."""
        seeded = (heard.track_id for heard in session.current if heard.kind is EventKind.SEEDED)
        read = (row for row in map(catalogue.index_of, session.advancing) if row is not None)
        return cls(tuple(read), {row for row in map(catalogue.index_of, seeded) if row is not None})


async def reasons_of(
    engine: Engine, predictor: Predictor, listening: Listening, suggested: Mapping[int, float]
) -> tuple[tuple[Reason, ...], ...]:
    """Return the reasons of each suggested row, given its probability: the strongest track first, popularity last.

    Raises Overloaded when the queue is full.
    """
    catalogue, read = predictor.catalogue, listening.read
    places = range(max(0, len(read) - LOOKED_AT), len(read))
    # A checkpoint looks for past sessions by the `recent` tracks: where there are none, the network speaks alone.
    asked = [((), ()), (read, ()), *((rest, rest) for rest in (read[:place] + read[place + 1 :] for place in places))]
    deep = min(DEEP, len(catalogue))
    requests = (StepRequest(None, tracks, recent, frozenset(), deep) for tracks, recent in asked)
    answers = await asyncio.gather(*(engine.step(predictor, request) for request in requests))
    at_start, alone, *others = (_Probabilities(timed.step.ranking) for timed in answers)
    names = [(ReasonKind.SEED if read[place] in listening.seeds else ReasonKind.RECENT, place) for place in places]
    found = []
    for row, probability in suggested.items():
        tracks = [
            Reason(kind, catalogue[read[place]].track_id, _lift(probability, without.of(row)))
            for (kind, place), without in zip(names, others, strict=True)
        ]
        beside = [
            Reason(ReasonKind.NEIGHBOURS, None, _lift(probability, alone.of(row))),
            Reason(ReasonKind.POPULARITY, None, _lift(at_start.of(row), 1 / len(catalogue))),
        ]
        strongest = sorted(tracks, key=lambda reason: -reason.lift)[:MOST]
        found.append(tuple(reason for reason in (*strongest, *beside) if reason.lift >= LEAST_LIFT))
    return tuple(found)


class _Probabilities:
    """The probabilities of a ranking by row."""

    def __init__(self, ranking: Ranking) -> None:
        self._by_row = dict(zip(ranking.tracks, ranking.probabilities, strict=True))
        self._least = ranking.probabilities[-1] if ranking.probabilities else 0.0

    def of(self, row: int) -> float:
        """Return a row's probability, at most what it can be where it is not ranked."""
        return self._by_row.get(row, self._least)


def _lift(probability: float, compared: float) -> float:
    return round(probability / max(compared, 1e-12), 3)
