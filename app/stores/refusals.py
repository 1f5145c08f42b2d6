"""What Redis says when it cannot serve, in our words. Knows nothing of connections, keys or sessions."""

from redis import exceptions

from app.errors import SessionStoreUnavailable

# What Redis answers when it is there and cannot serve: the first word of its reply, and what to do about it.
_REFUSALS = {
    "LOADING": "is still reading its data; wait until it has",
    "READONLY": "is a replica that takes no writes; name the master, a Sentinel or the cluster in SEGUE_REDIS_URL",
    "OOM": "has reached maxmemory; raise it, or let it evict with maxmemory-policy volatile-lru",
    "MISCONF": "cannot save to its disk and refuses writes; see its log",
    "NOREPLICAS": "has too few replicas to take writes (min-replicas-to-write)",
    "MASTERDOWN": "has lost its master; wait for the fail-over",
    "CLUSTERDOWN": "is a cluster that misses some of its slots; wait for the fail-over or add the node",
    "MOVED": (
        "passes these keys on from node to node: its nodes do not agree yet on who holds them, or SEGUE_REDIS_URL "
        "names a cluster without redis+cluster://"
    ),
    "TRYAGAIN": "is moving these keys to another node; wait until it has",
    "NOAUTH": "asks for a password; put it into SEGUE_REDIS_URL",
    "WRONGPASS": "refuses the user or password in SEGUE_REDIS_URL",
    "NOPERM": "does not let this user do that; docs/session-store.md lists the commands Segue uses",
    "ACL": "does not let this user do that; docs/session-store.md lists the commands Segue uses",
    "BUSY": "is held up by a script; see its log",
    "UNKILLABLE": "is held up by a script; see its log",
}

# redis-py takes the first word off the replies it has a class for.
_REFUSAL_OF: dict[type[BaseException], str] = {
    exceptions.ReadOnlyError: "READONLY",
    exceptions.OutOfMemoryError: "OOM",
    exceptions.NoPermissionError: "NOPERM",
    exceptions.MasterDownError: "MASTERDOWN",
    exceptions.ClusterDownError: "CLUSTERDOWN",
    exceptions.MovedError: "MOVED",
    exceptions.AskError: "MOVED",
    exceptions.TryAgainError: "TRYAGAIN",
}


def refusal(error: BaseException) -> SessionStoreUnavailable | None:
    """Say in our words that the server cannot be reached or cannot serve; None for what is a mistake of our own."""
    if isinstance(error, exceptions.AuthenticationError) and error.status_code == "NOAUTH":
        return SessionStoreUnavailable(f"The session store {_REFUSALS['NOAUTH']}.", retry_after_s=5)
    if isinstance(error, exceptions.AuthenticationError):
        return SessionStoreUnavailable(f"The session store {_REFUSALS['WRONGPASS']}: {error}", retry_after_s=5)
    if isinstance(error, exceptions.BusyLoadingError):
        return SessionStoreUnavailable(f"The session store {_REFUSALS['LOADING']}.", retry_after_s=2)
    word = _REFUSAL_OF.get(type(error)) or str(error).partition(" ")[0]
    if isinstance(error, exceptions.ResponseError) and word in _REFUSALS:
        return SessionStoreUnavailable(f"The session store {_REFUSALS[word]}.", retry_after_s=2)
    if isinstance(error, TimeoutError | exceptions.TimeoutError):
        return SessionStoreUnavailable("The session store does not answer in time. Is it overloaded or stopped?")
    if isinstance(error, OSError | exceptions.ConnectionError):
        return SessionStoreUnavailable(f"The session store cannot be reached: {error}")
    return None
