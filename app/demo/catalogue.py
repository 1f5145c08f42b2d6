"""The catalogue that ships: real, well-known tracks, written down by hand in `tracks.tsv`.

Knows nothing of who listens to them.
"""

from importlib import resources
from zlib import crc32

from app.domain.catalogue import Catalogue, Track

GENRES = (
    "rock and roll",
    "classic rock",
    "soul",
    "disco",
    "blues",
    "jazz",
    "reggae",
    "punk",
    "metal",
    "alternative",
    "folk",
    "country",
    "synth-pop",
    "electronic",
    "hip hop",
    "r&b",
    "indie",
    "pop",
    "latin",
)
TAGS = (
    "acoustic",
    "anthem",
    "brass",
    "dance",
    "dark",
    "dreamy",
    "energy",
    "epic",
    "groove",
    "guitar",
    "heartbreak",
    "instrumental",
    "live-favourite",
    "love",
    "mellow",
    "night",
    "party",
    "piano",
    "protest",
    "road",
    "storytelling",
    "strings",
    "summer",
    "synth",
    "upbeat",
)
COLUMNS = ("track_id", "artist", "title", "year", "genre", "album", "tags", "duration_s")


def demo_catalogue() -> Catalogue:
    """Return every demo track, in the order of the file: by genre, then by artist."""
    text = (resources.files("app.demo") / "tracks.tsv").read_text(encoding="utf-8")
    _, *lines = text.splitlines()
    return Catalogue([_track(line.split("\t")) for line in lines])


def part_of(catalogue: Catalogue, tracks: int) -> Catalogue:
    """Return `tracks` of the tracks in the same order: whole artists, taken over all genres alike, and part of one."""
    # Sorting by a checksum of the name shuffles the artists without chance: the same part every time.
    mixed = sorted(catalogue, key=lambda track: crc32(track.artist.encode()))
    kept = {track.track_id for track in mixed[:tracks]}
    return Catalogue([track for track in catalogue if track.track_id in kept])


def _track(cells: list[str]) -> Track:
    track_id, artist, title, year, genre, album, tags, duration_s = cells
    return Track(
        track_id=track_id,
        title=title,
        artist=artist,
        album=album or None,
        year=int(year),
        genre=genre,
        tags=tuple(tags.split(",")),
        duration_s=int(duration_s) if duration_s else None,
    )
