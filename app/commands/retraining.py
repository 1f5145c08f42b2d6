"""One training run, from what was heard to a published checkpoint, in a process of its own.

`carry_out` is what a worker's job calls. What must outlast the process (what is learned, the training's state, the log)
is in the run's folder:

    data/runs/run-20261123T081500Z-5c1d2e/
      dataset/     what is learned, so that whoever goes on learns the same; gone when the run is over
      training/    the state of the training; gone when the run is over
      log.txt      what the run told
      run.json     what came of it

The report is in the checkpoint. Knows nothing of how runs are queued.
"""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from socket import gethostname
from time import time
from typing import TYPE_CHECKING

from app.commands.run_watch import RunWatch
from app.commands.team_run import carry_out_together
from app.domain.training_runs import Learns, RunState, TrainingRun
from app.errors import InvalidRequest, JobsUnavailable, PromotedBefore, SegueError
from app.settings import Settings
from app.stores.checkpoints import CheckpointStore
from app.stores.depots import open_depot
from app.stores.durable_files import replace_file
from app.stores.run_outcomes import ended_with, published_by, told_in
from app.stores.training_runs import TrainingRuns, connect_runs

if TYPE_CHECKING:
    from app.dataset.folder import Dataset
    from app.dataset.merging import Merged
    from app.domain.catalogue import Catalogue
    from app.rnn.manifest import Manifest
    from app.trainer.recipe import Recipe
    from app.trainer.team import Team
    from app.trainer.warm_start import WarmStart

DAY_S = 86_400.0
KEPT_FOLDERS = 20


def carry_out(run_id: str) -> None:
    """Carry out a run that is queued; one that another has, or that is over, is left alone."""
    settings = Settings()
    runs = opened_runs(settings)
    if settings.training_torchrun is None or runs.get(run_id).ask.dry_run:
        carry_out_here(settings, runs, run_id)
    else:
        carry_out_together(settings, runs, run_id)


def opened_runs(settings: Settings) -> TrainingRuns:
    """Return the runs that the settings name; raise JobsUnavailable where they name none."""
    if settings.jobs_url is None:
        raise JobsUnavailable("Expected a Redis for training runs, found none. Name one in SEGUE_JOBS_REDIS_URL.")
    return TrainingRuns(connect_runs(settings.jobs_url, settings.redis_timeout_s))


def carry_out_here(settings: Settings, runs: TrainingRuns, run_id: str, team: "Team | None" = None) -> None:
    """Carry out a run in this process; where it leads a team, the others learn along."""
    carrier = f"{gethostname()}:{os.getpid()}:{token_hex(4)}"
    run = runs.change(run_id, lambda found: found.begun(carrier, time()))
    if run.is_with(carrier):
        folder = settings.data_dir / "runs" / run_id
        folder.mkdir(parents=True, exist_ok=True)
        with RunWatch(runs, run, folder / "log.txt") as watch:
            outcome = _outcome(Retraining(settings, run, folder, watch, team), watch)
            replace_file(folder / "run.json", outcome.to_json())
            watch.end(outcome)
        _clear(folder)


def _outcome(retraining: "Retraining", watch: RunWatch) -> TrainingRun:
    """Carry a run out and return what came of it; whatever goes wrong is an outcome, too."""
    try:
        return retraining.carry_out()
    except SegueError as refusal:
        error = str(refusal)
    except ImportError as missing:
        error = f"{missing}. A worker needs all that training needs: pip install 'segue[train]'."
    except Exception as mistake:
        # Ours to mend. The run must not be tried again and again, and who asked for it must not wait for ever.
        watch.trace()
        error = f"{type(mistake).__name__}: this is a bug. The run's log has the rest."
    watch.note(f"failed: {error}")
    return watch.run.ended(RunState.FAILED, time(), error=error)


