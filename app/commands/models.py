"""`segue models`: look at the published checkpoints, choose which one serves, and the way back at 3 a.m."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.checkpoint_tables import details, listing, summary
from app.commands.terminal import Json, print_json, print_table
from app.errors import CheckpointError, CorruptCheckpoint
from app.settings import Settings

if TYPE_CHECKING:
    from app.stores.checkpoints import CheckpointStore
    from app.stores.labels import Labels

models = typer.Typer(help="Published checkpoints: look, promote, roll back, verify, prune.", no_args_is_help=True)

Store = Annotated[str | None, typer.Option(help="The model store, a folder or a bucket; SEGUE_MODEL_STORE.")]
Name = Annotated[str, typer.Argument(help="A checkpoint id, the beginning of one, or a label.")]
Label = Annotated[str, typer.Option(help="stable, canary or shadow.")]
ExpectedVersion = Annotated[
    int | None, typer.Option(help="Refuse when the labels are not at this version: somebody changed them.")
]


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.add_typer(models, name="models")


@models.command("list")
def list_models(store: Store = None, as_json: Json = False) -> None:
    """List the checkpoints, newest first, with their labels and metrics."""
    checkpoints = _open(store)
    manifests, damaged, labels = checkpoints.list(), checkpoints.damaged(), checkpoints.labels()
    if as_json:
        listed = [summary(manifest, labels) for manifest in manifests]
        print_json(
            {
                "labels": labels.to_dict(),
                "checkpoints": listed,
                "damaged": {name: str(error) for name, error in damaged.items()},
            }
        )
        return
    if not manifests and not damaged:
        typer.echo(f"No checkpoint in {checkpoints.place} yet. `segue train` publishes one.")
        return
    print_table(listing(manifests, damaged, labels))
    for error in damaged.values():
        typer.echo(f"damaged: {error}", err=True)


@models.command()
def show(name: Name, store: Store = None, as_json: Json = False) -> None:
    """Show one checkpoint: how it was judged, beside the baselines, and what it was trained on."""
    checkpoints = _open(store)
    manifest, labels = checkpoints.manifest(name), checkpoints.labels()
    if as_json:
        print_json({**manifest.to_dict(), "labels": labels.of(manifest.checkpoint_id)})
        return
    marks = ", ".join(labels.of(manifest.checkpoint_id)) or "none"
    typer.echo(f"{manifest.checkpoint_id}  {manifest.status}: {manifest.reason}\nlabels: {marks}")
    for table in details(manifest):
        print_table(table)


@models.command()
def promote(
    name: Name,
    label: Label = "stable",
    traffic_percent: Annotated[
        float | None, typer.Option(min=0, max=100, help="Share of the listeners; for the label canary.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Promote a checkpoint the evaluation gate rejected.")] = False,
    expected_version: ExpectedVersion = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Point a label at a checkpoint, after all its files were checked. Servers follow within seconds."""
    checkpoints = _open(store)
    promoted = checkpoints.promote(
        label,
        checkpoints.resolve(name),
        traffic_percent=traffic_percent,
        expected_version=expected_version,
        force=force,
    )
    _print_labels(promoted, label, as_json)


@models.command("add-tracks")
def add_tracks(
    name: Name,
    file: Annotated[Path, typer.Argument(help="CSV, TSV, JSON Lines or Parquet: track_id, artist, title, year, …")],
    promoted: Annotated[bool, typer.Option("--promote", help="Point stable at the new checkpoint.")] = False,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Publish a checkpoint again with tracks it has never seen. They begin as tracks of their artist and tags are."""
    from app.formats.track_file import read_tracks
    from app.stores import additions

    checkpoints = _open(store)
    tracks, now = read_tracks(file), checkpoints.labels()
    added_to = checkpoints.resolve(name)
    manifest = additions.add_tracks(checkpoints, added_to, tracks)
    if not as_json:
        typer.echo(f"{len(tracks)} tracks added to {added_to}: published {manifest.checkpoint_id}.")
    if promoted:
        now = checkpoints.promote("stable", manifest.checkpoint_id, expected_version=now.version)
    if as_json:
        added = {"checkpoint_id": manifest.checkpoint_id, "added_to": added_to, "labels": now.to_dict()}
        print_json({**added, "track_ids": [track.track_id for track in tracks]})
    elif promoted:
        _print_labels(now, "stable", as_json)


@models.command()
def rollback(
    label: Label = "stable", expected_version: ExpectedVersion = None, store: Store = None, as_json: Json = False
) -> None:
    """Return stable to what it was before; take the label canary or shadow away."""
    _print_labels(_open(store).rollback(label, expected_version=expected_version), label, as_json)


@models.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="A checkpoint id or label; all of them when left out.")] = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Read checkpoints as a server would: every hash, every shape, and the probe playlist's answer."""
    checkpoints = _open(store)
    names = [checkpoints.resolve(name)] if name else checkpoints.ids()
    broken = {one: error for one in names if (error := _fault(checkpoints.verify, one))}
    if as_json:
        print_json({"verified": [one for one in names if one not in broken], "broken": broken})
    else:
        for one in names:
            typer.echo(f"{one}  {broken.get(one, 'whole')}")
    if broken:
        raise CorruptCheckpoint(f"{len(broken)} of {len(names)} must not serve: {' '.join(broken.values())}")


@models.command()
def prune(
    keep: Annotated[int, typer.Option(min=0, help="How many of the newest stay.")] = 5,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Remove old checkpoints, but none that has a label nor the one a rollback would go to."""
    checkpoints = _open(store)
    removed = checkpoints.prune(keep)
    if as_json:
        print_json({"removed": removed, "kept": checkpoints.ids()})
        return
    for checkpoint_id in removed:
        typer.echo(f"removed {checkpoint_id}")
    typer.echo(f"{len(removed)} removed, {len(checkpoints.ids())} kept.")


def _open(store: str | None) -> "CheckpointStore":
    from app.stores.checkpoints import CheckpointStore
    from app.stores.depots import open_depot

    return CheckpointStore(open_depot(Settings(), store))


def _fault(check: Callable[[str], None], name: str) -> str | None:
    try:
        check(name)
    except CheckpointError as error:
        return str(error)
    return None


def _print_labels(labels: "Labels", label: str, as_json: bool) -> None:
    if as_json:
        print_json(labels.to_dict())
        return
    canary = f" for {labels.canary.traffic_percent:g} % of the listeners" if label == "canary" and labels.canary else ""
    typer.echo(f"{label} is {labels.named(label) or 'unset'}{canary} (labels version {labels.version}).")
