"""`segue tune`: searches for the recipe that fits a data set, and ends with a file for `segue train --recipe`."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.training import DeviceOption
from app.errors import InvalidRequest
from app.settings import Settings

if TYPE_CHECKING:
    from rich.table import Table

    from app.trainer.progress import TrainingProgress
    from app.trainer.tuning import Tuning

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}
_SHOWN = 4  # beside the names of settings in 80 columns, with the first trial


def register(cli: typer.Typer) -> None:
    """Add the command to the command line."""
    cli.command()(tune)


def tune(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="A data set folder, as `segue import` makes it.")],
    budget: Annotated[str, typer.Option(metavar="TIME", help="How long to search: 90s, 30m, 2h.")] = "30m",
    trials: Annotated[int | None, typer.Option(min=1, help="Stop after so many trials; else when time is up.")] = None,
    recipe: Annotated[str, typer.Option(metavar="NAME|FILE", help="The recipe to search around.")] = "gru",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one setting of the recipe first; repeatable."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The same number gives the same trials.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write the best recipe; in the run folder by default.")
    ] = None,
    test_share: Annotated[
        float,
        typer.Option(min=0.001, max=0.9, help="The newest sessions, as `segue train` holds them out: never used."),
    ] = 0.1,
    run_dir: Annotated[
        Path | None, typer.Option(help="Where the search is kept; below SEGUE_DATA_DIR by default.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the search that was interrupted.")] = False,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Processor threads to learn with; measured if not given.")
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Try recipes near one, end the bad ones early, and write the best as a file for `segue train --recipe`.

    Recipes are judged as `segue train` judges epochs, on validation sessions; the sessions it tests on are not read.
    """
    from dataclasses import replace

    from rich.console import Console

    from app.commands.training import chosen_recipe
    from app.dataset.folder import open_dataset
    from app.rnn.threads import use_threads
    from app.trainer.device import find_device

    budget_s = _seconds(budget)
    chosen = chosen_recipe(recipe, changes or [], seed)
    learning = find_device(device)
    opened = open_dataset(dataset)
    folder = run_dir or Settings().data_dir / "runs" / f"{dataset.resolve().name}-{chosen.name}-tuning"
    out = out or folder / "best.toml"
    if not out.resolve().parent.is_dir() and out.parent != folder:
        raise InvalidRequest(f"Expected a folder at {out.parent} to write the recipe into, found none.")
    try:
        from app.trainer.plots import png
        from app.trainer.tuning import tune as search
        from app.trainer.tuning_plots import tuning_history
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        raise InvalidRequest("Expected optuna to search with, found none. Say pip install 'segue[tune]'.") from error
    console, errors = Console(highlight=False, markup=False), Console(stderr=True, highlight=False, markup=False)
    use_threads(threads)
    try:
        with errors.status("reading") as status:
            found = search(
                replace(opened, sessions=opened.sessions.split(test_share)[0]),
                chosen,
                folder,
                budget_s=budget_s,
                trials=trials,
                resume=resume,
                device=learning,
                on_progress=lambda number, progress: status.update(_line(number, progress)),
            )
    except KeyboardInterrupt:
        errors.print(f"Interrupted. The same command with --resume goes on from {folder}.", soft_wrap=True)
        raise typer.Exit(130) from None
    picture = folder / "tuning.png"
    picture.write_bytes(png(tuning_history(found)))
    out.write_text(_page(found), encoding="utf-8")
    console.print(_table(found))
    console.print(f"The best recipe: {out}. Train it with segue train {dataset} --recipe {out}", soft_wrap=True)
    console.print(f"The picture of the search: {picture}", soft_wrap=True)


def _seconds(text: str) -> float:
    """Read a length of time such as 90s, 30m or 2h."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", text.strip().lower())
    if match is None or float(match[1]) <= 0:
        raise InvalidRequest(f"Expected a time such as 90s, 30m or 2h as --budget, got {text!r}.")
    return float(match[1]) * _UNITS_S[match[2]]


def _line(number: int, progress: "TrainingProgress") -> str:
    seen = progress.validation
    goodness = f" · Recall@20 {seen.recall:.4f} MRR@20 {seen.mrr:.4f}" if seen else ""
    return (
        f"trial {number} · epoch {progress.epoch}/{progress.epochs} · {progress.events_per_s:,.0f} events/s{goodness}"
    )


def _page(found: "Tuning") -> str:
    """Return the recipe as TOML with a line on where it comes from."""
    first = found.trials[0].goodness
    return (
        f"# Found by segue tune: the best of {len(found.trials)} trials, with Recall@20 + MRR@20 of "
        f"{found.best.goodness:.4f} on validation,\n# where the recipe it began with has {first:.4f}.\n"
        f"{found.recipe.to_toml()}"
    )


def _table(found: "Tuning") -> "Table":
    """Return the best trials, and the first, side by side, with their settings below each other."""
    from rich.table import Table

    ranked = sorted(found.trials, key=lambda trial: (trial.pruned, -trial.goodness))[:_SHOWN]
    if found.trials[0] not in ranked:
        ranked.append(found.trials[0])
    pruned = sum(trial.pruned for trial in found.trials)
    table = Table(caption=f"{len(found.trials)} trials, {pruned} of them ended early; trial 1 is the recipe itself")
    table.add_column("trial")
    for trial in ranked:
        table.add_column(f"{trial.number}{' *' if trial is found.best else ''}", justify="right")
    table.add_row("R+MRR@20", *(f"{trial.goodness:.4f}{' …' if trial.pruned else ''}" for trial in ranked))
    table.add_row("epochs", *(str(len(trial.curve)) for trial in ranked))
    table.add_row("seconds", *(f"{trial.seconds:.0f}" for trial in ranked))
    for name in found.best.settings:
        table.add_row(name.replace("_", " "), *(_setting(trial.settings[name]) for trial in ranked))
    return table


def _setting(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
