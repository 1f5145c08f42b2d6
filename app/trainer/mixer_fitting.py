"""Fitting a mixer: the candidates of held-out targets as examples, and gradient steps on their log-likelihood.

Knows nothing of which sessions were held out, or of which mixer is taken.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from app.dataset.folder import Sessions
from app.errors import NotANumber
from app.rnn.memory import Memory
from app.rnn.mixer import Mixer, surprise
from app.rnn.mixture import AT_ONCE, Mixture
from app.rnn.neighbours import NeighbourSettings
from app.rnn.network import RecurrentNetwork
from app.rnn.ranking import Ranker
from app.trainer.reading import heard_before, read
from app.trainer.targets import Targets

_LEARNING_RATE = 0.003
_WEIGHT_DECAY = 1e-4
_BATCH = 128
_LAST_RATE = 0.01
_STANDARDS = 2000  # examples from which the features' mean and deviation are taken


@dataclass(frozen=True, eq=False)
class Examples:
    """N targets: features (N, K, F) in half precision, situations (N, S), counts (N,) of candidates, which stand first.

    targets (N,) are the columns of the targets among the candidates, -1 outside; session (N,) where each is from.
    """

    features: Tensor
    situations: Tensor
    counts: Tensor
    targets: Tensor
    session: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def select(self, rows: Tensor) -> "Examples":
        """Return some of the examples."""
        return Examples(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def present(self) -> Tensor:
        """Return (N, K): whether there is a candidate."""
        return torch.arange(self.features.shape[1]) < self.counts.unsqueeze(1)


@torch.inference_mode()
def collect(network: RecurrentNetwork, memory: Memory, settings: NeighbourSettings, sessions: Sessions) -> Examples:
    """Return the candidates of every target of the sessions, as the server would find them."""
    ranker = Ranker(network.eval().ranking_table(), network.ranking_bias())
    mixture = Mixture(memory, settings, Mixer(0))
    of = Targets.of(sessions)
    parts: list[tuple[Tensor, ...]] = []
    for part in read(network, sessions):
        heard = heard_before(sessions, part.events, part.starts)
        for first in range(0, len(heard), AT_ONCE):
            few = slice(first, first + AT_ONCE)
            candidates, _ = mixture.examine(ranker, part.outputs[few], heard[few])
            rows = torch.from_numpy(candidates.rows)
            hit = rows == part.tracks[few].unsqueeze(1)
            targets = torch.where(hit.any(1), hit.int().argmax(1), -1)
            parts.append(
                (
                    torch.from_numpy(candidates.features).half(),
                    torch.from_numpy(candidates.situations),
                    (rows >= 0).sum(1),
                    targets,
                    torch.from_numpy(of.session[part.targets[few]]),
                )
            )
    return Examples(*(torch.cat(column) for column in zip(*parts, strict=True)))


def steps_per_epoch(examples: int) -> int:
    """Return how many steps are taken through so many examples."""
    return math.ceil(examples / _BATCH)


def fit_mixer(examples: Examples, hidden_size: int, epochs: int, seed: int) -> Mixer:
    """Return a mixer fitted by AdamW on -log probability; the same seed gives the same mixer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        mixer = Mixer(hidden_size)
        few = examples.select(torch.arange(0, len(examples), max(1, len(examples) // _STANDARDS)))
        mixer.standardise(few.features[few.present()].float(), examples.situations)
        optimizer = torch.optim.AdamW(mixer.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
        steps = epochs * steps_per_epoch(len(examples))
        step = 0
        for _ in range(epochs):
            for rows in torch.split(torch.randperm(len(examples)), _BATCH):
                for group in optimizer.param_groups:
                    group["lr"] = _LEARNING_RATE * max(1 - step / steps, _LAST_RATE)
                loss = _surprise(mixer, examples.select(rows)).mean()
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                step += 1
    if not all(bool(tensor.isfinite().all()) for tensor in mixer.state_dict().values()):
        raise NotANumber("Expected a mixer of finite numbers, got NaN or infinity. Train with --set mixture=false.")
    return mixer.requires_grad_(False).eval()


@torch.inference_mode()
def mean_surprise(mixer: Mixer, examples: Examples) -> float:
    """Return the mean of -log probability over examples, up to what no mixer changes."""
    parts = torch.split(torch.arange(len(examples)), 4 * _BATCH)
    return float(np.mean(np.concatenate([_surprise(mixer, examples.select(rows)).numpy() for rows in parts])))


def _surprise(mixer: Mixer, examples: Examples) -> Tensor:
    features, present = examples.features.float(), examples.present()
    logits = mixer(features, examples.situations, present)
    return surprise(logits, features[:, :, 0], present, examples.targets)
