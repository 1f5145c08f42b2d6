"""Which files the sources name: files, folders searched through, and patterns. Knows nothing of what is in them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.errors import UnreadableSource
from app.formats.event_log import MANIFEST
from app.formats.file_format import ENDINGS
from app.formats.source import SourceFile

_PATTERN = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file to import. `name` is how messages call it, `found` tells one found in a folder from one named."""

    source: SourceFile
    name: str
    found: bool


def files_of(sources: Sequence[str], *, forced: bool, encoding: str | None) -> tuple[list[NamedFile], int]:
    """Return the files in the order of the sources, and how many files of unknown kind in folders were passed over.

    A folder is searched through, its files in natural order (`2.m3u` before `10.m3u`); only names of known formats
    are taken, unless the format is forced and no name fits. Hidden files are left out. An event log is one file, its
    manifest: only as a whole does it say what was heard.
    """
    files: list[NamedFile] = []
    passed_over = 0
    for text in sources:
        path = Path(text)
        if path.is_dir():
            inside = _logs_as_one(sorted((file for file in path.rglob("*") if _is_visible(file, path)), key=_natural))
            known = [file for file in inside if file.name.lower().removesuffix(".gz").endswith(ENDINGS)]
            taken = inside if forced and not known else known
            if not taken:
                raise UnreadableSource(f"{path}: expected playlists or histories in this folder, found none.")
            passed_over += len(inside) - len(taken)
            files += [
                NamedFile(SourceFile(file, encoding), str(file.relative_to(path.parent)), found=True) for file in taken
            ]
        elif path.exists() or not _PATTERN.search(text):
            files.append(NamedFile(SourceFile(path, encoding), path.name, found=False))
        else:
            matches = sorted(Path(path.anchor or ".").glob(text.removeprefix(path.anchor)), key=_natural)
            if not matches:
                raise UnreadableSource(f"{text}: expected files matching this pattern, found none.")
            files += [
                NamedFile(SourceFile(file, encoding), file.name, found=False) for file in matches if file.is_file()
            ]
    return files, passed_over


def _logs_as_one(files: list[Path]) -> list[Path]:
    logs = {file.parent for file in files if file.name == MANIFEST}
    return [file for file in files if file.name == MANIFEST or logs.isdisjoint(file.parents)]


def _is_visible(file: Path, folder: Path) -> bool:
    return file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    return [
        (1, int(part), "") if part.isascii() and part.isdigit() else (0, 0, part)
        for part in re.split(r"(\d+)", str(path).casefold())
    ]
