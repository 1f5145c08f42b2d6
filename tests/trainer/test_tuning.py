"""The search for a recipe: better than where it began, the same for the same seed, and lost to nothing."""

import io
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
import torch
from PIL import Image

from app.errors import InvalidRequest, NothingToResume
from app.trainer.plots import png
from app.trainer.progress import TrainingProgress
from app.trainer.recipe import Recipe
from app.trainer.tuning import STUDY_FILE, TrialRecord, Tuning, tune
from app.trainer.tuning_plots import tuning_history
from tests.listening import ring
from tests.trainer.killing import killed_once_there

V = 30
# Too slow a start, so that there is something to find.
SLOW = Recipe(
    name="slow", hidden_size=8, embedding_size=8, batch_events=128, epochs=3, patience=3,
    learning_rate=0.002, table_learning_rate=0.02, seed=5, refit=True,
)  # fmt: skip
LONG_S = 600.0
RING = ring(V, 120, 8, noise=0.2)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Tuning:
    """A search that nothing interrupted."""
    return tune(RING, SLOW, tmp_path_factory.mktemp("search"), budget_s=LONG_S, trials=10)


def timeless(trials: tuple[TrialRecord, ...]) -> list[TrialRecord]:
    return [replace(trial, seconds=0.0) for trial in trials]


def test_the_best_recipe_is_better_than_the_first_and_says_what_it_is(found: Tuning) -> None:
    assert len(found.trials) == 10
    assert found.trials[0].settings["learning_rate"] == SLOW.learning_rate
    assert found.best.goodness > found.trials[0].goodness
    assert found.best.goodness == max(trial.goodness for trial in found.trials if not trial.pruned)
    assert Recipe.from_toml(found.recipe.to_toml(), "best.toml") == found.recipe
    assert found.recipe.name == "slow-tuned"
    assert found.recipe.refit, "what the search leaves out, the recipe keeps"


def test_bad_trials_are_ended_early_and_never_the_best(found: Tuning) -> None:
    pruned = [trial for trial in found.trials if trial.pruned]
    assert pruned
    assert all(len(trial.curve) < SLOW.epochs for trial in pruned)
    assert not found.best.pruned


def test_importances_are_shares(found: Tuning) -> None:
    assert set(found.importances) == set(found.best.settings)
    assert sum(found.importances.values()) == pytest.approx(1.0)


class Killed(Exception):
    """Stands in the tests for whatever ends a search."""


def test_an_interrupted_search_goes_through_the_same_trials(found: Tuning, tmp_path: Path) -> None:
    """Ended in the middle of its second trial and of its fourth."""

    def interrupt_at(number: int, epoch: int) -> None:
        def watch(trial: int, progress: TrainingProgress) -> None:
            if (trial, progress.epoch) == (number, epoch):
                raise Killed

        with pytest.raises(Killed):
            tune(RING, SLOW, tmp_path, budget_s=LONG_S, trials=5, resume=number > 2, on_progress=watch)

    interrupt_at(2, 2)
    interrupt_at(4, 1)
    seen: list[tuple[int, int]] = []
    resumed = tune(
        RING, SLOW, tmp_path, budget_s=LONG_S, trials=5, resume=True,
        on_progress=lambda trial, progress: seen.append((trial, progress.epoch)),
    )  # fmt: skip
    assert timeless(resumed.trials) == timeless(found.trials[:5])
    assert seen[0][0] == 4
    assert not list(tmp_path.glob("trial-*"))


def _search_slowly(folder: Path) -> None:
    torch.set_num_threads(1)
    tune(RING, SLOW, folder, budget_s=LONG_S)


def test_a_killed_search_goes_on(found: Tuning, tmp_path: Path) -> None:
    """SIGKILL in the middle, whatever it was writing."""
    killed_once_there(_search_slowly, tmp_path, "trial-0002")
    trials: set[int] = set()
    resumed = tune(
        RING, SLOW, tmp_path, budget_s=LONG_S, trials=3, resume=True,
        on_progress=lambda trial, _: trials.add(trial),
    )  # fmt: skip
    assert min(trials, default=4) > 1
    assert timeless(resumed.trials)[:3] == timeless(found.trials[:3])


def test_a_budget_too_short_for_one_trial_says_so_and_can_go_on(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="one trial that runs to its end"):
        tune(RING, SLOW, tmp_path, budget_s=1e-3)
    assert len(tune(RING, SLOW, tmp_path, budget_s=LONG_S, trials=1, resume=True).trials) == 1


def test_resuming_another_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NothingToResume, match="found none"):
        tune(RING, SLOW, tmp_path, budget_s=1, resume=True)
    tune(RING, SLOW, tmp_path, budget_s=LONG_S, trials=1)
    with pytest.raises(NothingToResume, match="another recipe"):
        tune(RING, replace(SLOW, epochs=4), tmp_path, budget_s=1, resume=True)
    with pytest.raises(NothingToResume, match="another fingerprint"):
        tune(replace(RING, fingerprint="0" * 64), SLOW, tmp_path, budget_s=1, resume=True)
    (tmp_path / STUDY_FILE).write_bytes(b"not a database")
    with pytest.raises(NothingToResume, match="cannot be read"):
        tune(RING, SLOW, tmp_path, budget_s=1, resume=True)


def test_the_picture_shows_a_long_search_and_one_of_a_single_trial(found: Tuning) -> None:
    alone = replace(found, trials=found.trials[:1], best=found.trials[0], importances={})
    for tuning in (found, alone):
        with Image.open(io.BytesIO(png(tuning_history(tuning)))) as picture:
            assert picture.width > 1000
            assert len(picture.convert("RGB").getcolors(1 << 24) or ()) > 50


def test_rates_at_which_learning_breaks_are_a_bad_trial_and_no_more(tmp_path: Path) -> None:
    broken = replace(
        SLOW, rnn_kind="elman", activation="relu", embedding_size=0, epochs=2,
        table_learning_rate=1e36, learning_rate=1e29,
    )  # fmt: skip
    with pytest.raises(InvalidRequest, match="one trial that runs to its end"):
        tune(RING, broken, tmp_path, budget_s=LONG_S, trials=2)


def test_a_half_life_is_chosen_by_the_first_trial_for_all(tmp_path: Path) -> None:
    """What is found may be trained on other listening, so it goes on choosing for itself."""
    recipe = replace(SLOW, choose_half_life=True, epochs=1)
    found = tune(ring(V, 320, 8, noise=0.2), recipe, tmp_path, budget_s=LONG_S, trials=2)
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{tmp_path / STUDY_FILE}")
    assert ["half_life" in trial.user_attrs for trial in study.trials] == [True, False]
    assert found.recipe.choose_half_life
