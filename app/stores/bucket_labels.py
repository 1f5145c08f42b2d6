"""The labels of a bucket: one object that is replaced only by who has read its newest content.

Beside the labels it holds which checkpoints are being removed, and who wrote it: whoever loses a race, or the answer to
what it wrote, reads it again and knows. Knows nothing of checkpoints.
"""

from collections.abc import Callable
from secrets import token_hex
from time import sleep

from app.errors import LabelConflict
from app.stores.bucket import Bucket, Found
from app.stores.labels import LABELS_FILE, Labels, check_version, read_fields, write_fields

REMOVING = "removing"
WRITER = "writer"
TRIES = 50


class BucketLabels:
    """Reads and changes `labels.json` of a bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._newest: Found | None = None

    def read(self) -> Labels:
        """Return the labels; nothing is sent again that has not changed."""
        return _labels(self._look())

    def change(
        self, change: Callable[[Labels, frozenset[str]], Labels], *, expected_version: int | None = None
    ) -> Labels:
        """Replace the labels by what `change` makes of them and of what is being removed; return them.

        Raises LabelsChanged where they are at another version than expected, LabelConflict after many lost races.
        """

        def written(found: Found | None) -> tuple[Labels, frozenset[str]]:
            labels, removing = _labels(found), _removing(found)
            check_version(labels, expected_version)
            return change(labels, removing), removing

        return self._write(written)[0]

    def doom(self, choose: Callable[[Labels, frozenset[str]], frozenset[str]]) -> frozenset[str]:
        """Note which checkpoints are being removed: no label can be pointed at them any more; return them."""
        return self._write(lambda found: (_labels(found), choose(_labels(found), _removing(found))))[1]

    def _look(self) -> Found | None:
        newest = self._newest
        if newest is None:
            newest = self._bucket.get(LABELS_FILE)
        elif (changed := self._bucket.get(LABELS_FILE, unless=newest.tag)) is not None:
            newest = changed
        self._newest = newest
        return newest

    def _write(self, change: Callable[[Found | None], tuple[Labels, frozenset[str]]]) -> tuple[Labels, frozenset[str]]:
        writer = token_hex(8)
        for attempt in range(TRIES):
            found = self._bucket.get(LABELS_FILE)
            if found is not None and read_fields(found.content).get(WRITER) == writer:
                # It was written, but the answer got lost and the client asked again.
                return _labels(found), _removing(found)
            labels, removing = change(found)
            content = write_fields({**labels.to_dict(), REMOVING: sorted(removing), WRITER: writer})
            if found is None:
                done = self._bucket.put_new(LABELS_FILE, content)
            else:
                done = self._bucket.put_over(LABELS_FILE, content, found.tag)
            if done:
                return labels, removing
            sleep(min(0.01 * attempt, 0.2))  # who lost to many thins out
        raise LabelConflict(f"Expected to change the labels, lost to somebody else {TRIES} times. Try again.")


def _labels(found: Found | None) -> Labels:
    return Labels() if found is None else Labels.from_dict(read_fields(found.content))


def _removing(found: Found | None) -> frozenset[str]:
    return frozenset() if found is None else frozenset(read_fields(found.content).get(REMOVING, ()))
