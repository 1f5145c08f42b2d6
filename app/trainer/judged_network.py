"""The network as a model to be judged: ranked by `rnn/ranking.py`, the very code that ranks for listeners.

Each session is read from the start state to its end. Knows nothing of figures.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from app.dataset.folder import Sessions
from app.rnn.network import PADDING, RecurrentNetwork
from app.rnn.ranking import Ranker
from app.trainer.judgement import Judgement

_EVENTS = 4096  # read at once: outputs of 4,096 x 1,024 floats are 16 MB
_WINDOW = 256  # steps at once of a long session; the hidden state is carried on


class JudgedNetwork:
    """A network, judged in evaluation mode and left in the mode it was in."""

    def __init__(
        self, network: RecurrentNetwork, name: str = "network", on_judged: Callable[[int], None] = lambda _: None
    ) -> None:
        """Take the network to judge; `on_judged` is told how many targets were judged since it was told last."""
        self.name = name
        self._network = network
        self._on_judged = on_judged

    @property
    def catalogue_size(self) -> int:
        """How many tracks it ranks."""
        return self._network.config.catalogue_size

    @torch.inference_mode()
    def judge(self, sessions: Sessions, depth: int) -> Iterator[Judgement]:
        """Rank every target from the output before it, sessions of like length side by side."""
        training = self._network.training
        self._network.eval()
        try:
            ranker = Ranker(self._network.ranking_table(), self._network.output_bias)
            for rows in _batches(sessions):
                for outputs, targets, tracks in self._read(sessions, rows):
                    yield self._judged(ranker, outputs, targets, tracks, depth)
                    self._on_judged(len(targets))
        finally:
            self._network.train(training)

    def _read(
        self, sessions: Sessions, rows: NDArray[np.int64]
    ) -> Iterator[tuple[torch.Tensor, NDArray[np.int64], torch.Tensor]]:
        """Read some sessions; yield outputs (n, K), which targets follow them (n,), and their tracks (n,)."""
        starts = sessions.offsets[rows][:, None]
        lengths = np.diff(sessions.offsets)[rows][:, None]
        hidden = None
        for first in range(0, int(lengths.max()) - 1, _WINDOW):
            steps = np.arange(first, min(first + _WINDOW, int(lengths.max()) - 1))
            asked = steps < lengths - 1
            events = np.minimum(starts + steps, len(sessions.tracks) - 2)
            heard = np.where(asked, sessions.tracks[events], PADDING).astype(np.int64)
            outputs, hidden = self._network(torch.from_numpy(heard), hidden)
            # Before target i of session s stand i + 1 events of s and all earlier sessions, each with one non-target.
            targets = (events - rows[:, None])[asked]
            tracks = torch.from_numpy(sessions.tracks[(events + 1)[asked]].astype(np.int64))
            yield outputs[torch.from_numpy(asked)], targets, tracks

    def _judged(
        self, ranker: Ranker, outputs: torch.Tensor, targets: NDArray[np.int64], tracks: torch.Tensor, depth: int
    ) -> Judgement:
        places = ranker.places(outputs, tracks)
        number = len(targets)
        rankings = ranker.top(outputs, [frozenset()] * number, [depth] * number)
        tops = np.array([ranking.tracks for ranking in rankings], dtype=np.int32)
        return Judgement(targets, places.ranks.numpy(), tops, places.log_probabilities.numpy().astype(np.float64))


def _batches(sessions: Sessions) -> Iterator[NDArray[np.int64]]:
    """Yield the numbers of sessions with targets, those of like length together, about 4,096 events at a time."""
    lengths = np.diff(sessions.offsets)
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 1]
    first = 0
    while first < len(order):
        steps = np.minimum(lengths[order[first:]] - 1, _WINDOW)
        # Sorted, so the last session of a batch is its longest: number x longest must fit.
        fits = int(np.searchsorted(steps * np.arange(1, len(steps) + 1), _EVENTS, side="right"))
        yield order[first : first + max(fits, 1)]
        first += max(fits, 1)
