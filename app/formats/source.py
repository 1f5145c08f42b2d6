"""A file to read: opened, unzipped and decoded in one place, so that every format meets the same errors.

Knows nothing of what the file holds.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, cast

from app.errors import UnreadableSource

_GZIP_MAGIC = b"\x1f\x8b"
_HEAD_BYTES = 65536
_UTF8_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class SourceFile:
    """One file named by the person who imports. `encoding` is what the text is in, UTF-8 unless told."""

    path: Path
    encoding: str | None = None

    @property
    def name(self) -> str:
        """The file's name as messages show it."""
        return self.path.name

    @property
    def plain_name(self) -> str:
        """The name in lower case without `.gz`: what tells the format."""
        return self.path.name.lower().removesuffix(".gz")

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open for reading, unzipped, as UTF-8 without a byte order mark.

        Raises UnreadableSource, also while reading, when the file is missing, is a folder, or ends inside its gzip
        data.
        """
        try:
            with self.path.open("rb") as file:
                zipped = file.read(2) == _GZIP_MAGIC
                file.seek(0)
                yield self._as_utf8(cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if zipped else file)
        except EOFError:
            raise UnreadableSource(f"{self.path} is cut short: its gzip data ends early. Get it again.") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise UnreadableSource(f"{self.path} has damaged gzip data ({error}). Get it again.") from None
        except FileNotFoundError:
            raise UnreadableSource(f"{self.path} does not exist.") from None
        except OSError as error:
            raise UnreadableSource(f"{self.path} cannot be read: {error.strerror or error}.") from None

    @cached_property
    def head(self) -> bytes:
        """The first 64 KB, unzipped."""
        with self.open() as file:
            return file.read(_HEAD_BYTES)

    def read(self) -> bytes:
        """Return the whole content."""
        with self.open() as file:
            return file.read()

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield each line that is not blank with its number, from 1, without its line end."""
        with self.open() as file:
            for number, line in enumerate(file, start=1):
                stripped = line.strip(b"\r\n")
                if stripped.strip():
                    yield number, stripped

    def refuse(self, expected: str, advice: str = "") -> UnreadableSource:
        """Return the error for a file that is not what was expected."""
        return UnreadableSource(f"{self.path}: expected {expected}.{' ' + advice if advice else ''}")

    def _as_utf8(self, stream: IO[bytes]) -> IO[bytes]:
        start = stream.read(3)
        stream.seek(0)
        encoding = self.encoding or ("utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8")
        if encoding.lower().replace("-", "").replace("_", "") in ("utf8", "utf8sig"):
            if start == _UTF8_BOM:
                stream.seek(3)
            return stream
        try:
            return io.BytesIO(stream.read().decode(encoding).encode())
        except (UnicodeDecodeError, LookupError) as error:
            raise UnreadableSource(f"{self.path} is not text in {encoding}: {error}.") from None
