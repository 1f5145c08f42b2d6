"""Reading a file of a format as the import does, for all format tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.formats.columns import Layout
from app.formats.file_format import format_of
from app.formats.listen import Reject
from app.formats.source import SourceFile

Rows = list[dict[str, Any]]
Read = Callable[..., tuple[Rows, list[Reject]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return a function that writes content to a file of this name and reads it back as events and rejects."""

    def _read(name: str, content: str | bytes, layout: Layout | None = None, forced: str | None = None) -> Any:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        source = SourceFile(path)
        rows: Rows = []
        rejects: list[Reject] = []
        for batch in format_of(source, forced).read(source, layout or Layout()):
            rows += [{key: value for key, value in row.items() if value} for row in batch.events.to_pylist()]
            rejects += batch.rejects
        return rows, rejects

    return _read
