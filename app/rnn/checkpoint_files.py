"""The files of a checkpoint folder: their names, their hashes, and the checks that they are all there and unchanged.

Knows nothing of what is in them.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from app.errors import CorruptCheckpoint

MANIFEST_FILE = "checkpoint.json"
CATALOGUE_FILE = "catalogue.parquet"
MAPPED_CATALOGUE_FILE = "catalogue.arrow"
WEIGHTS_FILE = "weights.safetensors"
SEARCH_FILE = "tracks.sqlite"
MIXTURE_FILE = "mixture.safetensors"
CODES_FILE = "index.faiss"
INDEX_FILE = "index.safetensors"
MAP_FILE = "map.parquet"
REQUIRED_FILES = frozenset({CATALOGUE_FILE, WEIGHTS_FILE, SEARCH_FILE})

SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?")


def safe_name(name: str) -> bool:
    """Tell whether a file name stays inside its checkpoint: at most one folder deep, nothing hidden, no `..`."""
    return bool(_FILE_NAME.fullmatch(name)) and ".." not in PurePosixPath(name).parts


def content_hash(files: Mapping[str, str]) -> str:
    """Return the six hex digits that end an id: SHA-256 over the lines `sha256sum` prints for the files, by name."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:6]


def check_present(folder: Path, files: Mapping[str, str]) -> None:
    """Check that every file is there; raise CorruptCheckpoint naming the first that is not.

    A symbolic link is refused even when it points at the right bytes: whoever owns its target could change them.
    """
    home = folder.resolve()
    for name in sorted(files):
        path = folder / name
        try:
            present, inside = path.is_file(), path.resolve() == home / name
        except OSError as error:
            raise CorruptCheckpoint(f"{name} of {folder.name} is out of reach: {error.strerror}.") from error
        if not present:
            raise CorruptCheckpoint(f"{name} of {folder.name} is missing; publish or copy it again.")
        if not inside:
            raise CorruptCheckpoint(f"{name} of {folder.name} is a symbolic link; put the file there.")


def check_files(folder: Path, files: Mapping[str, str]) -> None:
    """Check every file against its SHA-256; raise CorruptCheckpoint naming the first that differs."""
    check_present(folder, files)
    for name, expected in sorted(files.items()):
        try:
            found = file_sha256(folder / name)
        except OSError as error:
            raise CorruptCheckpoint(
                f"{name} of {folder.name} cannot be read: {error.strerror}; publish or copy it again."
            ) from error
        if found != expected:
            raise CorruptCheckpoint(
                f"{name} of {folder.name} was changed or cut short: expected SHA-256 {expected[:12]}…, "
                f"got {found[:12]}…; publish or copy it again."
            )


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
