"""The song map in a checkpoint folder. A checkpoint of before there were maps has none, and serves without.

Knows nothing of the store around the folder.
"""

from pathlib import Path

from app.domain.song_map import SongMap
from app.errors import CorruptCheckpoint, NoSongMap, UnreadableSource
from app.formats.song_map_file import read_song_map
from app.rnn.checkpoint_files import MAP_FILE, check_files
from app.rnn.manifest import Manifest


def read_checkpoint_map(folder: Path, manifest: Manifest) -> SongMap:
    """Check the file against the manifest and read it; raise NoSongMap or CorruptCheckpoint."""
    if MAP_FILE not in manifest.files:
        raise NoSongMap(
            f"Expected a checkpoint with a song map, got {manifest.checkpoint_id}, which was published without. "
            "Train again to get one."
        )
    check_files(folder, {MAP_FILE: manifest.files[MAP_FILE]})
    try:
        return read_song_map(folder / MAP_FILE)
    except UnreadableSource as error:
        raise CorruptCheckpoint(f"{MAP_FILE} of {manifest.checkpoint_id} cannot be read: {error}") from error
