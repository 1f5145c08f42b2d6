"""`segue train`: from a data set to a published checkpoint, with the table that says whether it is worth serving."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.errors import InvalidRequest
from app.settings import Settings

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

    from app.trainer.comparison import Comparison
    from app.trainer.progress import TrainingProgress
    from app.trainer.recipe import Recipe

DeviceOption = Annotated[
    str, typer.Option(metavar="auto|cpu|cuda[:N]", help="Where to learn; auto: on a GPU where there is one.")
]
_COLUMNS = {"recall@1": "R@1", "recall@10": "R@10", "recall@20": "R@20", "mrr@20": "MRR@20", "ndcg@20": "NDCG@20"}


def register(cli: typer.Typer) -> None:
    """Add the command to the command line."""
    cli.command()(train)


def train(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="A data set folder, as `segue import` makes it.")],
    recipe: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="gru, lstm, elman, elman-relu, or a TOML file.")
    ] = "gru",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one setting of the recipe; repeatable."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The same number gives the same network.")] = None,
    test_share: Annotated[
        float, typer.Option(min=0.001, max=0.9, help="The newest sessions, held out to judge the checkpoint by.")
    ] = 0.1,
    store: Annotated[str | None, typer.Option(help="The model store, a folder or a bucket; SEGUE_MODEL_STORE.")] = None,
    run_dir: Annotated[
        Path | None, typer.Option(help="Where the unfinished run is kept; below SEGUE_DATA_DIR by default.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that was interrupted.")] = False,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh/--as-judged",
            help="Learn the held-out sessions too before publishing, or publish the very network they judged.",
        ),
    ] = True,
    may_lose: Annotated[
        float, typer.Option(min=0, max=1, metavar="SHARE", help="Share of the served tracks the data may lack.")
    ] = 0.1,
    promote: Annotated[bool, typer.Option(help="Serve the checkpoint if the gate accepts it.")] = True,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Processor threads to learn with; measured if not given.")
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Train a network, judge it beside the baselines and what serves, publish it, and promote it if it is accepted."""
    from rich.console import Console

    from app.dataset.folder import open_dataset
    from app.rnn.threads import use_threads
    from app.stores.checkpoints import CheckpointStore
    from app.stores.depots import open_depot
    from app.trainer.device import find_device
    from app.trainer.publishing import train_along, train_and_publish
    from app.trainer.team import join_team

    chosen = chosen_recipe(recipe, changes or [], seed)
    settings = Settings()
    opened = open_dataset(dataset)
    run_dir = run_dir or settings.data_dir / "runs" / f"{dataset.resolve().name}-{chosen.name}"
    checkpoints = CheckpointStore(open_depot(settings, store))
    console, errors = Console(highlight=False, markup=False), Console(stderr=True, highlight=False, markup=False)
    learning = find_device(device)
    use_threads(threads)
    with join_team(learning) as team:
        if not team.leads:
            train_along(opened, chosen, run_dir, team, test_share=test_share, resume=resume)
            return
        with _bar(errors) as bar:
            shown = Shown(bar)
            try:
                published = train_and_publish(
                    opened,
                    chosen,
                    checkpoints,
                    run_dir,
                    test_share=test_share,
                    may_lose=may_lose,
                    fresh=fresh,
                    resume=resume,
                    on_progress=shown.progress,
                    on_stage=shown.stage,
                    team=team,
                )
            except KeyboardInterrupt:
                errors.print(f"Interrupted. The same command with --resume goes on from {run_dir}.", soft_wrap=True)
                raise typer.Exit(130) from None
    manifest = published.manifest
    learned = manifest.data["learned_sessions"] == manifest.data["sessions"]
    console.print(_table(published.comparison))
    console.print(f"{manifest.checkpoint_id} {manifest.status}: {published.verdict.reason}", soft_wrap=True)
    if learned:
        console.print("What is published has since learned the sessions that judged it, too.", soft_wrap=True)
    if manifest.accepted and promote:
        checkpoints.promote("stable", manifest.checkpoint_id)
        console.print("Promoted to stable: servers on this store follow within seconds.", soft_wrap=True)


class Shown:
    """Turns the progress of a run into the lines a person watches: the search, the refit, then each later step."""

    def __init__(self, bar: "Progress") -> None:
        self._bar = bar
        self._line = bar.add_task("starting", total=None, figures="")
        self._title = "starting"

    def progress(self, progress: "TrainingProgress") -> None:
        """Show where the training stands."""
        title = "refit" if progress.refit else "training"
        self._enter(title)
        seen = progress.validation
        validation = f" · Recall@20 {seen.recall:.4f} MRR@20 {seen.mrr:.4f}" if seen and not progress.refit else ""
        minutes, seconds = divmod(round(progress.remaining_s), 60)
        self._bar.update(
            self._line,
            total=1.0,
            completed=progress.share,
            figures=(
                f"epoch {progress.epoch}/{progress.epochs} · loss {progress.loss:.4f}{validation} · "
                f"{progress.events_per_s:,.0f} events/s · {minutes}:{seconds:02d} left"
            ),
        )

    def stage(self, title: str) -> None:
        """Show a step whose length is not known."""
        self._enter(title)

    def _enter(self, title: str) -> None:
        if title == self._title:
            return
        self._bar.update(self._line, total=1.0, completed=1.0)
        self._line = self._bar.add_task(title, total=None, figures="")
        self._title = title


def chosen_recipe(name: str, changes: list[str], seed: int | None) -> "Recipe":
    """Return the recipe of a name or file, with the changes of `--set` and the seed, if one is given."""
    from app.trainer.recipe import find_recipe

    found = find_recipe(name).changed(dict(_setting(change) for change in changes))
    return found if seed is None else found.changed({"seed": seed})


def _setting(change: str) -> tuple[str, Any]:
    """Read `key=value`; a value that is no TOML value is taken for text."""
    key, equals, value = change.partition("=")
    if not equals:
        raise InvalidRequest(f"Expected --set KEY=VALUE, got {change!r}. Say for example --set epochs=5.")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def _bar(console: Any) -> "Progress":
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    return Progress(
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=10),
        TextColumn("{task.fields[figures]}", table_column=Column(overflow="fold", ratio=1)),
        console=console,
    )


def _table(comparison: "Comparison") -> "Table":
    from rich.table import Table

    table = Table(caption=f"R: recall. {comparison.model.catalogue_size:,} tracks ranked, ties against the model")
    table.add_column("")
    for title in (*_COLUMNS.values(), "coverage", "targets"):
        table.add_column(title, justify="right")
    for metrics in (comparison.model, *comparison.baselines.values()):
        figures = [f"{metrics.figures[name]:.4f}" for name in _COLUMNS]
        table.add_row(metrics.model, *figures, f"{metrics.coverage:.1%}", f"{metrics.targets:,}")
    return table
