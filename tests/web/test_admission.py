"""Who may make a call, with keys and without."""

import pytest
from starlette.requests import Request

from app.domain.api_keys import KeyRing, Scope, new_key
from app.web.admission import (
    KEY,
    KeyNeeded,
    KeyRefused,
    NotAdmitted,
    ScopeMissing,
    admit_holder,
    admit_keyless,
    check_scope,
    require,
)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_without_keys_this_machine_may_do_everything(host: str) -> None:
    admit_keyless(Scope.ADMIN, host, open_without_keys=True)


@pytest.mark.parametrize("host", ["192.168.1.7", "203.0.113.9", "2001:db8::1", "::ffff:10.0.0.1", "localhost", ""])
def test_without_keys_everybody_else_may_not_change_what_is_served(host: str) -> None:
    """Nor a name: whoever sends it chose it."""
    with pytest.raises(NotAdmitted, match="this machine"):
        admit_keyless(Scope.ADMIN, host, open_without_keys=True)
    admit_keyless(Scope.RECOMMEND, host, open_without_keys=True)


@pytest.mark.parametrize("scope", [*Scope, None])
def test_without_keys_a_service_on_the_network_answers_nobody(scope: Scope | None) -> None:
    """The keys were taken away while it ran."""
    with pytest.raises(KeyNeeded, match="segue keys create"):
        admit_keyless(scope, "127.0.0.1", open_without_keys=False)


def test_who_holds_a_live_key_is_let_in() -> None:
    key, secret = new_key("app", [], now=0.0)
    assert admit_holder(KeyRing.of([key]), secret, 1.0) is key


def test_a_message_never_repeats_what_was_sent() -> None:
    """It may be a secret with one letter wrong."""
    ring = KeyRing.of([new_key("app", [], now=0.0)[0]])
    with pytest.raises(KeyRefused) as refused:
        admit_holder(ring, "segue_0a0a0a0a_canary", 1.0)
    assert "canary" not in str(refused.value)


def test_the_holder_of_a_dead_key_is_told_why() -> None:
    expired, first = new_key("old app", [], now=0.0, lifetime_s=1.0)
    revoked, second = new_key("lost phone", [], now=0.0)
    ring = KeyRing.of([expired, revoked]).revoking(revoked.key_id, 1.0)
    with pytest.raises(KeyRefused, match=r"'old app'.*expired"):
        admit_holder(ring, first, 2.0)
    with pytest.raises(KeyRefused, match=r"'lost phone'.*revoked"):
        admit_holder(ring, second, 2.0)


def test_no_scope_contains_another() -> None:
    """Not even admin: a key is for what it says and for nothing else."""
    for held in Scope:
        key, _ = new_key("app", [held], now=0.0)
        check_scope(key, held)
        check_scope(key, None)
        for other in set(Scope) - {held}:
            with pytest.raises(ScopeMissing, match=rf"{other.value}.*{held.value}"):
                check_scope(key, other)


def test_a_call_may_need_more_than_its_path_says() -> None:
    key, _ = new_key("app", [Scope.RECOMMEND], now=0.0)
    with pytest.raises(ScopeMissing, match="events"):
        require(Request({"type": "http", "state": {KEY: key}}), Scope.EVENTS)
    require(Request({"type": "http", "state": {KEY: None}}), Scope.EVENTS)
