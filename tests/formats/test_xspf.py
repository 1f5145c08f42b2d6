"""XSPF as others write it, and XML that means harm."""

from typing import Any

import pytest

from app.errors import UnreadableSource


def test_creator_title_and_identifier_are_read(read: Any) -> None:
    rows, _ = read(
        "a.xspf",
        '<playlist version="1" xmlns="http://xspf.org/ns/0/"><title>list</title><trackList><track>'
        "<location>file:///x.mp3</location><identifier>http://mb.org/1</identifier>"
        "<title>Jóga</title><creator>Björk</creator><duration>305000</duration></track></trackList></playlist>",
    )
    assert rows == [
        {
            "line": 1,
            "session": "1",
            "track_id": "http://mb.org/1",
            "artist": "Björk",
            "title": "Jóga",
            "duration_ms": "305000",
        }
    ]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('<!DOCTYPE p [<!ENTITY a "x"><!ENTITY b "&a;&a;">]><playlist>&b;</playlist>', "without a DTD"),
        ('<!DOCTYPE p SYSTEM "file:///etc/passwd"><playlist/>', "without a DTD"),
        ("<playlist><track>", "not well-formed"),
        ("<html/>", "got <html>"),
    ],
)
def test_hostile_or_broken_xml_is_refused(read: Any, content: str, complaint: str) -> None:
    with pytest.raises(UnreadableSource, match=complaint):
        read("a.xspf", content)
