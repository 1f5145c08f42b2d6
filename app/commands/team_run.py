"""A training run that several processes carry out together, as `torchrun` starts them: `-m app.commands.team_run RUN`.

One leads: it carries the run out as a worker's process would alone. The others learn along, from the data set that it
has written to the run's folder. Knows nothing of how runs are queued.
"""

import os
import shlex
import subprocess
import sys
from time import time
from typing import TYPE_CHECKING

from app.domain.training_runs import RunState, TrainingRun
from app.errors import TrainingError
from app.settings import Settings
from app.stores import tethered
from app.stores.training_runs import TrainingRuns

if TYPE_CHECKING:
    from app.trainer.team import Team


def carry_out_together(settings: Settings, runs: TrainingRuns, run_id: str) -> None:
    """Start a run's processes on this machine and wait until they have ended; tell it where they never began."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", *shlex.split(settings.training_torchrun or "")]
    command = [*torchrun, "-m", "app.commands.team_run", run_id]
    # Ends with this process, and those that learn when they miss it.
    ended = subprocess.run([sys.executable, "-I", "-S", tethered.__file__, str(os.getpid()), *command], check=False)

    def told(found: TrainingRun) -> TrainingRun:
        if found.state is not RunState.QUEUED:
            return found
        error = f"torchrun ended with {ended.returncode} before the run began: look at SEGUE_TRAINING_TORCHRUN."
        return found.ended(RunState.FAILED, time(), error=error)

    runs.change(run_id, told)


def learn_along(settings: Settings, runs: TrainingRuns, run_id: str, team: "Team") -> None:
    """Do the part of a process that does not lead, once the leading one has come to learning."""
    from app.commands.retraining import find_own_recipe, warm_start
    from app.dataset.folder import open_dataset
    from app.rnn.threads import use_threads
    from app.stores.checkpoints import CheckpointStore
    from app.stores.depots import open_depot
    from app.trainer.publishing import train_along

    use_threads(settings.training_threads)
    resume = team.from_lead(lambda: False)  # the leading process tells
    ask, folder = runs.get(run_id).ask, settings.data_dir / "runs" / run_id
    recipe = find_own_recipe(settings.data_dir / "recipes", ask.recipe)
    warm = warm_start(CheckpointStore(open_depot(settings)), ask.base)
    train_along(open_dataset(folder / "dataset"), recipe, folder / "training", team, resume=resume, warm=warm)


def main(run_id: str) -> None:
    """Be one of the processes of a run."""
    from app.commands.retraining import carry_out_here, opened_runs
    from app.trainer.device import find_device
    from app.trainer.team import join_team

    settings = Settings()
    runs = opened_runs(settings)
    with join_team(find_device(settings.training_device)) as team:
        if team.leads:
            carry_out_here(settings, runs, run_id, team)
            return
        try:
            learn_along(settings, runs, run_id, team)
        except TrainingError as lost:
            # The leading process has nothing to learn, or is gone; the run says which.
            print(lost, file=sys.stderr)  # noqa: T201 - there is nobody else to tell


if __name__ == "__main__":
    main(sys.argv[1])
