"""A ranking whose tracks keep a rule among themselves: an artist comes so often and no more.

Leaving rows out changes neither the order nor the probabilities of the others, so the network is asked again, without
those artists who have had their share, until the list is full. Knows nothing of sessions.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from app.domain.catalogue import Catalogue
from app.domain.ranking import Ranking, Step, StepRequest
from app.domain.rules import Rules
from app.domain.spelling import text_key
from app.serving.engine import Engine, Predictor, TimedStep


async def thinned_step(
    engine: Engine, predictor: Predictor, request: StepRequest, rules: Rules, taken: Mapping[str, int]
) -> TimedStep:
    """Have the network read and rank; the ranking keeps the rules, and says what each rule took."""
    timed = await engine.step(predictor, request)
    ranking = timed.step.ranking
    if rules.max_per_artist is not None and request.limit:
        thinned = _Thinned(predictor.catalogue, rules.max_per_artist, request.limit)
        again, came = request, ranking
        while thinned.take(came):
            again = StepRequest(
                timed.step.hidden, (), request.recent, request.excluded | thinned.left_out, thinned.wanted
            )
            came = (await engine.step(predictor, again)).step.ranking
        ranking = thinned.of(ranking)
        taken = {**taken, "max_per_artist": thinned.taken(request.excluded)}
    kept = Ranking(ranking.tracks, ranking.probabilities, ranking.pool_before, ranking.pool_after, taken)
    return TimedStep(Step(timed.step.hidden, kept), timed.queue_us, timed.step_us)


class _Thinned:
    """The tracks that were found so far."""

    def __init__(self, catalogue: Catalogue, max_per_artist: int, limit: int) -> None:
        self._catalogue = catalogue
        self._most = max_per_artist
        self._limit = limit
        self._kept: list[tuple[int, float]] = []
        self._count: Counter[str] = Counter()
        self._saturated: set[int] = set()

    @property
    def wanted(self) -> int:
        """How many tracks are still to be found."""
        return self._limit - len(self._kept)

    @property
    def left_out(self) -> frozenset[int]:
        """What need not be ranked again: what was found, and artists who have had their share."""
        return frozenset(self._saturated.union(row for row, _ in self._kept))

    def take(self, ranking: Ranking) -> bool:
        """Keep what keeps the rule; tell whether another ranking may bring more."""
        asked = self.wanted
        for row, probability in zip(ranking.tracks, ranking.probabilities, strict=True):
            artist = self._catalogue[row].artist
            if self._count[text_key(artist)] < self._most:
                self._kept.append((row, probability))
                self._count[text_key(artist)] += 1
            if self._count[text_key(artist)] == self._most:
                self._saturated.update(self._catalogue.of_artist(artist))
        return self.wanted > 0 and len(ranking.tracks) == asked

    def taken(self, excluded: frozenset[int]) -> int:
        """Return how many candidates were left out because their artist had come often enough."""
        return len(self._saturated - excluded - {row for row, _ in self._kept})

    def of(self, ranking: Ranking) -> Ranking:
        """Return what was found in place of a ranking's tracks."""
        return replace(
            ranking,
            tracks=tuple(row for row, _ in self._kept),
            probabilities=tuple(probability for _, probability in self._kept),
        )
