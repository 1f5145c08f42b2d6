"""M3U playlists as players write them."""

from typing import Any

import pytest


def test_ext_lines_name_the_track(read: Any) -> None:
    rows, _ = read("a.m3u", "#EXTM3U\n#EXTINF:283,Grateful Dead - Slipknot!\n/music/x.mp3\n")
    assert rows == [
        {"line": 3, "session": "1", "artist": "Grateful Dead", "title": "Slipknot!", "duration": "283"},
    ]


@pytest.mark.parametrize(
    ("path", "artist", "title"),
    [
        ("Can/Tago Mago/04 - Halleluwah.flac", "Can", "Halleluwah"),
        ("C:\\Music\\Can - Halleluwah.mp3", "Can", "Halleluwah"),
        ("01 Can - Halleluwah.mp3", "Can", "Halleluwah"),
        ("file:///m/Can/Tago%20Mago/Mushroom.mp3", "Can", "Mushroom"),
        ("Halleluwah.mp3", None, "Halleluwah"),
        ("99.mp3", None, "99"),
    ],
)
def test_without_ext_lines_the_path_names_it(read: Any, path: str, artist: str | None, title: str) -> None:
    rows, _ = read("a.m3u8", path + "\n")
    assert (rows[0].get("artist"), rows[0]["title"]) == (artist, title)


def test_an_old_m3u_may_be_from_windows(read: Any) -> None:
    rows, _ = read("a.m3u", "Björk - Jóga.mp3\n".encode("cp1252"))
    assert (rows[0]["artist"], rows[0]["title"]) == ("Björk", "Jóga")
