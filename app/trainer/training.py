"""The training loop: epochs, validation, early stopping, and a state on disk from which a killed run goes on.

Knows nothing of how a step learns (`learner.py`) or of how the result is judged and published.
"""

import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from app.dataset.folder import Dataset, Sessions
from app.errors import NothingToLearn, NothingToResume
from app.rnn.network import RecurrentNetwork
from app.trainer.device import own_randomness
from app.trainer.learner import Begin, Learner, cooccurrence_start
from app.trainer.progress import Meter, OnProgress, TrainingProgress
from app.trainer.pull_back import choose_pull_back, pull_back
from app.trainer.recency import TriedHalfLife, try_half_lives
from app.trainer.recipe import Recipe
from app.trainer.runs import RunFolder, RunState
from app.trainer.team import ALONE, Team
from app.trainer.temperature import fit_temperature
from app.trainer.trained import EpochRecord, TrainedNetwork
from app.trainer.trait_table import shared_traits
from app.trainer.validation import Validation, thinned, validate
from app.trainer.warm_start import WarmStart

SAVE_EVERY_S = 30.0


def train(
    dataset: Dataset,
    recipe: Recipe,
    run_dir: Path,
    resume: bool = False,
    on_progress: OnProgress = lambda _: None,
    save_every_s: float = SAVE_EVERY_S,
    team: Team = ALONE,
    warm: WarmStart | None = None,
) -> TrainedNetwork:
    """Train a network on the data set's sessions, the newest of which judge it.

    On the processor the same data, recipe and number of threads give the same weights to the last bit, whether or not
    the run was interrupted. The processes of a `team` all call this with the same data and recipe, and all get the
    network; the leading one judges, and keeps the run folder. With `warm` the network is of that one's shape, and
    begins with its weights. Raises NothingToLearn, NotANumber, and with `resume` NothingToResume.
    """
    recipe = (recipe if warm is None else warm.recipe(recipe)).planned(len(dataset.sessions.tracks))
    state = RunState(_identity(dataset, recipe, warm))
    with own_randomness(team.device):
        run = _Run(dataset, recipe, RunFolder(run_dir), state, resume, on_progress, save_every_s, team, warm)
        return run.to_the_end()


def learn_everything(
    judged: TrainedNetwork,
    dataset: Dataset,
    run_dir: Path,
    resume: bool = False,
    on_progress: OnProgress = lambda _: None,
    save_every_s: float = SAVE_EVERY_S,
    team: Team = ALONE,
    warm: WarmStart | None = None,
) -> TrainedNetwork:
    """Train anew on all sessions of the data set, those the network was judged by too, as it was found best.

    Nothing is left to judge what comes of it, and nothing is chosen: epochs, pull-back and temperature are those of
    the judged network. Resumes where a run of the same is found in the folder, else begins. Raises as `train` does.
    """
    state = RunState(
        _identity(dataset, judged.recipe, warm),
        refit=True,
        history=[asdict(record) for record in judged.history],
        best_epoch=judged.best_epoch - 1,
        pull_back=judged.pull_back,
        temperature=judged.network.config.temperature,
    )
    folder = RunFolder(run_dir)
    resume = resume and folder.is_begun
    with own_randomness(team.device):
        run = _Run(dataset, judged.recipe, folder, state, resume, on_progress, save_every_s, team, warm)
        return run.to_the_end()


