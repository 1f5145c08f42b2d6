"""A bucket of an S3-compatible service, as far as checkpoints need one: objects that are written whole, some only if
nobody else was faster. Where it is and who may use it stands in the `AWS_*` variables that all such tools read.

Knows nothing of what the objects hold. The only module that knows the client library.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    InvalidPathError,
    NotModifiedError,
    PreconditionError,
)
from obstore.store import S3Store

from app.errors import CorruptCheckpoint, InvalidSetting, ModelStoreUnavailable
from app.rnn.manifest import MAX_MANIFEST_BYTES

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

SCHEME = "s3://"
# A worker looks at the labels every second: rather no answer than a late one.
QUICK_S = 2.0
# A file of gigabytes goes in pieces, each with this much time, and with more tries.
PATIENT_S = 60.0
PIECE_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Found:
    """An object's bytes, and the tag that changes with them."""

    content: bytes
    tag: str


@dataclass(frozen=True, slots=True)
class Listed:
    """An object in a listing."""

    name: str
    size: int
    written_at: datetime


class Bucket:
    """The objects below `s3://bucket/prefix`. Raises ModelStoreUnavailable wherever the service does not oblige."""

    def __init__(self, url: str) -> None:
        self.url = url
        if not url.startswith(SCHEME) or not url.removeprefix(SCHEME).strip("/"):
            raise InvalidSetting(f"Expected a bucket as {SCHEME}bucket/prefix, got {url!r}.")
        self._quick = _connected(url, QUICK_S, tries=1)
        self._patient = _connected(url, PATIENT_S, tries=6)

    def get(self, name: str, *, unless: str | None = None, at_most: int = MAX_MANIFEST_BYTES) -> Found | None:
        """Return an object; None where there is none, or where it still has the tag of `unless`.

        Raises CorruptCheckpoint for one of more bytes than whoever asks would ever have written.
        """
        with self._answering(f"read {name}"):
            try:
                result = obstore.get(self._quick, name, options={} if unless is None else {"if_none_match": unless})
                if (size := result.meta["size"]) > at_most:
                    raise CorruptCheckpoint(f"Expected at most {at_most} bytes of {name}, got {size}.")
                return Found(bytes(result.bytes()), _tag(result.meta["e_tag"]))
            except (FileNotFoundError, NotModifiedError):
                return None

    def exists(self, name: str) -> bool:
        """Tell whether there is an object of this name."""
        with self._answering(f"look for {name}"):
            try:
                obstore.head(self._quick, name)
            except FileNotFoundError:
                return False
            return True

    def put_new(self, name: str, content: bytes) -> bool:
        """Write an object unless there is one of the name; tell whether it was written."""
        with self._answering(f"write {name}"):
            try:
                obstore.put(self._patient, name, content, mode="create")
            except AlreadyExistsError:
                return False
            return True

    def put_over(self, name: str, content: bytes, tag: str) -> bool:
        """Replace an object that still has this tag; tell whether it was."""
        with self._answering(f"replace {name}"):
            try:
                obstore.put(self._patient, name, content, mode={"e_tag": tag})
            except (PreconditionError, FileNotFoundError):
                return False
            return True

    def upload(self, name: str, path: Path) -> None:
        """Write a file as an object, in several pieces where it is large."""
        with self._answering(f"write {name}"):
            obstore.put(self._patient, name, path)

    def size(self, name: str) -> int | None:
        """Return how many bytes an object has; None where there is none."""
        with self._answering(f"look for {name}"):
            try:
                return obstore.head(self._patient, name)["size"]
            except FileNotFoundError:
                return None

    def beginning(self, name: str, length: int) -> bytes:
        """Return the first bytes of an object that has any; nothing where there is none."""
        with self._answering(f"read {name}"):
            try:
                return bytes(obstore.get_range(self._patient, name, start=0, length=length))
            except FileNotFoundError:
                return b""

    def download(self, name: str, path: Path, size: int) -> str | None:
        """Write an object of `size` bytes as a file, piece by piece; return its SHA-256, None where there is none."""
        with self._answering(f"read {name}"):
            try:
                digest = hashlib.sha256()
                with path.open("wb") as file:
                    for start in range(0, size, PIECE_BYTES):
                        length = min(PIECE_BYTES, size - start)
                        piece = obstore.get_range(self._patient, name, start=start, length=length)
                        digest.update(piece)
                        file.write(piece)
            except FileNotFoundError:
                return None
            return digest.hexdigest()

    def listed(self) -> list[Listed]:
        """Return all objects."""
        with self._answering("be listed"):
            return [
                Listed(meta["path"], meta["size"], meta["last_modified"])
                for batch in obstore.list(self._patient)
                for meta in batch
            ]

    def remove(self, names: Sequence[str]) -> None:
        """Remove objects; those that are gone are no mistake."""
        with self._answering("have objects removed"):
            obstore.delete(self._patient, list(names))

    @contextmanager
    def _answering(self, doing: str) -> Iterator[None]:
        try:
            yield
        except InvalidPathError as error:
            reason = str(error).splitlines()[0]
            raise ModelStoreUnavailable(
                f"Expected names like those Segue gives in {self.url}, got one that could lead elsewhere: {reason} "
                "Remove that object (`aws s3api delete-object`); until then nothing can be listed there.",
                retry_after_s=5,
            ) from error
        except BaseError as error:
            # Further lines are the library's own account of the request.
            reason = str(error).splitlines()[0]
            raise ModelStoreUnavailable(
                f"Expected {self.url} to {doing}, got: {reason} Look whether it is there, and at the AWS_* variables.",
                retry_after_s=5,
            ) from error


def _connected(url: str, timeout_s: float, *, tries: int) -> S3Store:
    client: ClientConfig = {
        # Who names http:// as endpoint means it: a service on this machine or in the same rack.
        "allow_http": True,
        "timeout": f"{timeout_s:g}s",
        "connect_timeout": f"{QUICK_S:g}s",
    }
    retry: RetryConfig = {"max_retries": tries, "retry_timeout": timedelta(seconds=timeout_s)}
    try:
        return S3Store.from_url(url, client_options=client, retry_config=retry)
    except (BaseError, ValueError) as error:
        raise InvalidSetting(f"Expected a bucket as {SCHEME}bucket/prefix, got {url!r}: {error}") from error


def _tag(tag: str | None) -> str:
    if tag is None:
        raise ModelStoreUnavailable("Expected an ETag with every object, got none: this service keeps no labels.")
    return tag
