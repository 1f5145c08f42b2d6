"""API keys: who may call, what they may ask for, and how a secret is recognised without being kept.

A secret is `segue_<id>_<43 characters>`, of which the last carry 256 random bits. What is kept is its plain SHA-256:
nobody can guess such a secret however fast they hash, so the slow, salted hashes made for passwords would add
nothing but their cost to every request. Knows nothing of files and of HTTP.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from app.errors import InvalidRequest

PREFIX = "segue_"
ID_LENGTH = 8
NAME_LENGTH = 64
# A new key beside the one it takes over from, and no third: who rotates revokes the old one in the end.
LIVE_PER_NAME = 2

_ID = slice(len(PREFIX), len(PREFIX) + ID_LENGTH)


class Scope(StrEnum):
    """What a key may be for."""

    EVENTS = "events"
    RECOMMEND = "recommend"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, without its secret. Times are seconds since 1970."""

    key_id: str
    name: str
    scopes: frozenset[Scope]
    digest: bytes
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    requests_per_minute: int | None = None

    def is_live(self, now: float) -> bool:
        """Tell whether the key opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys that were ever made, by id, revoked and expired ones among them."""

    keys: Mapping[str, ApiKey] = field(default_factory=dict)

    @classmethod
    def of(cls, keys: Iterable[ApiKey]) -> "KeyRing":
        """Return the ring of some keys."""
        return cls(MappingProxyType({key.key_id: key for key in keys}))

    @property
    def is_empty(self) -> bool:
        """Whether nobody has ever made a key; revoking the last one does not unlock the door."""
        return not self.keys

    def find(self, secret: str) -> ApiKey | None:
        """Return the key of a secret, live or not. The comparison takes as long for a wrong secret as for the right."""
        key = self.keys.get(secret[_ID])
        digest = digest_of(secret)
        if key is None or not hmac.compare_digest(digest, key.digest):
            return None
        return key

    def live(self, now: float) -> list[ApiKey]:
        """Return the keys that open something."""
        return [key for key in self.keys.values() if key.is_live(now)]

    def adding(self, key: ApiKey, now: float) -> "KeyRing":
        """Return the ring with one more key; raise InvalidRequest when two of its name are live already."""
        others = [other.key_id for other in self.live(now) if other.name == key.name]
        if len(others) >= LIVE_PER_NAME:
            raise InvalidRequest(
                f"Expected at most {LIVE_PER_NAME} live keys named {key.name!r}, got a third. "
                f"Revoke one of {', '.join(others)} first."
            )
        return KeyRing.of([*self.keys.values(), key])

    def revoking(self, key_id: str, now: float) -> "KeyRing":
        """Return the ring with a key revoked; one that was revoked before stays as it is. Raise InvalidRequest."""
        key = self.keys.get(key_id)
        if key is None:
            known = ", ".join(self.keys) or "none"
            raise InvalidRequest(f"Expected the id of a key ({known}), got {key_id!r}. `segue keys list` shows them.")
        revoked = key if key.revoked_at is not None else replace(key, revoked_at=now)
        return KeyRing(MappingProxyType({**self.keys, key_id: revoked}))


def new_key(
    name: str,
    scopes: Iterable[Scope],
    *,
    now: float,
    lifetime_s: float | None = None,
    requests_per_minute: int | None = None,
) -> tuple[ApiKey, str]:
    """Make a key and its secret, which is nowhere else; raise InvalidRequest for a name that is none."""
    if not 1 <= len(name) <= NAME_LENGTH or not name.isprintable() or name != name.strip():
        raise InvalidRequest(f"Expected a name of 1 to {NAME_LENGTH} printable characters, got {name!r}.")
    key_id = secrets.token_hex(ID_LENGTH // 2)
    secret = f"{PREFIX}{key_id}_{secrets.token_urlsafe(32)}"
    expires_at = None if lifetime_s is None else now + lifetime_s
    key = ApiKey(
        key_id, name, frozenset(scopes), digest_of(secret), now, expires_at, requests_per_minute=requests_per_minute
    )
    return key, secret


def digest_of(secret: str) -> bytes:
    """Return the SHA-256 of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
