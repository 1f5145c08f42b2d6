"""Mixing: what the network foresees joined with what past sessions say, where held-out listening shows that it helps.

Everything that depends on the data is chosen here, on the newest training sessions. Knows nothing of test sessions.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.dataset.folder import Sessions
from app.rnn.memory import Memory
from app.rnn.mixer import Mixer
from app.rnn.mixture import Mixture
from app.rnn.neighbours import NeighbourSettings
from app.rnn.network import RecurrentNetwork
from app.trainer.evaluation import Metrics, evaluate
from app.trainer.folds import InTurn, folds
from app.trainer.mixer_fitting import collect, fit_mixer, mean_surprise, steps_per_epoch
from app.trainer.neighbour_choice import choose_neighbours
from app.trainer.reading import heard_before
from app.trainer.recipe import Recipe
from app.trainer.runs import RunFolder
from app.trainer.targets import Targets
from app.trainer.trained import TrainedNetwork
from app.trainer.validation import cut, thinned

_NEIGHBOUR_TARGETS = 2000
_LEAST_SESSIONS = 10  # held out; fewer decide nothing
# A radio's day is a session of hundreds of tracks: a few such days are much to learn from, and too few to draw among.
_FEW_SESSIONS = 100
_PIECE = 50
# Hidden size and epochs. Few examples learn less each time they are seen, and a smaller mixer forgets them less.
_SHAPES_OF_MANY = ((32, 4), (0, 4))
_SHAPES_OF_FEW = ((32, 4), (16, 12), (0, 10))
_MANY = 15_000
_LEAST_STEPS = 200  # of the smallest mixer: with few it stays near where it begins, which is the network alone


@dataclass(frozen=True, eq=False)
class Mixing:
    """What came of it: how to search and weigh, unless the network alone is better; and the figures that decided."""

    settings: NeighbourSettings
    mixer: Mixer | None
    figures: dict[str, Any]

    def over(self, sessions: Sessions, catalogue_size: int) -> Mixture | None:
        """Return the mixture over the memory of these sessions; None where the network is to rank alone."""
        if self.mixer is None:
            return None
        return Mixture(Memory.of(sessions.tracks, sessions.offsets, catalogue_size), self.settings, self.mixer)


def mix(
    network: RecurrentNetwork,
    older: Sessions,
    newest: Sessions,
    recipe: Recipe,
    on_stage: Callable[[str], None] = lambda _: None,
) -> Mixing:
    """Fit a mixture to a network that has learned from the older sessions; the newest, held out, choose and decide.

    Four fifths of the held-out sessions fit each mixer, one fifth chooses among them by log-likelihood and compares
    the chosen with the network alone (`is_better`); of few targets each fifth in turn (`folds.py`). What is better is
    then fitted to all of them. Few but long sessions are cut into pieces first. The same seed gives the same.
    """
    held_out = thinned(newest, recipe.mixture_targets)
    if len(held_out) < _FEW_SESSIONS:
        held_out = cut(held_out, _PIECE)
    if len(held_out) < _LEAST_SESSIONS:
        return Mixing(NeighbourSettings(), None, {"used": False, "reason": f"only {len(held_out)} sessions held out"})
    memory = Memory.of(older.tracks, older.offsets, network.config.catalogue_size)
    on_stage("choosing neighbours")
    speaking = NeighbourSettings(
        neighbours=recipe.mixture_neighbours,
        transitions=recipe.mixture_transitions,
        repeats=recipe.mixture_repeats,
    )
    settings = choose_neighbours(memory, *_asked(held_out, recipe.seed), begin=speaking)
    on_stage("collecting candidates")
    examples = collect(network, memory, settings, held_out)
    parts = folds(examples, len(held_out), recipe.seed)
    if not parts:
        return Mixing(settings, None, {"used": False, "reason": "too few targets held out"})
    found = []
    for hidden_size, epochs in _shapes(len(parts[0].fitting)):
        on_stage("fitting the mixer")
        mixers = [fit_mixer(part.fitting, hidden_size, epochs, recipe.seed) for part in parts]
        surprises = [mean_surprise(mixer, part.deciding) for mixer, part in zip(mixers, parts, strict=True)]
        surprise = float(np.average(surprises, weights=[len(part.deciding) for part in parts]))
        found.append((surprise, hidden_size, epochs, mixers))
    _, hidden_size, epochs, mixers = min(found, key=lambda entry: entry[:3])
    on_stage("judging the mixture")
    judged_on = held_out.select(np.concatenate([part.sessions for part in parts]))
    alone, mixed = (
        evaluate(
            InTurn(network, [(len(part.sessions), each) for part, each in zip(parts, mixtures, strict=True)]),
            judged_on,
            resamples=0,
        )
        for mixtures in ([None] * len(parts), [Mixture(memory, settings, mixer) for mixer in mixers])
    )
    used = is_better(mixed, alone)
    figures = {
        "used": used,
        "targets": len(examples),
        "judged_on": alone.targets,
        "folds": len(parts),
        "network_alone": _figures(alone),
        "mixture": _figures(mixed),
        "neighbours": settings.to_dict(),
        "hidden_size": hidden_size,
        "epochs": epochs,
    }
    if used:
        on_stage("fitting the mixer")
    return Mixing(settings, fit_mixer(examples, hidden_size, epochs, recipe.seed) if used else None, figures)


def _shapes(examples: int) -> tuple[tuple[int, int], ...]:
    """Return hidden size and epochs of the mixers worth trying with so many examples to fit."""
    if examples > _MANY:
        return _SHAPES_OF_MANY
    hidden_size, epochs = _SHAPES_OF_FEW[-1]
    longer = math.ceil(_LEAST_STEPS / steps_per_epoch(examples))
    return _SHAPES_OF_FEW if longer <= epochs else (*_SHAPES_OF_FEW, (hidden_size, longer))


def is_better(mixed: Metrics, alone: Metrics) -> bool:
    """Tell whether the mixture has more Recall@20 + MRR@20 than the network alone on the same targets.

    Where resampling could turn the difference round, log-likelihood decides: a hit more or less of few targets is
    chance, while every target has its say in the likelihood. Where nothing differs the network stays alone.
    """
    gains = mixed.totals.minus(alone.totals).summed("gain", ("recall@20", "mrr@20"))
    gain, sure = gains.means()["gain"], gains.intervals()["gain"]
    if gain == 0 or not sure.low <= 0 <= sure.high or mixed.log_loss is None or alone.log_loss is None:
        return gain > 0
    return mixed.log_loss < alone.log_loss


def mix_after(trained: TrainedNetwork, sessions: Sessions, run_dir: Path, on_stage: Callable[[str], None]) -> Mixing:
    """Fit a mixture beside a run that has ended on these sessions, its folder not yet cleared.

    The network of the search is asked, not the refitted one: that has learned from the sessions held out.
    """
    recipe = trained.recipe
    network = RecurrentNetwork(trained.network.config)
    network.load_state_dict(RunFolder(run_dir).load_searched())
    return mix(network.eval(), *sessions.split(recipe.validation_share), recipe, on_stage)


def _asked(sessions: Sessions, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw some targets of the sessions; return what was heard before each (n, HEARD), and their tracks (n,)."""
    of = Targets.of(sessions)
    drawn = np.random.default_rng([seed, 2]).permutation(len(of))[:_NEIGHBOUR_TARGETS]
    starts = sessions.offsets[of.session[drawn]]
    heard = heard_before(sessions, starts + of.position[drawn] - 1, starts)
    return heard, of.tracks[drawn].astype(np.int64)


def _figures(metrics: Metrics) -> dict[str, float | None]:
    errors = {f"calibration_error@{depth}": each.error for depth, each in metrics.reliabilities.items()}
    return {"recall@20": metrics.recall, "mrr@20": metrics.mrr, "log_loss": metrics.log_loss, **errors}
