"""Adding tracks to a published checkpoint: a new checkpoint, with the rows that the new tracks begin with.

The one they are added to stays as it is, and nothing is promoted. Knows nothing of files or requests that name tracks.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.domain.catalogue import Catalogue, Track
from app.errors import InvalidRequest, TrackExists
from app.rnn.checkpoint import CheckpointDraft
from app.rnn.checkpoint_index import playlists_of
from app.rnn.manifest import Manifest, Verdict
from app.rnn.newcomers import remembering_newcomers, with_newcomers
from app.stores.checkpoints import CheckpointStore
from app.stores.publishing import read_whole

ADDED = "added_tracks"


def add_tracks(store: CheckpointStore, name: str, tracks: Sequence[Track]) -> Manifest:
    """Publish the checkpoint of an id or label again, with new tracks behind those it has, in the order given.

    Its figures are carried over, with a note: they were measured without the new tracks. Raises TrackExists for an id
    the catalogue holds, InvalidRequest for one given twice, and what reading and publishing raise.
    """
    checkpoint_id = store.resolve(name)
    folder = store.folder(checkpoint_id)
    manifest = store.manifest(checkpoint_id)
    network, catalogue, mixture = read_whole(folder, manifest)
    _check_new(catalogue, tracks)
    if mixture is not None:
        mixture = replace(mixture, memory=remembering_newcomers(mixture.memory, len(tracks)))
    data = _account(manifest, len(tracks))
    return store.publish(
        CheckpointDraft(
            network=with_newcomers(network, catalogue, tracks),
            catalogue=Catalogue([*catalogue, *tracks]),
            training=manifest.training,
            data=data,
            metrics=manifest.metrics,
            baselines=manifest.baselines,
            verdict=Verdict(manifest.accepted, _reason(manifest, data)),
            probe=manifest.probe.tracks,
            report=_report(folder, manifest),
            mixture=mixture,
            playlists=playlists_of(folder, manifest),
        )
    )


def _check_new(catalogue: Catalogue, tracks: Sequence[Track]) -> None:
    if not tracks:
        raise InvalidRequest("Expected at least one track to add, got none.")
    twice = [track_id for track_id, times in Counter(track.track_id for track in tracks).items() if times > 1]
    if twice:
        raise InvalidRequest(f"Expected each track once, got {twice[0]!r} again. Leave out what is repeated.")
    held = [track.track_id for track in tracks if catalogue.index_of(track.track_id) is not None]
    if held:
        more = f" and {len(held) - 1} more" if len(held) > 1 else ""
        raise TrackExists(
            f"Expected tracks the catalogue does not hold, got {held[0]!r}{more}, which it does. Leave them out."
        )


def _account(manifest: Manifest, count: int) -> dict[str, Any]:
    """Return what the manifest says of the data, with how many tracks were added since `judged` was judged."""
    before = manifest.data.get(ADDED, {"tracks": 0, "judged": manifest.checkpoint_id})
    return {**manifest.data, ADDED: {**before, "tracks": before["tracks"] + count}}


def _reason(manifest: Manifest, data: dict[str, Any]) -> str:
    before = manifest.data.get(ADDED)
    judged = manifest.reason.removesuffix(_note(before["tracks"])) if before else manifest.reason
    return judged + _note(data[ADDED]["tracks"])


def _note(count: int) -> str:
    return f" Judged before {count} {'track was' if count == 1 else 'tracks were'} added."


def _report(folder: Path, manifest: Manifest) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in manifest.files if name.startswith("report/")}
