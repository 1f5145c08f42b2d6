"""Folds: held-out sessions in parts, each of which judges what the others have fitted.

A part of many sessions decides as surely as all of them. A part of few decides by chance, so there each has its turn,
and the whole decides. Knows nothing of what is fitted or decided.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from app.dataset.folder import Sessions
from app.rnn.mixture import Mixture
from app.rnn.network import RecurrentNetwork
from app.trainer.judged_network import JudgedNetwork
from app.trainer.judgement import Judgement
from app.trainer.mixer_fitting import Examples
from app.trainer.targets import Targets

FOLDS = 5
FEW_TARGETS = 1000
"""Up to so many targets each fold has its turn: a fifth of them has too few hits to tell, and fitting is soon done."""


@dataclass(frozen=True, eq=False)
class Fold:
    """Examples to fit with, those to decide by, and the numbers of the sessions (n,) the latter are from."""

    fitting: Examples
    deciding: Examples
    sessions: NDArray[np.int64]


def folds(examples: Examples, sessions: int, seed: int) -> list[Fold]:
    """Return the folds that decide, of examples from so many sessions: all of few, one of many.

    None of them is empty, nor without others to fit with. The same seed gives the same.
    """
    drawn = (np.random.default_rng([seed, 1]).random(sessions) * FOLDS).astype(np.int64)
    found = []
    for number in range(FOLDS if len(examples) <= FEW_TARGETS else 1):
        own = torch.from_numpy(drawn == number)[examples.session]
        fitting, deciding = (examples.select(torch.nonzero(part).squeeze(1)) for part in (~own, own))
        if len(fitting) and len(deciding):
            found.append(Fold(fitting, deciding, np.flatnonzero(drawn == number)))
    return found


class InTurn:
    """A network judged part by part, each part of the sessions with the mixture fitted to the others, or without."""

    def __init__(self, network: RecurrentNetwork, parts: Sequence[tuple[int, Mixture | None]]) -> None:
        """Take how many sessions each part holds, in the order in which they will come, and its mixture."""
        self.name = "network"
        self.catalogue_size = network.config.catalogue_size
        self._network = network
        self._parts = parts

    def judge(self, sessions: Sessions, depth: int) -> Iterator[Judgement]:
        """Rank every target as each part's mixture has it."""
        first = before = 0
        for count, mixture in self._parts:
            part = sessions.select(np.arange(first, first + count))
            for judgement in JudgedNetwork(self._network, mixture=mixture).judge(part, depth):
                yield replace(judgement, targets=judgement.targets + before)
            first, before = first + count, before + len(Targets.of(part))
