"""The file of API keys: read by every worker, changed by `segue keys`, replaced whole.

    {"format_version": 1, "keys": [{"id": "9f3c1a2b", "name": "app", "scopes": ["events"], "sha256": "…",
                                    "created_at": "2026-11-22T10:15:00Z", "expires_at": null, "revoked_at": null,
                                    "requests_per_minute": null}]}

A file and not Redis: the door must know its keys when Redis is away, before the service's own Redis has started, and
whatever somebody does to Redis. Several machines share it as they share any other secret. When a key was last used is
the time of an empty file beside it. Knows nothing of requests.
"""

import json
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.domain.api_keys import ApiKey, KeyRing, Scope
from app.errors import UnreadableSource
from app.stores.durable_files import locked, replace_file

FORMAT_VERSION = 1
DIGEST_SIZE = 32

_ID = re.compile("[0-9a-f]{8}")


class ApiKeyFile:
    """The keys in one file; a file that is not there holds none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._used = path.with_name(f"{path.stem}_used")

    def read(self) -> KeyRing:
        """Return every key; raise UnreadableSource for a file that holds something else."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return KeyRing()
        except OSError as error:
            raise UnreadableSource(f"The API keys in {self.path} cannot be read: {error.strerror}.") from error
        try:
            fields = json.loads(content)
            if fields["format_version"] != FORMAT_VERSION:
                raise ValueError(f"format_version {fields['format_version']!r} instead of {FORMAT_VERSION}")
            return KeyRing.of(_key_of(key) for key in fields["keys"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UnreadableSource(
                f"Expected API keys in {self.path}, got something else ({error}). Restore the file, or remove it and "
                "make new keys."
            ) from error

    def stamp(self) -> tuple[int, ...]:
        """Return what changes whenever the file is replaced."""
        try:
            found = self.path.stat()
        except OSError:
            return ()
        return (found.st_mtime_ns, found.st_ino, found.st_size)

    def change(self, change: Callable[[KeyRing], KeyRing]) -> KeyRing:
        """Replace the keys by what `change` makes of them; two who change at once both get their way."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.path.with_name(f".{self.path.name}.lock")):
            changed = change(self.read())
            keys = [_fields_of(key) for key in changed.keys.values()]
            content = json.dumps({"format_version": FORMAT_VERSION, "keys": keys}, indent=2)
            replace_file(self.path, f"{content}\n".encode())
        return changed

    def note_used(self, key_ids: Iterable[str]) -> None:
        """Remember that keys were used just now, as far as the folder can be written."""
        with suppress(OSError):
            self._used.mkdir(exist_ok=True)
            for key_id in key_ids:
                (self._used / key_id).touch()

    def last_used(self, key_id: str) -> float | None:
        """Return about when a key was last used, in seconds since 1970."""
        try:
            return (self._used / key_id).stat().st_mtime
        except OSError:
            return None


def written_time(at: float | None) -> str | None:
    """Write a time as RFC 3339, to the second."""
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _fields_of(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.key_id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "sha256": key.digest.hex(),
        "created_at": written_time(key.created_at),
        "expires_at": written_time(key.expires_at),
        "revoked_at": written_time(key.revoked_at),
        "requests_per_minute": key.requests_per_minute,
    }


def _key_of(fields: dict[str, Any]) -> ApiKey:
    created_at = _time_of(fields["created_at"])
    if created_at is None:
        raise ValueError("a key without created_at")
    rate, digest = fields["requests_per_minute"], bytes.fromhex(fields["sha256"])
    if not _ID.fullmatch(fields["id"]) or len(digest) != DIGEST_SIZE:
        raise ValueError(f"{fields['id']!r} as id, with {len(digest)} bytes of sha256")
    if rate is not None and (type(rate) is not int or rate < 1):
        raise ValueError(f"{rate!r} as requests_per_minute")
    return ApiKey(
        key_id=fields["id"],
        name=str(fields["name"]),
        scopes=frozenset(map(Scope, fields["scopes"])),
        digest=digest,
        created_at=created_at,
        expires_at=_time_of(fields["expires_at"]),
        revoked_at=_time_of(fields["revoked_at"]),
        requests_per_minute=rate,
    )


def _time_of(written: str | None) -> float | None:
    return None if written is None else datetime.fromisoformat(written).timestamp()
