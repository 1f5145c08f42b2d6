"""Keys: one place in a cluster for all of a listener's keys, whatever the id, and no two listeners share one."""

from hypothesis import example, given
from hypothesis import strategies as st
from redis.crc import key_slot

from app.stores.keys import damaged_key, session_key

IDS = st.text(st.characters() | st.sampled_from("{}%"), max_size=30)


def test_key_names_version_listener_and_what_it_holds() -> None:
    assert session_key("ann") == b"segue:1:{ann}:session"
    assert damaged_key("ann") == b"segue:1:{ann}:damaged"


@given(IDS)
@example("")
@example("}")
@example("{}")
@example("a}b{c")
def test_keys_of_one_listener_share_a_slot(listener_id: str) -> None:
    assert key_slot(session_key(listener_id)) == key_slot(damaged_key(listener_id))


@given(IDS, IDS)
@example("{", "%7B")
@example("", "%")
def test_two_listeners_never_share_a_key(one: str, other: str) -> None:
    assert (session_key(one) == session_key(other)) == (one == other)
    assert session_key(one) != damaged_key(other)


def test_slots_spread_over_listeners_whose_ids_hold_braces() -> None:
    """Were the id's own braces taken for the hash tag, these would all lie on one node."""
    assert len({key_slot(session_key(f"{{team}}{number}")) for number in range(100)}) > 90
