"""The road to Redis or Valkey: what a URL means, and what its failures are called here.

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
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from app.errors import InvalidSetting, SessionStoreUnavailable

Client = Redis | RedisCluster

MAX_CONNECTIONS = 128

_SCHEMES = ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel")

# What Redis answers when it is there and cannot serve: the first word of its reply, and what to do about it.
_REFUSALS = {
    "LOADING": "is still reading its data; wait until it has",
    "READONLY": "is a replica that takes no writes; name the master, a Sentinel or the cluster in SEGUE_REDIS_URL",
    "OOM": "has reached maxmemory; raise it, or let it evict with maxmemory-policy volatile-lru",
    "MISCONF": "cannot save to its disk and refuses writes; see its log",
    "NOREPLICAS": "has too few replicas to take writes (min-replicas-to-write)",
    "MASTERDOWN": "has lost its master; wait for the fail-over",
    "CLUSTERDOWN": "is a cluster that misses some of its slots; wait for the fail-over or add the node",
    "TRYAGAIN": "is moving these keys to another node; wait until it has",
    "NOAUTH": "asks for a password; put it into SEGUE_REDIS_URL",
    "WRONGPASS": "refuses the user or password in SEGUE_REDIS_URL",
    "NOPERM": "does not let this user do that; docs/session-store.md lists the commands Segue uses",
    "BUSY": "is held up by a script; see its log",
    "UNKILLABLE": "is held up by a script; see its log",
}


def connect(url: str, timeout_s: float) -> Client:
    """Return a client for the server, cluster or Sentinels of a URL; it connects at its first command.

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
            nodes = [ClusterNode(host, port) for host, port in _hosts(parts, 6379)]
            # A cluster that lost one node still answers for the slots of the others.
            return RedisCluster(
                startup_nodes=nodes, require_full_coverage=False, retry=Retry(NoBackoff(), 3), **options
            )
        options["retry"] = Retry(NoBackoff(), 1, (exceptions.ConnectionError, exceptions.ReadOnlyError))
        return _master(parts, options) if kind == "sentinel" else Redis(**options)
    except (ValueError, TypeError, exceptions.RedisClusterException) as error:
        raise InvalidSetting(
            f"Expected SEGUE_REDIS_URL like {'://, '.join(_SCHEMES)}://, got {masked(url)!r}: {error}. "
            "Correct it, or unset it to let Segue start its own server."
        ) from None


def masked(url: str) -> str:
    """Return a URL fit for logs: user, password and parameters are left out."""
    return re.sub(r"\?.*$", "?***", re.sub(r"//.*@", "//***@", url))


def refusal(error: BaseException) -> SessionStoreUnavailable | None:
    """Say in our words that the server cannot be reached or cannot serve; None for what is a mistake of our own."""
    if isinstance(error, exceptions.AuthenticationError):
        return SessionStoreUnavailable(f"The session store {_REFUSALS['WRONGPASS']}: {error}", retry_after_s=5)
    if isinstance(error, exceptions.BusyLoadingError):
        return SessionStoreUnavailable(f"The session store {_REFUSALS['LOADING']}.", retry_after_s=2)
    word = _REFUSAL_OF.get(type(error)) or str(error).partition(" ")[0]
    if isinstance(error, exceptions.ResponseError) and word in _REFUSALS:
        return SessionStoreUnavailable(f"The session store {_REFUSALS[word]}.", retry_after_s=2)
    if isinstance(error, TimeoutError | exceptions.TimeoutError):
        return SessionStoreUnavailable("The session store does not answer in time. Is it overloaded or stopped?")
    if isinstance(error, OSError | exceptions.ConnectionError | exceptions.ClusterError):
        return SessionStoreUnavailable(f"The session store cannot be reached: {error}")
    if isinstance(error, exceptions.RedisClusterException):
        return SessionStoreUnavailable(f"The session store's cluster cannot be reached: {error}")
    return None


# redis-py takes the first word off the replies it has a class for.
_REFUSAL_OF: dict[type[BaseException], str] = {
    exceptions.ReadOnlyError: "READONLY",
    exceptions.OutOfMemoryError: "OOM",
    exceptions.NoPermissionError: "NOPERM",
    exceptions.MasterDownError: "MASTERDOWN",
    exceptions.ClusterDownError: "CLUSTERDOWN",
    exceptions.TryAgainError: "TRYAGAIN",
}


async def rediscover(client: Client) -> None:
    """Learn anew where the data lives after a failure: ask a cluster for its nodes, drop idle connections otherwise.

    redis-py does so for single commands only; a client that sends pipelines alone would ask a dead node for ever.
    """
    if isinstance(client, RedisCluster):
        await client.nodes_manager.initialize()
    else:
        await client.connection_pool.disconnect(inuse_connections=False)


async def close(client: Client) -> None:
    """Close every connection of a client, those to its Sentinels included."""
    pool = None if isinstance(client, RedisCluster) else client.connection_pool
    await client.aclose()
    if isinstance(pool, SentinelConnectionPool):
        await pool.disconnect()
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


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
    waiting = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s, "max_connections": MAX_CONNECTIONS}
    return {**waiting, "protocol": 2, **given}


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
    asking = {name: options[name] for name in ("socket_timeout", "socket_connect_timeout")}
    for name in ("username", "password"):
        if secret := options.pop(f"sentinel_{name}", None):
            asking[name] = secret
    sentinels: Any = Sentinel(_hosts(parts, 26379), sentinel_kwargs=asking, **options)  # type: ignore[no-untyped-call]
    master: Redis = sentinels.master_for(service)
    return master
