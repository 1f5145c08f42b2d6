"""From what the settings name to the depot that it is. Knows nothing of what is kept there."""

from pathlib import Path

from app.settings import Settings
from app.stores.depot import Depot
from app.stores.folder_depot import FolderDepot

BYTES_PER_GB = 1_000_000_000


def open_depot(settings: Settings, place: str | None = None) -> Depot:
    """Return the depot at a place, a folder or `s3://bucket/prefix`; that of the settings where none is named."""
    place = place or settings.model_store
    if "://" not in place:
        return FolderDepot(Path(place))
    # Only who has a bucket loads its client.
    from app.stores.bucket import Bucket
    from app.stores.bucket_depot import BucketDepot
    from app.stores.checkpoint_cache import CheckpointCache

    cache = CheckpointCache(settings.checkpoint_cache, int(settings.model_cache_gb * BYTES_PER_GB))
    return BucketDepot(Bucket(place), cache)
