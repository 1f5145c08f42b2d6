"""The catalogue in a checkpoint folder: Parquet for everybody, and for large ones a mapped file beside it for servers.

Knows nothing of the store around the folder.
"""

import shutil
from pathlib import Path

from app.domain.catalogue import Catalogue
from app.errors import CorruptCheckpoint, UnreadableSource
from app.formats.catalogue_file import read_catalogue, write_catalogue, write_table
from app.formats.mapped_catalogue import MappedCatalogue, read_mapped_catalogue, write_mapped_catalogue
from app.rnn.checkpoint_files import CATALOGUE_FILE, MAPPED_CATALOGUE_FILE
from app.rnn.manifest import Manifest

MAPPED_FROM = 50_000
"""Tracks from which on a catalogue is mapped; smaller ones are read in half a second and looked up in dictionaries."""


def write_checkpoint_catalogue(folder: Path, catalogue: Catalogue) -> list[str]:
    """Write the catalogue into a folder; return the names written."""
    if isinstance(catalogue, MappedCatalogue):
        write_table(folder / CATALOGUE_FILE, catalogue.table)
        shutil.copyfile(catalogue.path, folder / MAPPED_CATALOGUE_FILE)
    else:
        write_catalogue(folder / CATALOGUE_FILE, catalogue)
        if len(catalogue) < MAPPED_FROM:
            return [CATALOGUE_FILE]
        write_mapped_catalogue(folder / MAPPED_CATALOGUE_FILE, catalogue)
    return [CATALOGUE_FILE, MAPPED_CATALOGUE_FILE]


def read_checkpoint_catalogue(folder: Path, manifest: Manifest) -> Catalogue:
    """Read the catalogue, mapped where the manifest names a file for that; raise CorruptCheckpoint naming the file."""
    mapped = MAPPED_CATALOGUE_FILE in manifest.files
    name = MAPPED_CATALOGUE_FILE if mapped else CATALOGUE_FILE
    try:
        return read_mapped_catalogue(folder / name) if mapped else read_catalogue(folder / name)
    except UnreadableSource as error:
        raise CorruptCheckpoint(f"{name} of {manifest.checkpoint_id} cannot be read: {error}") from error
