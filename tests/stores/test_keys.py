"""Keys: one place in a cluster for a lane's sessions and its log, and no two listeners share a key."""

from hypothesis import example, given
from hypothesis import strategies as st
from redis.crc import key_slot

from app.stores.keys import LANES, damaged_key, events_key, lane_of, session_key

IDS = st.text(st.characters() | st.sampled_from("{}%:"), max_size=30)


def test_key_names_version_lane_listener_and_what_it_holds() -> None:
    assert session_key("ann") == b"segue:2:{51}:ann:session"
    assert damaged_key("ann") == b"segue:2:{51}:ann:damaged"
    assert events_key(51) == b"segue:2:{51}:events"


@given(IDS)
@example("")
@example("}")
@example("{}")
@example("a}b{c")
@example("\ud800")
def test_keys_of_a_listener_share_a_slot_with_the_log(listener_id: str) -> None:
    slot = key_slot(events_key(lane_of(listener_id)))
    assert key_slot(session_key(listener_id)) == key_slot(damaged_key(listener_id)) == slot


@given(IDS, IDS)
@example("a:session", "a")
@example("", ":session")
@example("events", "")
def test_two_listeners_never_share_a_key(one: str, other: str) -> None:
    assert (session_key(one) == session_key(other)) == (one == other)
    assert session_key(one) != damaged_key(other)
    assert events_key(lane_of(one)) not in (session_key(one), damaged_key(one))


def test_listeners_spread_over_the_lanes() -> None:
    counts = [0] * LANES
    for number in range(6400):
        counts[lane_of(f"listener-{number}")] += 1
    assert min(counts) > 60
    assert max(counts) < 140


def test_lanes_spread_over_the_nodes_of_a_cluster() -> None:
    """As many clusters are shared out: slots in equal runs."""
    for nodes in (2, 3, 4, 6):
        held = [key_slot(events_key(lane)) * nodes // 16384 for lane in range(LANES)]
        assert max(held.count(node) for node in range(nodes)) <= 1.5 * LANES / nodes
        assert min(held.count(node) for node in range(nodes)) >= 0.6 * LANES / nodes
