"""The road to Redis or Valkey: what a URL means.

| URL | reaches |
|---|---|
| `redis://user:password@host:6379/0`, `rediss://…` with TLS | one server |
| `unix:///path/to/socket` | one server on this machine |
| `redis+cluster://host:6379,host:6379`, `rediss+cluster://…` | a cluster, through whichever host answers |
| `redis+sentinel://host:26379,host:26379/service/0` | the master that the Sentinels name |

Query parameters are redis-py's own, such as `?ssl_ca_certs=/etc/ca.pem`; Sentinels with a password of their own take
`?sentinel_username=…&sentinel_password=…`. No password is ever part of a message. Knows nothing of keys or sessions.
"""

import re
from typing import Any
from urllib.parse import SplitResult, urlsplit

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from app.errors import InvalidSetting
from app.stores.cluster import Cluster
from app.stores.server import Link, Server

_SCHEMES = ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel")


def connect(url: str, timeout_s: float) -> Link:
    """Return the link to the server, cluster or Sentinels of a URL; it connects at its first command.

    A connection or reply may take `timeout_s`. What fails because a pooled connection had gone stale is sent once
    more: every command of the session store may be sent twice. Raise `InvalidSetting` for a URL of another kind.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES:
            raise ValueError("the scheme is another")
        tls, _, kind = parts.scheme.partition("+")
        options = _options(parts, tls, timeout_s)
        if kind == "cluster":
            return Cluster(_hosts(parts, 6379), options)
        return Server(_master(parts, options) if kind == "sentinel" else Redis(**options))
    except (ValueError, TypeError) as error:
        raise InvalidSetting(
            f"Expected SEGUE_REDIS_URL like {'://, '.join(_SCHEMES)}://, got {masked(url)!r}: {error}. "
            "Correct it, or unset it to let Segue start its own server."
        ) from None


def masked(url: str) -> str:
    """Return a URL fit for logs: user, password and parameters are left out."""
    return re.sub(r"\?.*$", "?***", re.sub(r"//.*@", "//***@", url))


def _options(parts: SplitResult, tls: str, timeout_s: float) -> dict[str, Any]:
    """Let redis-py read user, password, database and parameters; add what we wait for."""
    if parts.scheme == "unix":
        given: dict[str, Any] = {**parse_url(parts.geturl())}
        given["unix_socket_path"] = given.pop("path", None)
        if not given["unix_socket_path"]:
            raise ValueError("the path of the socket is missing")
    else:
        login, at, _ = parts.netloc.rpartition("@")
        database = parts.path.rpartition("/")[2] if parts.scheme.endswith("+sentinel") else parts.path.strip("/")
        host, port = _hosts(parts, 6379)[0]
        place = f"[{host}]" if ":" in host else host
        given = {**parse_url(f"{tls}://{login}{at}{place}:{port}/{database}?{parts.query}")}
        if "+" in parts.scheme:
            del given["host"], given["port"]
    if given.pop("connection_class", None) is SSLConnection:
        given["ssl"] = True
    ours = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "protocol": 2,
        "retry": Retry(NoBackoff(), 1, (exceptions.ConnectionError, exceptions.ReadOnlyError)),
    }
    return {**ours, **given}


def _hosts(parts: SplitResult, default_port: int) -> list[tuple[str, int]]:
    hosts = []
    for place in parts.netloc.rpartition("@")[2].split(","):
        one = urlsplit(f"//{place.strip()}")
        if not one.hostname:
            raise ValueError("a host is missing")
        hosts.append((one.hostname, one.port or default_port))
    return hosts


def _master(parts: SplitResult, options: dict[str, Any]) -> Redis:
    service = parts.path.strip("/").partition("/")[0]
    if not service:
        raise ValueError("the name of the service is missing after the hosts")
    hosts = _hosts(parts, 26379)
    # They are asked one after the other: one that hangs must leave time for the others, and for the master.
    patience_s = options["socket_timeout"] / (len(hosts) + 1)
    asking: dict[str, Any] = {"socket_timeout": patience_s, "socket_connect_timeout": patience_s}
    asking["retry"] = Retry(NoBackoff(), 0)
    for name in ("username", "password"):
        if secret := options.pop(f"sentinel_{name}", None):
            asking[name] = secret
    sentinels: Any = Sentinel(hosts, sentinel_kwargs=asking, **options)  # type: ignore[no-untyped-call]
    master: Redis = sentinels.master_for(service)
    return master
