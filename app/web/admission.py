"""Who may make a call: with keys, who holds one for it; without, who is on this machine.

Knows nothing of any one call, and of how a key is carried.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import cast

from starlette.requests import Request

from app.domain.api_keys import ApiKey, KeyRing, Scope
from app.errors import Rejected, TryLater

KEY = "key"
_HOST = re.compile(r"(?:https?://)?(?:\[(?P<v6>[0-9a-fA-F:]+)\]|(?P<name>[^\[\]:/]*))(?::[0-9]*)?")


class KeyNeeded(Rejected):
    """A call without a key, where one is needed."""


class KeyRefused(Rejected):
    """A call with a key that opens nothing: unknown, revoked or expired."""


class ScopeMissing(Rejected):
    """A call that the key is not for."""


class NotAdmitted(Rejected):
    """A call for the machine itself that came from elsewhere."""


class RateExceeded(TryLater):
    """More calls than a key may make."""


@dataclass(frozen=True, slots=True)
class HouseRules:
    """What the operator chose: who may come without a key, on which port what is, how often a key may ask."""

    on_loopback: bool
    open_without_keys: bool
    admin_port: int | None
    requests_per_minute: int
    admin_requests_per_minute: int


def admit_holder(ring: KeyRing, secret: str | None, now: float) -> ApiKey:
    """Return the live key of a secret; raise KeyNeeded or KeyRefused. No message repeats what was sent."""
    if secret is None:
        raise KeyNeeded("Expected a key as `Authorization: Bearer segue_…`, got none. `segue keys create` makes one.")
    key = ring.find(secret)
    if key is None:
        raise KeyRefused("Expected a key of this service, got another. `segue keys list` shows those there are.")
    if not key.is_live(now):
        # Only who holds the secret is told.
        over = "been revoked" if key.revoked_at is not None else "expired"
        raise KeyRefused(f"Expected a live key, got {key.name!r} ({key.key_id}), which has {over}. Use its successor.")
    return key


def admit_keyless(scope: Scope | None, client: str, house: HouseRules) -> None:
    """Let a caller at this address in where no key exists; raise KeyNeeded or NotAdmitted."""
    if not (house.on_loopback or house.open_without_keys):
        raise KeyNeeded("Expected a key, but none exists yet. The operator makes one with `segue keys create`.")
    if scope is Scope.ADMIN and not _is_loopback(client):
        raise NotAdmitted(f"Expected a client on this machine (127.0.0.0/8 or ::1), got {client or 'none known'}.")


@lru_cache(256)
def check_addressed(name: bytes, value: bytes) -> None:
    """Raise NotAdmitted for a Host or Origin that is not this machine.

    A browser on this machine carries the requests of any page to it: one that lets its own name point here (DNS
    rebinding), or that sends what needs no leave, such as a POST without a body or a WebSocket.
    """
    host = _HOST.fullmatch(value.decode("latin-1"))
    named = (host["v6"] or host["name"]) if host is not None else ""
    if not (named == "localhost" or named.endswith(".localhost") or _is_loopback(named)):
        raise NotAdmitted(
            f"Expected {name.decode().title()} to name this machine (localhost, 127.0.0.1), got {value[:80]!r}. "
            "Make keys, or set SEGUE_OPEN_WITHOUT_KEYS where a proxy checks callers."
        )


def check_scope(key: ApiKey | None, scope: Scope | None) -> None:
    """Raise ScopeMissing for a key that is not for this; who needed no key may do what needs no key."""
    if key is not None and scope is not None and scope not in key.scopes:
        held = ", ".join(sorted(key.scopes)) or "none"
        raise ScopeMissing(f"Expected a key with the scope {scope.value}, got {key.name!r} with {held}.")


def require(request: Request, scope: Scope) -> None:
    """Raise ScopeMissing unless the key of a request is for this too: for calls that need more in some cases."""
    check_scope(cast("ApiKey | None", request.scope["state"].get(KEY)), scope)


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    # A socket of both families writes 127.0.0.1 as ::ffff:127.0.0.1.
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
