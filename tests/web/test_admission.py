"""Who may make a call, with keys and without."""

import pytest
from starlette.requests import Request

from app.domain.api_keys import KeyRing, Scope, new_key
from app.web.admission import (
    KEY,
    HouseRules,
    KeyNeeded,
    KeyRefused,
    NotAdmitted,
    ScopeMissing,
    admit_holder,
    admit_keyless,
    check_addressed,
    check_scope,
    require,
)


def house(*, on_loopback: bool = False, open_without_keys: bool = False) -> HouseRules:
    return HouseRules(on_loopback, open_without_keys, None, 60_000, 600)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_without_keys_this_machine_may_do_everything(host: str) -> None:
    admit_keyless(Scope.ADMIN, host, house(on_loopback=True))


@pytest.mark.parametrize("host", ["192.168.1.7", "203.0.113.9", "2001:db8::1", "::ffff:10.0.0.1", "localhost", ""])
def test_without_keys_everybody_else_may_not_change_what_is_served(host: str) -> None:
    """Nor a name: whoever sends it chose it."""
    with pytest.raises(NotAdmitted, match="this machine"):
        admit_keyless(Scope.ADMIN, host, house(open_without_keys=True))
    admit_keyless(Scope.RECOMMEND, host, house(open_without_keys=True))


@pytest.mark.parametrize("scope", [*Scope, None])
def test_without_keys_a_service_on_the_network_answers_nobody(scope: Scope | None) -> None:
    """The keys were taken away while it ran."""
    with pytest.raises(KeyNeeded, match="segue keys create"):
        admit_keyless(scope, "127.0.0.1", house())


@pytest.mark.parametrize(
    "value",
    ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "http://localhost:3000", "https://app.localhost"],
)
def test_a_page_of_this_machine_is_let_in(value: str) -> None:
    check_addressed(b"origin", value.encode())


@pytest.mark.parametrize(
    "value",
    [
        "",
        "null",
        "evil.example",
        "evil.example:8000",
        "https://evil.example",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://localhost@evil.example",
        "file://",
        "http://[::2]",
        "a" * 5000,
    ],
)
def test_a_page_from_elsewhere_is_not(value: str) -> None:
    """The browser is on this machine, but who asks is not."""
    with pytest.raises(NotAdmitted, match="this machine"):
        check_addressed(b"origin", value.encode())


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
