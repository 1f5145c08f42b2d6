"""Checkpoints as `segue models` shows them: all of them in one table, or one beside its baselines, and as JSON.

Knows manifests and labels, and nothing of the store they are in.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from app.commands.terminal import table_of

if TYPE_CHECKING:
    from rich.table import Table

    from app.rnn.manifest import Manifest
    from app.stores.labels import Labels

_HEADLINE = {"R@20": "recall@20", "MRR@20": "mrr@20"}


def listing(manifests: Iterable["Manifest"], damaged: Iterable[str], labels: "Labels") -> "Table":
    """Return one row a checkpoint, those that are damaged last."""
    # Fits into 80 columns; ids are copied, so they are never broken.
    table = table_of("checkpoint", "labels", "status", "network", "tracks", *_HEADLINE)
    table.columns[0].no_wrap = True
    for manifest in manifests:
        network = f"{manifest.network_fields.get('rnn_kind')} {manifest.network_fields.get('hidden_size')}"
        tracks = f"{manifest.network_fields.get('catalogue_size'):,}"
        metrics = [_number(manifest.metrics.get(name)) for name in _HEADLINE.values()]
        marks = ", ".join(labels.of(manifest.checkpoint_id))
        table.add_row(manifest.checkpoint_id, marks, manifest.status, network, tracks, *metrics)
    for checkpoint_id in damaged:
        table.add_row(checkpoint_id, ", ".join(labels.of(checkpoint_id)), "damaged")
    return table


def details(manifest: "Manifest") -> Iterator["Table"]:
    """Yield the metrics beside those of the baselines, then what the checkpoint is made of and from."""
    yield _comparison(manifest)
    for title, fields in (
        ("network", manifest.network_fields),
        ("training", manifest.training),
        ("data", manifest.data),
        ("index", manifest.index),
        ("files (SHA-256)", manifest.files),
    ):
        if not fields:
            continue
        table = table_of(title, "")
        for key, value in fields.items():
            table.add_row(key, _number(value))
        yield table


def summary(manifest: "Manifest", labels: "Labels") -> dict[str, Any]:
    """Return what a list tells of a checkpoint, as plain JSON."""
    fields = manifest.to_dict()
    listed = ("checkpoint_id", "created_at", "status", "reason", "network", "metrics", "baselines")
    return {**{name: fields[name] for name in listed}, "labels": labels.of(manifest.checkpoint_id)}


def _comparison(manifest: "Manifest") -> "Table":
    """Return the metrics of the network beside those of the baselines, one column each; `--json` has the rest."""
    columns = {"network": manifest.metrics, **manifest.baselines}
    table = table_of("metric", *columns)
    numbers = (name for values in columns.values() for name, value in values.items() if isinstance(value, int | float))
    for metric in dict.fromkeys(numbers):
        table.add_row(metric, *(_number(values.get(metric)) for values in columns.values()))
    return table


def _number(value: Any) -> str:
    match value:
        case None:
            return ""
        case float():
            return f"{value:.4f}"
        case list() | dict():
            return f"{len(value)} entries"
        case _:
            return str(value)
