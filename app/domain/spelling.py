"""When two spellings mean the same artist, title or song. Knows nothing of catalogues or files."""

import base64
import hashlib
import re
import unicodedata

_FEATURING = re.compile(r"\s*[\(\[]?\s*\b(?:feat|ft|featuring)\b\.?\s.*$", re.IGNORECASE)
_RELEASE = (
    r"(?:\d{4}\s+)?(?:digital(?:ly)?\s+)?(?:remaster(?:ed)?|remastered version|mono|stereo|single version"
    r"|album version|radio edit|single edit|bonus track|deluxe edition)(?:\s+\d{4})?(?:\s+version)?"
)
_RELEASE_SUFFIX = re.compile(rf"\s*(?:[-–—]\s*{_RELEASE}|[\(\[]\s*{_RELEASE}\s*[\)\]])\s*$", re.IGNORECASE)


def text_key(text: str) -> str:
    """Fold a name to the form that is compared: NFC, case-folded, white space collapsed."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def without_release(title: str) -> str:
    """Drop a trailing release note: `Heroes - 2017 Remaster` and `Heroes (Mono)` are `Heroes`."""
    shorter = _RELEASE_SUFFIX.sub("", title)
    return shorter if shorter.strip() else title


def without_featuring(title: str) -> str:
    """Drop a trailing guest credit: `Umbrella (feat. Jay-Z)` is `Umbrella`."""
    shorter = _FEATURING.sub("", title)
    return shorter if shorter.strip() else title


def song_key(artist: str, title: str) -> str:
    """Return one key for every release of a song; artist and title are kept apart by a unit separator."""
    return f"{text_key(artist)}\x1f{text_key(without_release(without_featuring(title)))}"


def name_key(artist: str, title: str) -> str:
    """Return one key for every spelling of a track's artist and title, which are kept apart by a unit separator."""
    return f"{text_key(artist)}\x1f{text_key(title)}"


def derived_id(key: str) -> str:
    """Return 16 characters of base32: the first 80 bits of the SHA-256 of the folded artist and title."""
    return base64.b32encode(hashlib.sha256(key.encode()).digest()[:10]).decode().lower()
