"""The first model: what `make run` trains when nothing is promoted yet, from the demo or from the user's own files."""

from pathlib import Path

from app.errors import WorseThanBaseline
from app.settings import Settings
from app.stores.checkpoints import CheckpointStore
from app.stores.depots import open_depot

DEMO_CHANGES = [
    "epochs=2",
    "patience=1",
    "batch_events=1536",
    "hidden_size=100",
    "embedding_size=100",
    "output_size=100",
    "residual=0.05",
    "mixture=false",
]


def train_first_model(settings: Settings, data: Path | None) -> None:
    """Import, train, publish and promote, unless something is promoted already and no files were named.

    Raises WorseThanBaseline when the network learned nothing worth serving; the checkpoint is kept, as rejected.
    """
    checkpoints = CheckpointStore(open_depot(settings))
    if data is None and checkpoints.labels().stable is not None:
        return
    from rich.console import Console

    from app.commands.datasets import import_
    from app.commands.training import train
    from app.dataset.folder import open_dataset
    from app.demo.dataset import demo_dataset

    folder = settings.data_dir / ("demo" if data is None else f"imported-{data.stem}")
    if data is None:
        Console(stderr=True).print("No model is published yet: making the demo's listening sessions to train on.")
        demo_dataset(folder)
    else:
        import_([str(data)], out=folder, force=True)
    if _is_served(checkpoints, open_dataset(folder).fingerprint):
        return
    # The demo is there to be looked at soon: two epochs of the network alone, no search for a mixture, no last refit.
    changes = DEMO_CHANGES if data is None else None
    # Whoever names files wants these tracks served, and not those of the demo.
    train(folder, store=settings.model_store, changes=changes, fresh=data is not None, may_lose=1.0)
    if checkpoints.labels().stable is None:
        raise WorseThanBaseline(
            f"The model trained on {data or 'the demo'} is not better than counting, so nothing serves. "
            "`segue models list` says why; `segue models promote ID --force` serves it all the same."
        )


def _is_served(checkpoints: CheckpointStore, fingerprint: str) -> bool:
    """Tell whether what serves was trained on this very data set."""
    stable = checkpoints.labels().stable
    return stable is not None and checkpoints.manifest(stable).data.get("fingerprint") == fingerprint
