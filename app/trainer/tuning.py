"""The search for the recipe that fits a data set: many runs, the bad ones ended early, none of them lost.

The trials are kept in an SQLite file, and each unfinished one in its run folder, so that a killed search goes on.
Knows nothing of terminals, nor of sessions held out for testing: it is not given them.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
import torch
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.exceptions import OptunaError
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from app.dataset.folder import Dataset
from app.errors import InvalidRequest, NotANumber, NothingToResume
from app.trainer.device import PROCESSOR
from app.trainer.progress import TrainingProgress
from app.trainer.recipe import Recipe
from app.trainer.runs import RunFolder
from app.trainer.search_space import Choice, Dial, SearchSpace
from app.trainer.team import Team
from app.trainer.training import train

STUDY_FILE = "trials.sqlite"
_STUDY = "tuning"
_UNGUIDED = 8
"""Trials at random before the Tree-structured Parzen Estimator guides the choice (Bergstra et al., NeurIPS 2011)."""
_UNPRUNED = 3
"""Trials that run to their end before one is ended for being below the median of the others at the same epoch."""
_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One trial: its number from 1, its settings, Recall@20 + MRR@20 by epoch, and whether it was ended early."""

    number: int
    settings: dict[str, Any]
    curve: tuple[float, ...]
    pruned: bool
    seconds: float

    @property
    def goodness(self) -> float:
        """Its best epoch's Recall@20 + MRR@20 on the validation sessions."""
        return max(self.curve)


@dataclass(frozen=True)
class Tuning:
    """What a search found: all trials in order, the recipe of the best, how much each setting mattered (sum 1)."""

    trials: tuple[TrialRecord, ...]
    best: TrialRecord
    recipe: Recipe
    importances: dict[str, float]


OnTrial = Callable[[int, TrainingProgress], None]


def tune(
    dataset: Dataset,
    recipe: Recipe,
    folder: Path,
    *,
    budget_s: float,
    trials: int | None = None,
    resume: bool = False,
    device: torch.device = PROCESSOR,
    on_progress: OnTrial = lambda _number, _progress: None,
) -> Tuning:
    """Search for a better recipe until the budget is spent or `trials` have ended, and return the best.

    The first trial is the recipe itself. Each is trained and judged as `train` does it before a refit: on the newest
    of the sessions given. The recipe's seed decides the sequence of trials, wherever the search is interrupted; a
    larger budget makes it longer. Raises InvalidRequest when the budget does not suffice for one trial, and what
    `train` raises.
    """
    search = _Search(dataset, recipe, folder, resume, Team(device=device), on_progress)
    return search.go(time.monotonic() + budget_s, trials)


class _OutOfTime(Exception):
    """The budget ended within a trial."""


