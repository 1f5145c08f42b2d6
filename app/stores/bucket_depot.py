"""A bucket of checkpoints and their labels, laid out as a folder store is, read through a cache on this machine.

    s3://bucket/prefix/labels.json                              replaced only by who read the newest (If-Match)
    s3://bucket/prefix/20261122T101500Z-3f9c1a/.publishing      whose id this is; written once (If-None-Match)
    s3://bucket/prefix/20261122T101500Z-3f9c1a/weights.…        the files
    s3://bucket/prefix/20261122T101500Z-3f9c1a/checkpoint.json  written once, and last: now it is published

Knows nothing of networks.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex

from app.errors import CheckpointError, CorruptCheckpoint, UnknownCheckpoint
from app.rnn.checkpoint_files import MANIFEST_FILE
from app.rnn.manifest import CHECKPOINT_ID, Manifest, read_manifest
from app.rnn.weights_header import PREFIX_BYTES, header_length
from app.stores.bucket import Bucket, Listed
from app.stores.bucket_labels import BucketLabels
from app.stores.checkpoint_cache import CheckpointCache
from app.stores.labels import Labels, kept_by

CLAIM = ".publishing"
# No upload takes longer; what has no manifest by then was left by a publisher that died.
LEFT_AFTER = timedelta(days=1)


class BucketDepot:
    """The checkpoints below `s3://bucket/prefix`, each fetched once to be read."""

    def __init__(self, bucket: Bucket, cache: CheckpointCache) -> None:
        self._bucket = bucket
        self._cache = cache
        self._labels = BucketLabels(bucket)
        self._seen: Labels | None = None
        self._manifests: dict[str, Manifest] = {}
        self._listed: dict[str, dict[str, Listed]] = {}

    @property
    def place(self) -> str:
        """The bucket's URL."""
        return self._bucket.url

    @property
    def root(self) -> Path:
        """The cache's folder."""
        return self._cache.root

    def ids(self) -> list[str]:
        """Return the ids of all that have a manifest, newest first."""
        found: dict[str, dict[str, Listed]] = {}
        for listed in self._bucket.listed():
            checkpoint_id, _, name = listed.name.partition("/")
            if CHECKPOINT_ID.fullmatch(checkpoint_id) and name:
                found.setdefault(checkpoint_id, {})[name] = listed
        self._listed = found
        published = sorted((one for one, files in found.items() if MANIFEST_FILE in files), reverse=True)
        self._manifests = {one: self._manifests[one] for one in published if one in self._manifests}
        return published

    def is_at_hand(self, checkpoint_id: str) -> bool:
        """Tell whether a checkpoint is in the cache."""
        return self._cache.is_at_hand(checkpoint_id)

    def manifest(self, checkpoint_id: str) -> Manifest:
        """Return the manifest of a checkpoint whose files are all there; raise CheckpointError."""
        if checkpoint_id not in self._listed:
            self.ids()
        if checkpoint_id not in self._manifests:
            # It never changes: what was read once is known.
            self._manifests[checkpoint_id] = self._read_manifest(checkpoint_id)[0]
        manifest = self._manifests[checkpoint_id]
        if missing := manifest.files.keys() - self._listed.get(checkpoint_id, {}).keys():
            raise _missing(checkpoint_id, min(missing))
        return manifest

    def has(self, checkpoint_id: str) -> bool:
        """Tell whether a checkpoint has a manifest."""
        return self._bucket.exists(f"{checkpoint_id}/{MANIFEST_FILE}")

    def folder(self, checkpoint_id: str) -> Path:
        """Return a checkpoint's folder in the cache, fetched if it is not there or not whole."""
        try:
            with self._cache.fetching(checkpoint_id):
                return self._cache.found(checkpoint_id) or self._fetch(checkpoint_id)
        except OSError as error:
            raise CheckpointError(
                f"Expected to keep {checkpoint_id} in {self.root}, got: {error}. Make room or correct the folder."
            ) from error

    def check(self, checkpoint_id: str) -> Manifest:
        """Return the manifest of a checkpoint that can be fetched and hashes to what it says; raise CheckpointError."""
        return read_manifest(self.folder(checkpoint_id))

    def labels(self) -> Labels:
        """Return what is promoted."""
        labels = self._labels.read()
        if labels != self._seen:
            self._cache.see_labels(labels)
            self._seen = labels
        return labels

    def labels_seen(self) -> Labels:
        """Return what was promoted when this machine last asked."""
        return self._seen or self._cache.labels_seen()

    def change_labels(
        self, change: Callable[[Labels], Labels], *, expected_version: int | None, needs: str | None = None
    ) -> Labels:
        """Change the labels, again where somebody else was faster; see `Depot.change_labels`."""

        def checked(labels: Labels, removing: frozenset[str]) -> Labels:
            # Pruning writes to the labels what it is about to remove, so one of the two sees the other.
            if needs is not None and (needs in removing or not self.has(needs)):
                raise UnknownCheckpoint(f"Checkpoint {needs} was removed in the meantime. Promote another.")
            return replace(change(labels), version=labels.version + 1)

        return self._labels.change(checked, expected_version=expected_version)

    def writing(self) -> AbstractContextManager[Path]:
        """Make a hidden folder in the cache to write a checkpoint into."""
        return self._cache.writing()

    def show(self, folder: Path, manifest: Manifest) -> bool:
        """Upload the folder's files, and the manifest last; False when the id is taken."""
        checkpoint_id = manifest.checkpoint_id
        claim = f"{checkpoint_id}/{CLAIM}"
        if not self._bucket.put_new(claim, token_hex(8).encode()):
            return False
        if self._bucket.put_new(claim, b""):
            raise CheckpointError(
                f"Expected {self.place} to refuse what is there already (If-None-Match), got it overwritten: it cannot "
                "keep two publishers apart. Use a service with conditional writes."
            )
        for name in sorted(manifest.files):
            self._bucket.upload(f"{checkpoint_id}/{name}", folder / name)
        shown = self._bucket.put_new(f"{checkpoint_id}/{MANIFEST_FILE}", (folder / MANIFEST_FILE).read_bytes())
        if shown:
            # Whoever publishes usually serves or adds to it next.
            self._cache.keep(folder, manifest, self.labels_seen().ids)
        return shown

    def remove_but(self, newest: int) -> list[str]:
        """Remove old checkpoints, once the labels say that they go; and what dead publishers and pruners left."""

        def doomed(labels: Labels, removing: frozenset[str]) -> frozenset[str]:
            ids = self.ids()
            # What another pruner is removing, or left half removed when it died, is not taken back.
            return frozenset(ids) - kept_by(labels, ids, newest) | removing.intersection(self._listed)

        removed = sorted(self._labels.doom(doomed), reverse=True)
        long_ago = datetime.now(UTC) - LEFT_AFTER
        for checkpoint_id, files in self._listed.items():
            left = MANIFEST_FILE not in files and all(one.written_at < long_ago for one in files.values())
            if left or checkpoint_id in removed:
                # First what makes it a checkpoint: a half-removed one must not be listed.
                self._bucket.remove([f"{checkpoint_id}/{MANIFEST_FILE}"])
                self._bucket.remove([one.name for one in files.values()])
        self._cache.drop([one for one in removed if self._cache.is_at_hand(one)])
        return removed

    def _read_manifest(self, checkpoint_id: str) -> tuple[Manifest, bytes]:
        found = self._bucket.get(f"{checkpoint_id}/{MANIFEST_FILE}")
        if found is None:
            raise UnknownCheckpoint(f"Checkpoint {checkpoint_id} was removed in the meantime. Name another.")
        manifest = Manifest.from_json(found.content)
        if manifest.checkpoint_id != checkpoint_id:
            raise CorruptCheckpoint(
                f"Expected {MANIFEST_FILE} of {checkpoint_id}, got that of {manifest.checkpoint_id}."
            )
        return manifest, found.content

    def _fetch(self, checkpoint_id: str) -> Path:
        """Download a checkpoint aside, hash what came, and only then show it in the cache."""
        manifest, content = self._read_manifest(checkpoint_id)
        sizes = {name: self._measured(checkpoint_id, name) for name in sorted(manifest.files)}
        self._cache.check_room(checkpoint_id, sum(sizes.values()))
        with self._cache.writing() as folder:
            (folder / MANIFEST_FILE).write_bytes(content)
            for name, expected in sorted(manifest.files.items()):
                (folder / name).parent.mkdir(exist_ok=True)
                came = self._bucket.download(f"{checkpoint_id}/{name}", folder / name, sizes[name])
                if came != expected:
                    if came is None:
                        raise _missing(checkpoint_id, name)
                    raise CorruptCheckpoint(
                        f"{name} of {checkpoint_id} was changed or cut short: expected SHA-256 {expected[:12]}…, got "
                        f"{came[:12]}…; publish or copy it again."
                    )
            return self._cache.keep(folder, manifest, self.labels_seen().ids)

    def _measured(self, checkpoint_id: str, name: str) -> int:
        """Return how many bytes a file has; what states a header that nobody would read is not even downloaded."""
        size = self._bucket.size(f"{checkpoint_id}/{name}")
        if size is None:
            raise _missing(checkpoint_id, name)
        if name.endswith(".safetensors"):
            prefix = self._bucket.beginning(f"{checkpoint_id}/{name}", min(size, PREFIX_BYTES)) if size else b""
            header_length(f"{name} of {checkpoint_id}", prefix)
        return size


def _missing(checkpoint_id: str, name: str) -> CorruptCheckpoint:
    return CorruptCheckpoint(f"{name} of {checkpoint_id} is missing; publish or copy it again.")
