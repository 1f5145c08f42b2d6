"""Every key Segue writes into Redis, and how long each one lives. Nothing else names a key.

    segue:2:{51}:ann:session   the session record           settings.session_ttl_s after the last commit
    segue:2:{51}:ann:damaged   a record no one could read   DAMAGED_TTL_S, for whoever wants to know why
    segue:2:{51}:events        the event log of lane 51     for good; its length is bounded
    segue:2:collector          which log is collected into  a minute or two after its last round
    segue:2:answer:7c9e…       the answer to a request      settings.answers_kept_s after it was given
    segue:2:{51}:ann:answers   which answers speak of ann   settings.answers_kept_s after the last was begun
    segue:2:online:20261122T…  how well a checkpoint foresees  ONLINE_TTL_S after its last event

In the Redis that training runs go through, which keeps RQ's own `rq:` keys beside them:

    segue:2:training:runs      ids by when they were asked  for good; its length is bounded
    segue:2:training:current   the run that is not over     until it is
    segue:2:training:schedule  what the schedule last saw   for good
    segue:2:training:run:run-2…  one run                    RUN_TTL_S after its last change
    segue:2:training:log:run-2…  what it told               RUN_TTL_S after its last line

Channels are no keys and hold nothing: changes of a session are told on one of the session key's name (`live.py`).

A listener belongs to one of 64 lanes, by a checksum of the id. A lane is a hash tag, so that a Redis Cluster keeps
the sessions of a lane and its event log on one node, and one script can change both. Sixty-four, because each lane is
one stream to be collected and one slot of a cluster: enough to spread over half a dozen nodes.

`2` is the version of this page: a change of what a key holds raises it, and old keys expire by themselves. The
record inside has a schema of its own, which is migrated on read (`session_record.py`).
"""

from zlib import crc32

PREFIX = "segue:2:"
LANES = 64
LIVE_CHANNEL = f"{PREFIX}live".encode()  # says nothing; a worker that may listen to it may listen to the others
COLLECTOR_KEY = f"{PREFIX}collector".encode()
RUNS_KEY = f"{PREFIX}training:runs".encode()
CURRENT_RUN_KEY = f"{PREFIX}training:current".encode()
SCHEDULE_KEY = f"{PREFIX}training:schedule".encode()
RUN_TTL_S = 90 * 24 * 3600
ONLINE_TTL_S = 90 * 24 * 3600
DAMAGED_TTL_S = 7 * 24 * 3600
ANY_SESSION = f"{PREFIX}{{*}}:*:session".encode()  # a pattern for SCAN


def lane_of(listener_id: str) -> int:
    """Return the lane of a listener: the same for ever, on every machine."""
    return crc32(listener_id.encode("utf-8", "surrogatepass")) % LANES


def session_key(listener_id: str) -> bytes:
    """Return the key of a listener's session record."""
    return _listener_key(listener_id, "session")


def listener_of(key: bytes) -> str:
    """Return the listener whose session record a key holds."""
    return key.removesuffix(b":session").partition(b"}:")[2].decode("utf-8", "surrogatepass")


def damaged_key(listener_id: str) -> bytes:
    """Return the key that keeps a listener's unreadable record for a while."""
    return _listener_key(listener_id, "damaged")


def online_key(checkpoint_id: str) -> bytes:
    """Return the key of a checkpoint's tallies."""
    return f"{PREFIX}online:{checkpoint_id}".encode()


def run_key(run_id: str) -> bytes:
    """Return the key of a training run."""
    return f"{PREFIX}training:run:{run_id}".encode()


def run_log_key(run_id: str) -> bytes:
    """Return the key of what a training run told."""
    return f"{PREFIX}training:log:{run_id}".encode()


def events_key(lane: int) -> bytes:
    """Return the key of a lane's event log."""
    return f"{PREFIX}{{{lane}}}:events".encode()


def answer_key(name: bytes) -> bytes:
    """Return the key of the answer to a request of this name, a digest."""
    return f"{PREFIX}answer:{name.hex()}".encode()


def answers_of_key(listener_id: str) -> bytes:
    """Return the key that says which kept answers speak of a listener."""
    return _listener_key(listener_id, "answers")


def _listener_key(listener_id: str, what: str) -> bytes:
    # A cluster hashes what lies between the first brace and the next closing one: the lane, whatever the id holds.
    return f"{PREFIX}{{{lane_of(listener_id)}}}:{listener_id}:{what}".encode("utf-8", "surrogatepass")
