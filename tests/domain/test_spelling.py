"""Which spellings are the same song."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.spelling import song_key, text_key, without_featuring, without_release


@given(st.text())
def test_text_key_is_idempotent(text: str) -> None:
    """Folding twice changes nothing: a key can be compared with a key."""
    assert text_key(text_key(text)) == text_key(text)


@given(st.text(alphabet=st.characters(categories=["L", "M", "Zs"])))
def test_text_key_does_not_depend_on_composition(text: str) -> None:
    """A letter with its accent as one character or as two is the same name."""
    assert text_key(unicodedata.normalize("NFD", text)) == text_key(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize(
    ("title", "song"),
    [
        ("Heroes - 2017 Remaster", "Heroes"),
        ("Heroes (2017 Remastered Version)", "Heroes"),
        ("Paint It, Black - Mono", "Paint It, Black"),
        ("Thriller [Single Version]", "Thriller"),
        ("Remaster", "Remaster"),
        ("Mono No Aware", "Mono No Aware"),
        ("1979 - Remastered 2012", "1979"),
    ],
)
def test_release_notes_are_not_part_of_the_song(title: str, song: str) -> None:
    """Only a trailing note goes; a title that is nothing else stays."""
    assert without_release(title) == song


@pytest.mark.parametrize(
    ("title", "song"),
    [
        ("Umbrella (feat. Jay-Z)", "Umbrella"),
        ("Umbrella ft. Jay-Z", "Umbrella"),
        ("Crazy in Love [featuring Jay-Z]", "Crazy in Love"),
        ("Left Feat", "Left Feat"),
        ("Draft Day", "Draft Day"),
    ],
)
def test_guests_are_not_part_of_the_song(title: str, song: str) -> None:
    """A guest credit goes, words that only look like one stay."""
    assert without_featuring(title) == song


def test_song_key_keeps_artist_and_title_apart() -> None:
    """`A B` by `C` is not `B` by `C A`."""
    assert song_key("Yes", "No") != song_key("Yes No", "")
    assert song_key("David  Bowie", "Heroes - 2017 Remaster") == song_key("david bowie", "heroes")
