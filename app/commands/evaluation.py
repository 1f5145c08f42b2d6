"""`segue evaluate`: how well a checkpoint foresees any listening, beside the baselines if asked."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.errors import InvalidDataset, InvalidRequest
from app.settings import Settings

if TYPE_CHECKING:
    from rich.table import Table

    from app.dataset.folder import Dataset
    from app.domain.catalogue import Catalogue
    from app.trainer.evaluation import Metrics
    from app.trainer.translation import Translated


def register(cli: typer.Typer) -> None:
    """Add the command to the command line."""
    cli.command()(evaluate)


def evaluate(
    checkpoint: Annotated[
        str, typer.Argument(metavar="CHECKPOINT", help="A checkpoint id, its beginning, or a label.")
    ],
    sessions: Annotated[Path, typer.Option(metavar="FILE", help="What `segue import` reads, or a data set folder.")],
    newest: Annotated[
        float, typer.Option(min=0.0, max=1.0, metavar="SHARE", help="Judge on the newest share of the sessions only.")
    ] = 1.0,
    baselines: Annotated[
        Path | None, typer.Option(metavar="DATASET", help="Show baselines beside it, fitted on this data set.")
    ] = None,
    seen_only: Annotated[
        bool, typer.Option(help="Leave out targets that the baselines' data set does not hold.")
    ] = False,
    store: Annotated[str | None, typer.Option(help="The model store, a folder or a bucket; SEGUE_MODEL_STORE.")] = None,
    json_out: Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write the figures here too.")] = None,
) -> None:
    """Rank every track of every session but its first, given those before it, and print how often that was right.

    Where the sessions and the baselines come from the same data set, the baselines are fitted on the sessions that
    --newest leaves over.
    """
    from rich.console import Console

    from app.stores.checkpoints import CheckpointStore
    from app.stores.depots import open_depot
    from app.trainer.comparison import judge_baselines
    from app.trainer.evaluation import evaluate as judge
    from app.trainer.judged_network import JudgedNetwork
    from app.trainer.targets import play_counts
    from app.trainer.translation import translate

    if seen_only and baselines is None:
        raise InvalidRequest("Expected --baselines DATASET with --seen-only, to know which tracks count as seen.")
    if json_out is not None and not json_out.resolve().parent.is_dir():
        raise InvalidRequest(f"Expected a folder at {json_out.parent} to write the figures into, found none.")
    checkpoints = CheckpointStore(open_depot(Settings(), store))
    manifest = checkpoints.manifest(checkpoint)
    test = _opened(sessions)
    training = None if baselines is None else _opened(baselines)
    predictor = checkpoints.load(manifest.checkpoint_id)
    older, judged_on = test.sessions.split(newest)
    asked = translate(judged_on, test.catalogue, predictor.catalogue)
    if asked.unknown_events == asked.events:
        raise InvalidDataset(
            f"Expected tracks of the checkpoint's catalogue in {sessions}, found none among {asked.tracks:,}. "
            "Judge on listening that shares its track ids, or its artists and titles."
        )
    fitted_on = None
    if training is not None:
        same = training.fingerprint == test.fingerprint
        fitted_on = translate(older if same else training.sessions, training.catalogue, predictor.catalogue).sessions
        if not len(fitted_on):
            raise InvalidDataset(
                "Expected sessions to fit the baselines on, none are left: they are all judged. Say --newest 0.1."
                if same
                else f"Expected tracks of the checkpoint's catalogue in {baselines}, found none. Use other data."
            )
    console, progress = Console(markup=False, highlight=False), Console(stderr=True)
    size = len(predictor.catalogue)
    support = None if fitted_on is None else play_counts(fitted_on, size)
    with progress.status("judging the checkpoint") as status:
        network = JudgedNetwork(predictor.network, manifest.checkpoint_id, mixture=predictor.mixture)
        metrics = [judge(network, asked.sessions, support=support, seen_only=seen_only)]
        if fitted_on is not None:
            beside = judge_baselines(
                fitted_on,
                asked.sessions,
                size,
                seen_only=seen_only,
                on_judging=lambda name: status.update(f"judging {name}"),
            )
            metrics += beside.values()
    console.print(_table(metrics))
    console.print(_account(asked, predictor.catalogue), soft_wrap=True)
    if manifest.data.get("fingerprint") == test.fingerprint:
        if manifest.data.get("learned_sessions") == len(test.sessions):
            console.print(
                "The checkpoint has learned all sessions of this data set: the figures flatter it. What it was judged "
                "by before is in `segue models show`; `segue train --as-judged` leaves the newest sessions out.",
                soft_wrap=True,
            )
        elif newest == 1.0:
            console.print(
                "The checkpoint learned from these sessions: the figures flatter it. Judge on --newest 0.1.",
                soft_wrap=True,
            )
    if json_out is not None:
        _write(json_out, manifest.checkpoint_id, asked, metrics)


def _opened(source: Path) -> "Dataset":
    """Open a data set folder, or import a file as it is."""
    from app.dataset.folder import MANIFEST_FILE, open_dataset
    from app.dataset.importing import ImportSettings, import_sources

    if (source / MANIFEST_FILE).is_file():
        return open_dataset(source)
    with tempfile.TemporaryDirectory() as folder:
        return import_sources([str(source)], Path(folder) / "sessions", ImportSettings()).dataset


def _table(metrics: "list[Metrics]") -> "Table":
    """Return the figures, models across; intervals for the deciding depth."""
    from rich.table import Table

    from app.trainer.metrics import CUTOFFS, HEADLINE

    table = Table(caption=f"95 % intervals over sessions; {metrics[0].catalogue_size:,} tracks ranked, ties against")
    table.add_column("")
    for each in metrics:
        table.add_column(each.model, justify="right")
    for word, shown in (("recall", "Recall"), ("mrr", "MRR"), ("ndcg", "NDCG")):
        for k in CUTOFFS:
            name = f"{word}@{k}"
            table.add_row(
                f"{shown}@{k}",
                *(_figure(each, name, with_interval=k == HEADLINE) for each in metrics),
                end_section=k == CUTOFFS[-1],
            )
    table.add_row(f"Coverage@{HEADLINE}", *(f"{each.coverage:.2%}" for each in metrics))
    if metrics[0].popularity_ratio is not None:
        table.add_row(f"Popularity@{HEADLINE}", *(f"{each.popularity_ratio or 0:.2f}x" for each in metrics))
    table.add_row("Log-loss", *("" if each.log_loss is None else f"{each.log_loss:.4f}" for each in metrics))
    for depth in metrics[0].reliabilities:
        errors = (each.reliabilities.get(depth) for each in metrics)
        table.add_row(f"Calibration error@{depth}", *("" if each is None else f"{each.error:.4f}" for each in errors))
    table.add_row("Targets", *(f"{each.targets:,}" for each in metrics))
    return table


def _figure(metrics: "Metrics", name: str, *, with_interval: bool) -> str:
    text = f"{metrics.figures[name]:.4f}"
    interval = metrics.intervals[name]
    return f"{text}\n{interval.low:.4f}-{interval.high:.4f}" if with_interval else text


def _account(asked: "Translated", catalogue: "Catalogue") -> str:
    """Return one sentence on what the checkpoint does not know."""
    return (
        f"{asked.unknown_events:,} of {asked.events:,} events ({asked.unknown_tracks:,} of {asked.tracks:,} tracks) "
        f"are unknown to the checkpoint's catalogue of {len(catalogue):,} tracks and were passed over."
    )


def _write(path: Path, checkpoint_id: str, asked: "Translated", metrics: "list[Metrics]") -> None:
    content = {
        "checkpoint_id": checkpoint_id,
        "events": asked.events,
        "unknown_events": asked.unknown_events,
        "tracks": asked.tracks,
        "unknown_tracks": asked.unknown_tracks,
        "metrics": metrics[0].to_dict(),
        "baselines": {each.model: each.to_dict() for each in metrics[1:]},
    }
    try:
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(
            f"Cannot write {path}: {error.strerror}. Name a file in a folder that is there."
        ) from error
