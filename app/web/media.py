"""Which of the media types on offer the caller would rather have (RFC 9110, section 12.5.1).

Knows nothing of what is offered.
"""

from collections.abc import Sequence

from app.errors import Rejected


class NotAcceptable(Rejected):
    """A request that accepts none of the media types the answer can be had in."""


def preferred(accept: str, offered: Sequence[str]) -> str:
    """Return the offered media type of the highest quality; among equals the first. Raise NotAcceptable for none."""
    ranges = [_range(part) for part in accept.split(",") if part.strip()] or [("*/*", 1.0)]
    qualities = [_quality(media_type, ranges) for media_type in offered]
    best = max(qualities)
    if best <= 0:
        raise NotAcceptable(f"Expected `accept` to allow one of {', '.join(offered)}, got {accept!r}.")
    return offered[qualities.index(best)]


def _range(part: str) -> tuple[str, float]:
    media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = min(max(float(value), 0.0), 1.0)
            except ValueError:
                quality = 0.0  # a quality that is no number asks for nothing
    return media_range, quality


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The most specific range decides: `text/html;q=0, */*` means anything but HTML."""
    for wanted in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        for media_range, quality in ranges:
            if media_range == wanted:
                return quality
    return 0.0
