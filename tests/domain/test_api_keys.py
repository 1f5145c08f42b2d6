"""API keys: made once, recognised by their digest, two of a name at once."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.api_keys import KeyRing, Scope, new_key
from app.errors import InvalidRequest


def test_a_key_is_found_by_its_secret_and_by_nothing_else() -> None:
    """One letter more, less or other opens nothing."""
    key, secret = new_key("app", [Scope.EVENTS], now=0.0)
    ring = KeyRing.of([key, new_key("other", [], now=0.0)[0]])
    assert ring.find(secret) is key
    for wrong in (secret[:-1], secret + "A", secret[:-1] + ("A" if secret[-1] != "A" else "B"), secret.upper(), ""):
        assert ring.find(wrong) is None


@given(st.text())
def test_no_text_opens_the_door(text: str) -> None:
    """Nor breaks it: surrogates, NUL, anything."""
    key, secret = new_key("app", [Scope.ADMIN], now=0.0)
    ring = KeyRing.of([key])
    assert ring.find(text) is None
    assert ring.find(secret[:15] + text) is None


def test_a_secret_is_long_and_is_not_kept() -> None:
    """Forty-three characters of base64 are 256 bits; the key knows only their digest."""
    key, secret = new_key("app", [Scope.EVENTS], now=0.0)
    assert re.fullmatch(r"segue_[0-9a-f]{8}_[\w-]{43}", secret)
    assert secret[15:] not in repr(key)


def test_a_key_ends_when_it_expires_or_is_revoked() -> None:
    key, secret = new_key("app", [], now=100.0, lifetime_s=50.0)
    assert (key.is_live(149.9), key.is_live(150.0)) == (True, False)
    ring = KeyRing.of([key]).revoking(key.key_id, 120.0)
    assert ring.live(121.0) == []
    assert ring.find(secret) == ring.keys[key.key_id]
    assert ring.revoking(key.key_id, 130.0) == ring


def test_the_last_key_revoked_does_not_empty_the_ring() -> None:
    """Or the door would open when the last key is taken away."""
    key, _ = new_key("app", [], now=0.0)
    assert not KeyRing.of([key]).revoking(key.key_id, 1.0).is_empty


def test_two_keys_of_a_name_are_live_at_once_and_no_third() -> None:
    """The old one works while the new one is handed out."""
    first, second, third = (new_key("app", [], now=0.0)[0] for _ in range(3))
    ring = KeyRing.of([first]).adding(second, 1.0)
    with pytest.raises(InvalidRequest, match=first.key_id):
        ring.adding(third, 1.0)
    assert len(ring.revoking(first.key_id, 2.0).adding(third, 2.0).live(2.0)) == 2


def test_an_unknown_id_cannot_be_revoked() -> None:
    with pytest.raises(InvalidRequest, match="segue keys list"):
        KeyRing().revoking("00000000", 0.0)


@pytest.mark.parametrize("name", ["", " app", "a\nb", "a\x1b[31m", "x" * 65])
def test_a_name_is_fit_for_a_list(name: str) -> None:
    with pytest.raises(InvalidRequest, match="printable"):
        new_key(name, [], now=0.0)