class Retraining:
    """What one run does."""

    def __init__(
        self, settings: Settings, run: TrainingRun, folder: Path, watch: RunWatch, team: "Team | None" = None
    ) -> None:
        self._settings = settings
        self._run = run
        self._folder = folder
        self._watch = watch
        self._team = team
        self._store = CheckpointStore(open_depot(settings))

    def carry_out(self) -> TrainingRun:
        """Return the run with what came of it."""
        from app.rnn.threads import use_threads

        use_threads(self._settings.training_threads)
        ask = self._run.ask
        recipe = find_own_recipe(self._settings.data_dir / "recipes", ask.recipe)
        if ask.base is not None:
            self._store.manifest(ask.base)  # gone is better found out now than after an hour of reading
        dataset = self._dataset()
        if ask.dry_run:
            return self._watch.run.ended(RunState.FINISHED, time())
        manifest = self._published_before() or self._train(dataset, recipe)
        if ask.promote and manifest.accepted:
            self._promote(manifest.checkpoint_id)
        return ended_with(self._watch.run, manifest, time())

    def _promote(self, checkpoint_id: str) -> None:
        try:
            self._store.promote_by_run(checkpoint_id, self._run.run_id)
        except PromotedBefore:
            self._watch.note(f"{checkpoint_id} was promoted before; where the label is now is left as it is")
        else:
            self._watch.note(f"{checkpoint_id} is promoted to stable")

    def _dataset(self) -> "Dataset":
        """Return what is learned; an attempt that goes on learns what the one before did."""
        from app.dataset.folder import open_dataset, write_dataset

        place = self._folder / "dataset"
        if place.is_dir() and self._run.attempts > 1:
            self._watch.note(f"attempt {self._run.attempts}: going on with what was read before")
            return open_dataset(place)
        merged = self._merged()
        dataset = merged.dataset
        learns = Learns(
            len(dataset.sessions),
            len(dataset.sessions.tracks),
            len(dataset.catalogue),
            merged.logged_sessions,
            merged.logged_events,
            merged.unknown_tracks,
        )
        self._watch.change(lambda run: replace(run, learns=learns))
        self._watch.note(
            f"{learns.sessions:,} sessions of {learns.events:,} events over {learns.tracks:,} tracks; of them "
            f"{learns.logged_sessions:,} sessions of {learns.logged_events:,} events were logged; "
            f"{learns.unknown_tracks:,} tracks of the log are in no catalogue and left out"
        )
        if not self._run.ask.dry_run:
            write_dataset(place, dataset.catalogue, dataset.sessions, dataset.summary)
        return dataset

    def _merged(self) -> "Merged":
        from app.commands.listened import heard, imported
        from app.dataset.merging import merge

        ask, settings = self._run.ask, self._settings
        datasets = imported(settings.data_dir, ask.data or settings.training_data)
        self._watch.stage("reading what was heard")
        with heard(settings, self._run.requested_at, self._folder) as logged:
            since = None if ask.window_days is None else self._run.requested_at - ask.window_days * DAY_S
            return merge(self._known(), datasets, logged, since=since)

    def _known(self) -> "Catalogue | None":
        """Return the catalogue of the checkpoint the run begins with, else of what serves: what may be suggested."""
        from app.rnn.checkpoint_catalogue import read_checkpoint_catalogue

        name = self._run.ask.base or self._store.labels().stable
        if name is None:
            return None
        return read_checkpoint_catalogue(self._store.folder(name), self._store.manifest(name))

    def _published_before(self) -> "Manifest | None":
        """Return what an earlier attempt published before it was killed, if one came so far."""
        manifest = published_by(self._store, self._run) if self._run.attempts > 1 else None
        if manifest is not None:
            self._watch.note(f"{manifest.checkpoint_id} was published before")
        return manifest

    def _train(self, dataset: "Dataset", recipe: "Recipe") -> "Manifest":
        from app.trainer.device import find_device
        from app.trainer.publishing import train_and_publish
        from app.trainer.runs import RunFolder
        from app.trainer.team import Team

        self._watch.stage("training")
        team = self._team or Team(device=find_device(self._settings.training_device))
        if team.size > 1:
            self._watch.note(f"{team.size} processes learn together")
        place = self._folder / "training"
        resume = team.from_lead(lambda: RunFolder(place).is_begun)  # the others wait for this word
        published = train_and_publish(
            dataset,
            recipe,
            self._store,
            place,
            fresh=True,
            resume=resume,
            on_progress=self._watch.training,
            on_stage=self._watch.stage,
            team=team,
            warm=warm_start(self._store, self._run.ask.base),
            told=told_in(self._run),
        )
        manifest = published.manifest
        self._watch.note(f"{manifest.checkpoint_id} {manifest.status}: {manifest.reason}")
        return manifest


def warm_start(store: CheckpointStore, base: str | None) -> "WarmStart | None":
    """Return the network that a run begins with, if it does not begin anew."""
    from app.trainer.incumbent import learned_until
    from app.trainer.warm_start import WarmStart

    if base is None:
        return None
    predictor = store.load(base)
    until = learned_until(store.manifest(predictor.checkpoint_id))
    return WarmStart(predictor.checkpoint_id, predictor.network, predictor.catalogue, until)


def find_own_recipe(folder: Path, name: str) -> "Recipe":
    """Return the operator's recipe of a name, else the one that ships; raise InvalidRequest where there is neither."""
    from app.trainer.recipe import find_recipe, recipe_names

    own = folder / f"{name}.toml"
    if own.is_file():
        return find_recipe(str(own)).changed({"name": name})
    if name in recipe_names():
        return find_recipe(name)
    raise InvalidRequest(
        f"Expected a recipe that ships ({', '.join(recipe_names())}) or one in {folder}, got {name!r}. Write it to "
        f"{own}, or name another."
    )


def _clear(folder: Path) -> None:
    """Remove what the run no longer needs, and the oldest runs' folders."""
    for name in ("dataset", "training"):
        shutil.rmtree(folder / name, ignore_errors=True)
    runs = sorted(other for other in folder.parent.glob("run-*") if other.is_dir())
    for old in runs[:-KEPT_FOLDERS]:
        shutil.rmtree(old, ignore_errors=True)