class _Run:
    """One run: a search for the best epoch, then, if the recipe asks for it, a refit over all sessions."""

    def __init__(
        self,
        dataset: Dataset,
        recipe: Recipe,
        folder: RunFolder,
        state: RunState,
        resume: bool,
        on_progress: OnProgress,
        save_every_s: float,
        team: Team,
        warm: WarmStart | None,
    ) -> None:
        self._sessions = dataset.sessions
        self._catalogue = dataset.catalogue
        self._traits = shared_traits(dataset.catalogue) if recipe.traits else None
        self._older, newest = dataset.sessions.split(recipe.validation_share)
        self._newest = thinned(newest, recipe.validation_targets)
        if not len(self._older) or len(newest.tracks) == len(newest):
            raise NothingToLearn(
                f"Expected sessions of two tracks and more both to learn from and, among the newest "
                f"{recipe.validation_share:.0%}, to judge by, got {len(self._sessions)} in all. Import more listening."
            )
        self._folder = folder
        self._on_progress = on_progress
        self._save_every_s = save_every_s
        self._team = team
        self._warm = warm
        self._state, self._kept = team.from_lead(lambda: _begin(folder, state, resume))
        self._recipe = recipe
        if self._state.half_life is not None:
            self._recipe = _with_half_life(recipe, self._state.half_life)
        self._meter = Meter(self._state.seconds, self._state.events_learned)
        self._saved_at = time.monotonic()

    def to_the_end(self) -> TrainedNetwork:
        state = self._state
        if not state.finished:
            self._search()
            refitted = self._refit() if self._recipe.refit else None
            state.finished = True
            if self._team.leads:
                self._folder.save_final(refitted or self._folder.load_searched())
                self._folder.save(state, {})
        network = self._network(self._team.from_lead(self._folder.load_final)).tempered(state.temperature or 1.0)
        history = tuple(EpochRecord(**entry) for entry in state.history)
        return TrainedNetwork(
            network.eval(),
            self._recipe,
            history,
            self._best + 1,
            state.pull_back,
            self._meter.seconds,
            self._meter.events_per_s,
            tuple(TriedHalfLife(**tried) for tried in state.half_lives),
        )

    def _network(self, weights: dict[str, Tensor]) -> RecurrentNetwork:
        network = RecurrentNetwork(self._recipe.network(len(self._catalogue)))
        network.load_state_dict(weights)
        return network

    def _settle(self, start: Tensor | None) -> tuple[float, float]:
        """Choose pull-back and temperature, and keep the network they make of the best epoch's."""
        # A refit has learned from the sessions that could tell how sure it may be, so the search's network is asked.
        network, share = self._network(self._folder.load_best(self._best)), 0.0
        if start is not None:
            share = choose_pull_back(network, start, self._newest)
            pull_back(network, start, share)
        self._folder.save_searched(network.state_dict())
        return share, fit_temperature(network, self._newest)

    @property
    def _best(self) -> int:
        assert self._state.best_epoch is not None, "A run without an epoch. This is a bug."
        return self._state.best_epoch

    def _search(self) -> None:
        """Learn from the older sessions until the newest are foreseen no better."""
        state = self._state
        if state.refit:
            return
        learner = self._searching()
        while state.epoch < self._recipe.epochs and not self._is_past_its_best:
            before = self._meter.seconds
            self._epoch(learner, self._recipe.epochs)
            self._judge(learner.network, self._meter.seconds - before)
            self._end_epoch(learner)
        if state.temperature is None:
            state.pull_back, state.temperature = self._team.from_lead(lambda: self._settle(learner.start))

    def _refit(self) -> dict[str, Tensor]:
        """Learn anew from all sessions, for as many epochs as were best."""
        state = self._state
        if not state.refit:
            state.refit, state.epoch = True, 0
        learner = self._learner(self._sessions, self._start(self._sessions))
        while state.epoch <= self._best:
            self._epoch(learner, self._best + 1)
            self._end_epoch(learner)
        network = learner.network
        if learner.start is not None:
            pull_back(network, learner.start, state.pull_back)
        return network.state_dict()

    def _searching(self) -> Learner:
        """Return what learns from the older sessions, once it is known how soon they grow old."""
        state, start = self._state, self._start(self._older)
        if state.half_life is None and self._recipe.choose_half_life and not self._recipe.half_life:
            state.half_life, tried = try_half_lives(
                self._recipe, lambda recipe: self._new_learner(recipe, self._older, start), self._newest, self._team
            )
            state.half_lives = [asdict(each) for each in tried]
            self._recipe = _with_half_life(self._recipe, state.half_life)
            if self._team.leads:
                self._folder.save(state, {})
        return self._learner(self._older, start)

    def _start(self, sessions: Sessions) -> Begin | None:
        """Return what networks begin with, found once for all of them; None: at random."""
        if self._warm is not None:
            return partial(self._warm.begin, catalogue=self._catalogue)
        if self._recipe.cooccurrence_start:
            return cooccurrence_start(sessions, len(self._catalogue), self._recipe)
        return None

    def _new_learner(self, recipe: Recipe, sessions: Sessions, start: Begin | None) -> Learner:
        return Learner(sessions, len(self._catalogue), recipe, self._team, self._traits, start)

    def _learner(self, sessions: Sessions, start: Begin | None) -> Learner:
        learner = self._new_learner(self._recipe, sessions, start)
        if self._kept:
            learner.restore(self._kept)
            self._kept = {}
        return learner

    @property
    def _is_past_its_best(self) -> bool:
        best, epoch = self._state.best_epoch, self._state.epoch
        return best is not None and epoch - 1 - best >= self._recipe.patience

    def _epoch(self, learner: Learner, epochs: int) -> None:
        """Learn from every batch of the epoch that is not done yet."""
        state = self._state
        batches = learner.batches.epoch(self._recipe.seed, state.epoch)
        self._meter.resume()
        for number in range(state.batch, len(batches)):
            # A refit follows the same course of rates as the search did up to its best epoch.
            progress = (state.epoch + number / len(batches)) / self._recipe.epochs
            loss, events = learner.step(state.epoch, number, batches[number], progress)
            self._meter.add(events)
            state.losses += loss * events
            state.events += events
            state.batch = number + 1
            self._report(epochs, len(batches), learner.batches.events)
            if time.monotonic() - self._saved_at >= self._save_every_s:
                self._save(learner)

    def _judge(self, network: RecurrentNetwork, seconds: float) -> None:
        """Validate the epoch and keep its weights if none was better."""
        state = self._state
        found = self._team.from_lead(lambda: validate(network, self._newest))
        goodness = [entry["recall"] + entry["mrr"] for entry in state.history]
        if not goodness or found.goodness > max(goodness):
            state.best_epoch = state.epoch
            if self._team.leads:
                self._folder.save_best(state.epoch, network.state_dict())
        record = EpochRecord(
            state.epoch + 1,
            state.losses / max(state.events, 1),
            found.recall,
            found.mrr,
            found.log_loss,
            seconds,
            self._meter.events_per_s,
        )
        state.history.append(asdict(record))

    def _end_epoch(self, learner: Learner) -> None:
        state = self._state
        state.epoch, state.batch, state.losses, state.events = state.epoch + 1, 0, 0.0, 0
        self._save(learner)

    def _save(self, learner: Learner) -> None:
        self._state.seconds, self._state.events_learned = self._meter.seconds, self._meter.events
        if self._team.leads:
            self._folder.save(self._state, learner.tensors())
        self._saved_at = time.monotonic()
        self._meter.resume()

    def _report(self, epochs: int, batches: int, events_per_epoch: int) -> None:
        state = self._state
        left = events_per_epoch * (epochs - state.epoch) - state.events
        newest = state.history[-1] if state.history else None
        self._on_progress(
            TrainingProgress(
                epoch=state.epoch + 1,
                epochs=epochs,
                batch=state.batch,
                batches=batches,
                loss=state.losses / state.events,
                events_per_s=self._meter.events_per_s,
                remaining_s=max(left, 0) / self._meter.events_per_s,
                refit=state.refit,
                validation=Validation(newest["recall"], newest["mrr"], newest["log_loss"]) if newest else None,
            )
        )


def _with_half_life(recipe: Recipe, half_life: float) -> Recipe:
    return replace(recipe, half_life=half_life, choose_half_life=False)


def _begin(folder: RunFolder, begun: RunState, resume: bool) -> tuple[RunState, dict[str, Tensor]]:
    if not resume:
        folder.clear()
        return begun, {}
    state, tensors = folder.load()
    wanted = begun.identity
    if state.identity != wanted:
        differing = ", ".join(sorted(name for name in wanted if wanted[name] != state.identity.get(name)))
        raise NothingToResume(
            f"Expected the data and the recipe of the interrupted run, got another {differing}. "
            "Resume with what it began with, or train without --resume."
        )
    return state, tensors


def _identity(dataset: Dataset, recipe: Recipe, warm: WarmStart | None) -> dict[str, Any]:
    return {
        "base": None if warm is None else warm.checkpoint_id,
        "fingerprint": dataset.fingerprint,
        "sessions": len(dataset.sessions),
        "events": len(dataset.sessions.tracks),
        **asdict(recipe),
    }
