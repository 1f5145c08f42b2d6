"""Every key Segue writes into Redis, and how long each one lives. Nothing else names a key.

A listener's keys share one hash tag, so that a Redis Cluster keeps them on one node:

    segue:1:{ann}:session      the session record           settings.session_ttl_s after the last commit
    segue:1:{ann}:damaged      a record no one could read   DAMAGED_TTL_S, for whoever wants to know why

`1` is the version of this page: a change of what a key holds raises it, and old keys expire by themselves. The
record inside has a schema of its own, which is migrated on read (`session_record.py`).
"""

PREFIX = "segue:1:"
DAMAGED_TTL_S = 7 * 24 * 3600


def session_key(listener_id: str) -> bytes:
    """Return the key of a listener's session record."""
    return _listener_key(listener_id, "session")


def damaged_key(listener_id: str) -> bytes:
    """Return the key that keeps a listener's unreadable record for a while."""
    return _listener_key(listener_id, "damaged")


def _listener_key(listener_id: str, what: str) -> bytes:
    # A cluster hashes what lies between the first brace and the next closing one, unless that is nothing. Braces in
    # an id are escaped, and an empty id is not left empty, so that it is always the whole id that is hashed.
    tag = listener_id.replace("%", "%25").replace("{", "%7B").replace("}", "%7D") or "%"
    return f"{PREFIX}{{{tag}}}:{what}".encode("utf-8", "surrogatepass")