class _Search:
    """A study, the space it searches, and the trial that runs."""

    def __init__(
        self, dataset: Dataset, recipe: Recipe, folder: Path, resume: bool, team: Team, on_progress: OnTrial
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._dataset = dataset
        self._space = SearchSpace.around(recipe, len(dataset.catalogue))
        self._distributions = {name: _distribution(dial) for name, dial in self._space.dials.items()}
        self._folder = folder
        self._team = team
        self._on_progress = on_progress
        identity = {
            "fingerprint": dataset.fingerprint,
            "sessions": len(dataset.sessions),
            "recipe": recipe.to_toml(),
        }
        self._study = _resumed(folder, identity) if resume else _begun(folder, identity)
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING, TrialState.WAITING)):
            # It will be asked for again, with the same settings, and its run folder goes on.
            self._study.tell(trial.number, state=TrialState.FAIL)

    def go(self, deadline: float, most: int | None) -> Tuning:
        while (most is None or len(self._ended()) < most) and time.monotonic() < deadline:
            try:
                self._next(deadline)
            except _OutOfTime:
                break
        return self._result()

    def _ended(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=_ENDED)

    def _next(self, deadline: float) -> None:
        """Run the next trial to its end, its pruning or the deadline."""
        place = len(self._ended())
        # A sampler of its own for each place in the sequence, so that the sequence does not depend on interruptions.
        self._study.sampler = TPESampler(seed=self._space.recipe.seed * 100_003 + place, n_startup_trials=_UNGUIDED)
        if place == 0:
            self._study.enqueue_trial(self._space.start)
        trial = self._study.ask(self._distributions)
        folder = self._folder / f"trial-{place + 1:04d}"
        try:
            best = self._run(trial, place + 1, folder, deadline)
        except optuna.TrialPruned:
            self._study.tell(trial, state=TrialState.PRUNED)
        except BaseException:
            self._study.tell(trial, state=TrialState.FAIL)
            raise
        else:
            self._study.tell(trial, best)
        shutil.rmtree(folder, ignore_errors=True)

    def _run(self, trial: Trial, number: int, folder: Path, deadline: float) -> float:
        recipe = self._as_chosen(replace(self._space.at(trial.params), refit=False, mixture=False))
        run = RunFolder(folder)
        before = run.load()[0].history if run.is_begun else []
        curve: list[float] = [entry["recall"] + entry["mrr"] for entry in before]
        started = time.monotonic()
        for epoch, goodness in enumerate(curve, 1):
            trial.report(goodness, epoch)

        def watch(progress: TrainingProgress) -> None:
            self._on_progress(number, progress)
            if progress.validation is not None and progress.epoch - 1 > len(curve):
                curve.append(progress.validation.goodness)
                trial.report(curve[-1], len(curve))
                if trial.should_prune():
                    self._note(trial, curve, started)
                    raise optuna.TrialPruned
            if time.monotonic() > deadline:
                raise _OutOfTime

        try:
            trained = train(self._dataset, recipe, folder, resume=run.is_begun, on_progress=watch, team=self._team)
        except NotANumber as error:
            # Rates too high for this data: a bad trial, and no reason to end the search.
            self._note(trial, curve or [0.0], started)
            raise optuna.TrialPruned from error
        if trained.half_lives:
            trial.set_user_attr("half_life", trained.recipe.half_life)
        curve = [record.recall + record.mrr for record in trained.history]
        self._note(trial, curve, started)
        return max(curve)

    def _as_chosen(self, recipe: Recipe) -> Recipe:
        """Return the recipe with the half-life an earlier trial has chosen: it depends on the data, hardly on rates."""
        chosen = [trial.user_attrs["half_life"] for trial in self._ended() if "half_life" in trial.user_attrs]
        if not chosen or not recipe.choose_half_life:
            return recipe
        return replace(recipe, half_life=chosen[0], choose_half_life=False)

    def _note(self, trial: Trial, curve: list[float], started: float) -> None:
        trial.set_user_attr("curve", curve)
        trial.set_user_attr("seconds", time.monotonic() - started)

    def _result(self) -> Tuning:
        ended = self._ended()
        records = tuple(
            TrialRecord(
                number,
                trial.params,
                tuple(trial.user_attrs["curve"]),
                trial.state == TrialState.PRUNED,
                trial.user_attrs["seconds"],
            )
            for number, trial in enumerate(ended, 1)
        )
        finished = [record for record in records if not record.pruned]
        if not finished:
            raise InvalidRequest(
                f"Expected one trial that runs to its end, got none of {len(records)}: time was up, or learning broke. "
                "The same command with --resume goes on; or raise --budget, lower epochs or lower the rates."
            )
        best = max(finished, key=lambda record: record.goodness)
        recipe = self._space.at(best.settings).changed({"name": f"{self._space.recipe.name}-tuned"})
        return Tuning(records, best, recipe, _importances(self._study, len(finished)))


def _begun(folder: Path, identity: dict[str, Any]) -> optuna.Study:
    """Begin a search, forgetting an earlier one in this folder; other files are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob(f"{STUDY_FILE}*"):
        path.unlink()
    for path in folder.glob("trial-*"):
        shutil.rmtree(path)
    study = optuna.create_study(storage=_storage(folder), study_name=_STUDY, direction="maximize", pruner=_pruner())
    study.set_user_attr("identity", identity)
    return study


def _resumed(folder: Path, identity: dict[str, Any]) -> optuna.Study:
    if not (folder / STUDY_FILE).is_file():
        raise NothingToResume(f"Expected an interrupted search in {folder}, found none. Tune without --resume.")
    try:
        study = optuna.load_study(study_name=_STUDY, storage=_storage(folder), pruner=_pruner())
        begun_with = study.user_attrs["identity"]
    except (KeyError, OptunaError, SQLAlchemyError) as error:
        raise NothingToResume(f"{folder / STUDY_FILE} cannot be read as a search. Tune without --resume.") from error
    differing = ", ".join(sorted(name for name in identity if identity[name] != begun_with.get(name)))
    if differing:
        raise NothingToResume(
            f"Expected the data and the recipe of the interrupted search, got another {differing}. "
            "Resume with what it began with, or tune without --resume."
        )
    return study


def _storage(folder: Path) -> str:
    return f"sqlite:///{(folder / STUDY_FILE).resolve()}"


def _pruner() -> MedianPruner:
    return MedianPruner(n_startup_trials=_UNPRUNED, n_warmup_steps=1)


def _distribution(dial: Dial) -> BaseDistribution:
    if isinstance(dial, Choice):
        return CategoricalDistribution(dial.values)
    return FloatDistribution(dial.low, dial.high, log=dial.by_ratio)


def _importances(study: optuna.Study, finished: int) -> dict[str, float]:
    """Return how much each setting mattered (PED-ANOVA: Watanabe et al., IJCAI 2023); nothing can be said of few."""
    if finished < 4:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
