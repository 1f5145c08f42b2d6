"""The network as a model to be judged: ranked by the very code that ranks for listeners, with its mixture or alone.

Each session is read from the start state to its end. Knows nothing of figures.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch

from app.dataset.folder import Sessions
from app.domain.ranking import Ranking
from app.rnn.mixture import AT_ONCE, Mixture
from app.rnn.network import RecurrentNetwork
from app.rnn.ranking import Places, Ranker
from app.trainer.judgement import Judgement
from app.trainer.reading import Read, heard_before, read


class JudgedNetwork:
    """A network and its mixture, if any, judged in evaluation mode and left in the mode it was in."""

    def __init__(
        self,
        network: RecurrentNetwork,
        name: str = "network",
        on_judged: Callable[[int], None] = lambda _: None,
        mixture: Mixture | None = None,
    ) -> None:
        """Take the network to judge; `on_judged` is told how many targets were judged since it was told last."""
        self.name = name
        self._network = network
        self._mixture = mixture
        self._on_judged = on_judged

    @property
    def catalogue_size(self) -> int:
        """How many tracks it ranks."""
        return self._network.config.catalogue_size

    @torch.inference_mode()
    def judge(self, sessions: Sessions, depth: int) -> Iterator[Judgement]:
        """Rank every target from what was heard before it."""
        training = self._network.training
        self._network.eval()
        try:
            ranker = Ranker(self._network.ranking_table(), self._network.ranking_bias())
            for part in read(self._network, sessions):
                # Few at once: the best tracks of many would be looked for in narrow pieces of the catalogue.
                for first in range(0, len(part.targets), AT_ONCE):
                    few = part.some(slice(first, first + AT_ONCE))
                    yield _judged(self._mixture, ranker, few, sessions, depth)
                    self._on_judged(len(few.targets))
        finally:
            self._network.train(training)


def _judged(mixture: Mixture | None, ranker: Ranker, part: Read, sessions: Sessions, depth: int) -> Judgement:
    number = len(part.targets)
    nothing, depths = [frozenset[int]()] * number, [depth] * number
    if mixture is None:
        return _judgement(part, ranker.places(part.outputs, part.tracks), ranker.top(part.outputs, nothing, depths))
    heard = heard_before(sessions, part.events, part.starts)
    considered = mixture.consider(ranker, part.outputs, heard, nothing, depth)
    return _judgement(part, considered.places(part.tracks), considered.top(nothing, depths))


def _judgement(part: Read, places: Places, rankings: list[Ranking]) -> Judgement:
    return Judgement(
        part.targets,
        places.ranks.numpy(),
        np.array([ranking.tracks for ranking in rankings], dtype=np.int32),
        places.log_probabilities.numpy().astype(np.float64),
        np.array([ranking.probabilities for ranking in rankings]),
    )
