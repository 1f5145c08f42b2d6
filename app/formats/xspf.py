"""XSPF playlists (xspf.org, version 1): XML, read with entity expansion and outside references refused."""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from app.domain.catalogue import Track
from app.formats.columns import Layout
from app.formats.listen import Batch, Reject, Row, batches_of
from app.formats.playlist_text import as_written, id_in, location, one_line
from app.formats.source import SourceFile

_FIELDS = ("session", "track_id", "artist", "title", "album", "duration_ms")


def write_xspf(tracks: Sequence[Track], title: str) -> str:
    """Return the tracks as an XSPF playlist."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<playlist version="1" xmlns="http://xspf.org/ns/0/">',
        f"  <title>{escape(one_line(title))}</title>",
        "  <trackList>",
    ]
    for track in map(as_written, tracks):
        lines.append("    <track>")
        lines.append(f"      <identifier>{escape(location(track.track_id))}</identifier>")
        lines.append(f"      <title>{escape(track.title)}</title>")
        if track.artist:
            lines.append(f"      <creator>{escape(track.artist)}</creator>")
        if track.album:
            lines.append(f"      <album>{escape(track.album)}</album>")
        if track.duration_s is not None:
            lines.append(f"      <duration>{track.duration_s * 1000}</duration>")
        lines.append("    </track>")
    return "\n".join([*lines, "  </trackList>", "</playlist>"]) + "\n"


def read_xspf(source: SourceFile, layout: Layout) -> Iterator[Batch]:  # noqa: ARG001 - one signature for all
    """Yield the tracks of a playlist as one session; the line of a track is its place in the list.

    An identifier names the track; a location only says where a file lies. Raises UnreadableSource for XML that is
    broken, hostile or no playlist.
    """
    # Reading needs defusedxml, which the serving install does without; writing does not.
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(source.read(), forbid_dtd=True)
    except ParseError as error:
        raise source.refuse(f"an XSPF playlist, but it is not well-formed XML ({error})") from None
    except DefusedXmlException as error:
        raise source.refuse(f"an XSPF playlist without a DTD or entities, got {type(error).__name__}") from None
    except (ValueError, LookupError) as error:
        raise source.refuse(f"an XSPF playlist, but its XML cannot be read ({error})") from None
    if _name(root.tag) != "playlist":
        raise source.refuse(f"an XSPF <playlist>, got <{_name(root.tag)}>")
    entries = [
        {_name(child.tag): (child.text or "").strip() for child in reversed(track)}
        for track in root.iter()
        if _name(track.tag) == "track"
    ]
    return batches_of(_FIELDS, (_row(number, entry) for number, entry in enumerate(entries, start=1)))


def _name(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _row(number: int, entry: dict[str, str]) -> Row | Reject:
    identifier = entry.get("identifier", "")
    track_id = id_in(identifier) or identifier or id_in(entry.get("location", ""))
    names = (entry.get("creator"), entry.get("title"), entry.get("album"), entry.get("duration"))
    return number, "1", track_id, *names
