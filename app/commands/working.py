"""`segue worker`, `segue retrain` and `segue runs`: carry out training runs, ask for them, look at them."""

import os
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.terminal import print_json
from app.settings import Settings

if TYPE_CHECKING:
    from app.domain.training_runs import TrainingRun
    from app.serving.training_runs import Training

runs = typer.Typer(help="Training runs that were asked for.", no_args_is_help=True)

LOOK_S = 0.5
RunId = Annotated[str, typer.Argument(metavar="RUN")]


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.command()(worker)
    cli.command()(retrain)
    cli.add_typer(runs, name="runs")


def worker() -> None:
    """Carry out training runs, one after the other, until told to end. The service on its own store starts one itself.

    Begins those of the schedule, too (SEGUE_TRAINING_CRON, SEGUE_TRAINING_EVERY_EVENTS). Told to end, it ends at once:
    what it works on goes on at the next worker from what it kept.
    """
    from app.domain.training_runs import TrainingAsk
    from app.formats.event_log import days_of
    from app.serving.training_schedule import TrainingSchedule
    from app.serving.training_upkeep import TrainingUpkeep
    from app.stores.training_runs import connect_runs
    from app.telemetry import configure_logging

    settings = with_jobs(Settings())
    configure_logging(settings.log_format, settings.log_level)
    # The processes that learn inherit all of it; the libraries below torch read theirs when they are loaded.
    os.environ.update(settings.to_environment())
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(settings.training_threads)
    give_way(settings.training_niceness)
    training = opened(settings)
    records, jobs = training.behind
    schedule = TrainingSchedule(
        records,
        cron=settings.training_cron,
        every_events=settings.training_every_events,
        counted=lambda: sum(day.rows for day in days_of(settings.events_folder)),
    )
    ask = TrainingAsk(
        recipe=settings.training_recipe,
        window_days=settings.training_window_days,
        base=settings.training_base,
        promote=settings.training_promote,
    )
    ending = threading.Event()
    upkeep = TrainingUpkeep(records, jobs, training, schedule, ask)
    tending = threading.Thread(target=upkeep.keep_on, args=(ending,), name="segue-training-upkeep", daemon=True)
    tending.start()
    try:
        jobs.work(connect_runs(str(settings.jobs_url), settings.redis_timeout_s))
    finally:
        ending.set()
        tending.join(LOOK_S)


def retrain(
    recipe: Annotated[
        str, typer.Option(metavar="NAME", help="One that ships, or `recipes/NAME.toml` in SEGUE_DATA_DIR.")
    ] = "gru",
    data: Annotated[
        str | None, typer.Option(metavar="NAME", help="Data set in SEGUE_DATA_DIR; SEGUE_TRAINING_DATA.")
    ] = None,
    window_days: Annotated[float | None, typer.Option(min=0.001, help="Leave out what is older.")] = None,
    base: Annotated[
        str | None, typer.Option(metavar="CHECKPOINT", help="Begin with its network: an id, part of one, or a label.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be learned from.")] = False,
    promote: Annotated[bool, typer.Option("--promote", help="Serve the checkpoint if the gate accepts it.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look on until the run is over.")] = False,
) -> None:
    """Ask for a training run on what was heard: what POST /v1/admin/training-runs does.

    Through SEGUE_JOBS_REDIS_URL, else SEGUE_REDIS_URL, else the store of the service that runs on SEGUE_DATA_DIR. With
    --watch it ends with 1 where the run does not end well.
    """
    from app.domain.training_runs import TrainingAsk

    training = opened(with_jobs(Settings()))
    run = training.begin_now(TrainingAsk(recipe, data, window_days, base, dry_run, promote), by="command line")
    typer.echo(run.run_id)
    if watch:
        _watch(training, run.run_id)


@runs.command("list")
def list_runs() -> None:
    """List the runs of the last three months, newest first."""
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for name in ("run", "state", "recipe", "asked by", "checkpoint"):
        table.add_column(name, overflow="fold")
    training = opened(with_jobs(Settings()))
    for run in training.behind[0].newest():
        table.add_row(run.run_id, run.state.value, run.ask.recipe, run.asked_by, run.checkpoint_id or "")
    Console().print(table)


@runs.command()
def show(run_id: RunId) -> None:
    """Show how far a run is and what came of it, as JSON."""
    print_json(asdict(opened(with_jobs(Settings())).behind[0].get(run_id)))


@runs.command()
def log(run_id: RunId) -> None:
    """Print what a run has told."""
    for line in opened(with_jobs(Settings())).behind[0].log(run_id):
        typer.echo(line)


@runs.command()
def watch(run_id: RunId) -> None:
    """Look on until a run is over; end with 1 where it does not end well."""
    _watch(opened(with_jobs(Settings())), run_id)


@runs.command()
def cancel(run_id: RunId) -> None:
    """End a run that is queued or running."""
    typer.echo(opened(with_jobs(Settings())).cancel_now(run_id).state.value)


def give_way(niceness: int) -> None:
    """Let everything else on the machine go first, for this process and those it starts.

    Where Linux schedules each session of processes as one (autogroup, sched(7)), niceness counts within the session
    only: one that is all ours, as the service starts it, is told to give way as a whole.
    """
    os.nice(niceness)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # another system, or a kernel without
            Path("/proc/self/autogroup").write_text(str(niceness))


def with_jobs(settings: Settings) -> Settings:
    """Return the settings with the Redis of the runs named: that of the service on the data folder, if none is."""
    from app.stores.embedded import running_server

    if settings.jobs_url is not None or settings.redis_url is not None:
        return settings
    return settings.model_copy(update={"jobs_redis_url": running_server(settings.data_dir)})


def opened(settings: Settings) -> "Training":
    """Return the runs that go through the settings' Redis."""
    from app.serving.training_runs import Training
    from app.stores.checkpoints import CheckpointStore
    from app.stores.depots import open_depot

    return Training.over(CheckpointStore(open_depot(settings)), settings)


def _watch(training: "Training", run_id: str) -> None:
    """Print every line of a run's log as it comes, and at the end what came of it."""
    from app.domain.training_runs import RunState

    records, told = training.behind[0], 0
    over = False
    while not over:
        run = records.get(run_id)
        over = run.state.is_over
        lines = records.log(run_id)
        for line in lines[told:]:
            typer.echo(line)
        told = len(lines)
        if not over:
            sleep(LOOK_S)
    typer.echo(_outcome(run))
    if run.state not in (RunState.PUBLISHED, RunState.FINISHED):
        raise typer.Exit(1)


def _outcome(run: "TrainingRun") -> str:
    reason = run.error or (" ".join(run.verdict.reasons) if run.verdict else "")
    return " ".join(part for part in (run.state.value, run.checkpoint_id or "", reason) if part)
