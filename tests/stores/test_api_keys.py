"""The file of API keys: whole at any moment, refused when it is something else."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import time

import pytest

from app.domain.api_keys import KeyRing, Scope, new_key
from app.errors import UnreadableSource
from app.stores.api_keys import ApiKeyFile


def test_keys_come_back_as_they_were_written(tmp_path: Path) -> None:
    """To the second, which is what the file says."""
    file = ApiKeyFile(tmp_path / "new" / "keys.json")
    key, _ = new_key("Ann's app", [Scope.EVENTS, Scope.ADMIN], now=1e9, lifetime_s=60.0, requests_per_minute=5)
    ring = file.change(lambda ring: ring.adding(key, 1e9).revoking(key.key_id, 1e9 + 1))
    assert file.read() == ring
    assert ring.keys[key.key_id].revoked_at == 1e9 + 1


def test_the_file_holds_no_secret(tmp_path: Path) -> None:
    file = ApiKeyFile(tmp_path / "keys.json")
    key, secret = new_key("app", [], now=time())
    file.change(lambda ring: ring.adding(key, time()))
    assert secret[15:] not in file.path.read_text()


def test_no_file_is_no_key(tmp_path: Path) -> None:
    assert ApiKeyFile(tmp_path / "keys.json").read() == KeyRing()


def test_all_who_change_at_once_get_their_way(tmp_path: Path) -> None:
    file = ApiKeyFile(tmp_path / "keys.json")
    keys = [new_key(f"app {number}", [], now=0.0)[0] for number in range(12)]
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda key: file.change(lambda ring: ring.adding(key, 0.0)), keys))
    assert set(file.read().keys) == {key.key_id for key in keys}


def test_a_change_changes_the_stamp(tmp_path: Path) -> None:
    file = ApiKeyFile(tmp_path / "keys.json")
    before = file.stamp()
    file.change(lambda ring: ring)
    assert file.stamp() != before


def test_when_a_key_was_used_is_noted_beside_the_file(tmp_path: Path) -> None:
    file = ApiKeyFile(tmp_path / "keys.json")
    assert file.last_used("0a0a0a0a") is None
    file.note_used(["0a0a0a0a"])
    used = file.last_used("0a0a0a0a")
    assert used is not None
    assert abs(used - time()) < 60


def test_a_folder_that_cannot_be_written_only_forgets_the_use(tmp_path: Path) -> None:
    """As where the file is mounted into a container, read-only."""
    file = ApiKeyFile(tmp_path / "missing" / "keys.json")
    file.note_used(["0a0a0a0a"])
    assert file.last_used("0a0a0a0a") is None


KEY = '{"id": "%s", "name": "a", "scopes": [%s], "sha256": "%s", "created_at": "2026-11-22T10:15:00Z"'
REST = ', "expires_at": null, "revoked_at": null, "requests_per_minute": null}'


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "null",
        '{"format_version": 2, "keys": []}',
        '{"format_version": 1}',
        '{"format_version": 1, "keys": [{}]}',
        '{"format_version": 1, "keys": [%s]}' % (KEY % ("../../etc", "", "00" * 32) + REST),
        '{"format_version": 1, "keys": [%s]}' % (KEY % ("0a0a0a0a", '"root"', "00" * 32) + REST),
        '{"format_version": 1, "keys": [%s]}' % (KEY % ("0a0a0a0a", "", "00") + REST),
        "[" * 100_000,
    ],
)
def test_anything_else_is_refused_by_name(tmp_path: Path, content: str) -> None:
    """The door stays shut rather than open by mistake."""
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(UnreadableSource, match=r"keys\.json"):
        ApiKeyFile(path).read()
