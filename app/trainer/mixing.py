"""Mixing: what the network foresees joined with what past sessions say, where held-out listening shows that it helps.

Everything that depends on the data is chosen here, on the newest training sessions. Knows nothing of test sessions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.dataset.folder import Sessions
from app.rnn.memory import Memory
from app.rnn.mixer import Mixer
from app.rnn.mixture import Mixture
from app.rnn.neighbours import NeighbourSettings
from app.rnn.network import RecurrentNetwork
from app.trainer.evaluation import Metrics, evaluate
from app.trainer.judged_network import JudgedNetwork
from app.trainer.mixer_fitting import collect, fit_mixer, mean_surprise
from app.trainer.neighbour_choice import choose_neighbours
from app.trainer.reading import heard_before
from app.trainer.recipe import Recipe
from app.trainer.resampling import SessionTotals
from app.trainer.runs import RunFolder
from app.trainer.targets import Targets
from app.trainer.trained import TrainedNetwork
from app.trainer.validation import cut, thinned

_CHOOSING_SHARE = 0.2  # of the held-out sessions: they choose the mixer and decide whether there is to be one
_NEIGHBOUR_TARGETS = 2000
_LEAST_SESSIONS = 10  # held out; fewer decide nothing
# A radio's day is a session of hundreds of tracks: a few such days are much to learn from, and too few to draw among.
_FEW_SESSIONS = 100
_PIECE = 50
# Hidden size and epochs. Few examples learn less each time they are seen, and a smaller mixer forgets them less.
_SHAPES_OF_MANY = ((32, 4), (0, 4))
_SHAPES_OF_FEW = ((32, 4), (16, 12), (0, 10))
_MANY = 15_000


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
    the chosen with the network alone (`is_better`). What is better is then fitted to all of them. Few but long sessions
    are cut into pieces first. The same seed gives the same.
    """
    held_out = thinned(newest, recipe.mixture_targets)
    if len(held_out) < _FEW_SESSIONS:
        held_out = cut(held_out, _PIECE)
    if len(held_out) < _LEAST_SESSIONS:
        return Mixing(NeighbourSettings(), None, {"used": False, "reason": f"only {len(held_out)} sessions held out"})
    memory = Memory.of(older.tracks, older.offsets, network.config.catalogue_size)
    on_stage("choosing neighbours")
    settings = choose_neighbours(memory, *_asked(held_out, recipe.seed))
    on_stage("collecting candidates")
    examples = collect(network, memory, settings, held_out)
    choosing = np.random.default_rng([recipe.seed, 1]).random(len(held_out)) < _CHOOSING_SHARE
    for_choice = torch.from_numpy(choosing)[examples.session]
    fitting, deciding = (examples.select(torch.nonzero(part).squeeze(1)) for part in (~for_choice, for_choice))
    if not len(fitting) or not len(deciding):
        return Mixing(settings, None, {"used": False, "reason": "too few targets held out"})
    shapes = _SHAPES_OF_MANY if len(fitting) > _MANY else _SHAPES_OF_FEW
    found = []
    for hidden_size, epochs in shapes:
        on_stage("fitting the mixer")
        mixer = fit_mixer(fitting, hidden_size, epochs, recipe.seed)
        found.append((mean_surprise(mixer, deciding), hidden_size, epochs, mixer))
    _, hidden_size, epochs, mixer = min(found, key=lambda entry: entry[0])
    on_stage("judging the mixture")
    judged_on = held_out.select(choosing)
    alone, mixed = (
        evaluate(JudgedNetwork(network, mixture=mixture), judged_on, resamples=0)
        for mixture in (None, Mixture(memory, settings, mixer))
    )
    used = is_better(mixed, alone)
    figures = {
        "used": used,
        "targets": len(examples),
        "judged_on": len(deciding),
        "network_alone": _figures(alone),
        "mixture": _figures(mixed),
        "neighbours": settings.to_dict(),
        "hidden_size": hidden_size,
        "epochs": epochs,
    }
    if used:
        on_stage("fitting the mixer")
    return Mixing(settings, fit_mixer(examples, hidden_size, epochs, recipe.seed) if used else None, figures)


def is_better(mixed: Metrics, alone: Metrics) -> bool:
    """Tell whether the mixture has more Recall@20 + MRR@20 than the network alone on the same targets.

    Where resampling could turn the difference round, log-likelihood decides: a hit more or less of few targets is
    chance, while every target has its say in the likelihood. Where nothing differs the network stays alone.
    """
    difference = mixed.totals.minus(alone.totals)
    columns = [difference.names.index(figure) for figure in ("recall@20", "mrr@20")]
    gains = SessionTotals(
        ("gain",), difference.sessions, difference.counts, difference.sums[:, columns].sum(1, keepdims=True)
    )
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
