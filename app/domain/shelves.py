"""A catalogue's rows by album, year and tag, for the rules that ask for them.

What a catalogue does not tell of a track fails a rule that asks for it. Knows nothing of listeners.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from weakref import WeakKeyDictionary

from app.domain.catalogue import Catalogue, Track
from app.domain.rules import Rules
from app.domain.spelling import text_key

# Apps ask for the same few rules again and again; each answer is as large as the catalogue.
REMEMBERED = 32


class Shelves:
    """One catalogue's rows, looked through when a rule first asks."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self._tracks = tracks
        self._failing: dict[tuple[object, ...], frozenset[int]] = {}

    def of_album(self, row: int) -> Sequence[int]:
        """Return the rows of a track's album, none where nobody told which it is on."""
        key = _album(self._tracks[row])
        return () if key is None else self._albums[key]

    def tagged(self, tag: str) -> frozenset[int]:
        """Return the rows with this tag or genre, however it is spelled."""
        return self._tags.get(text_key(tag), frozenset())

    def failing(self, rules: Rules) -> dict[str, frozenset[int]]:
        """Return the rows that fail the rules about years, and those that fail the rules about tags."""
        failing = {}
        if rules.year_from is not None or rules.year_to is not None:
            years = ("years", rules.year_from, rules.year_to)
            failing["years"] = self._remembered(years, lambda: self._of_other_years(rules))
        if rules.tags_any or rules.tags_all or rules.tags_none:
            tags = ("tags", rules.tags_any, rules.tags_all, rules.tags_none)
            failing["tags"] = self._remembered(tags, lambda: self._of_other_tags(rules))
        return failing

    def _remembered(self, asked: tuple[object, ...], found: Callable[[], frozenset[int]]) -> frozenset[int]:
        if asked not in self._failing:
            if len(self._failing) >= REMEMBERED:
                del self._failing[next(iter(self._failing))]
            self._failing[asked] = found()
        return self._failing[asked]

    def _of_other_years(self, rules: Rules) -> frozenset[int]:
        first = 0 if rules.year_from is None else rules.year_from
        last = 9999 if rules.year_to is None else rules.year_to
        return frozenset(
            row for row, track in enumerate(self._tracks) if track.year is None or not first <= track.year <= last
        )

    def _of_other_tags(self, rules: Rules) -> frozenset[int]:
        every = frozenset(range(len(self._tracks)))
        allowed = frozenset[int]().union(*map(self.tagged, rules.tags_any)) if rules.tags_any else every
        for tag in rules.tags_all:
            allowed &= self.tagged(tag)
        for tag in rules.tags_none:
            allowed -= self.tagged(tag)
        return every - allowed

    @cached_property
    def _albums(self) -> dict[tuple[str, str], list[int]]:
        rows: dict[tuple[str, str], list[int]] = {}
        for row, track in enumerate(self._tracks):
            if (key := _album(track)) is not None:
                rows.setdefault(key, []).append(row)
        return rows

    @cached_property
    def _tags(self) -> dict[str, frozenset[int]]:
        rows: dict[str, set[int]] = {}
        for row, track in enumerate(self._tracks):
            for name in (*track.tags, *((track.genre,) if track.genre else ())):
                rows.setdefault(text_key(name), set()).add(row)
        return {name: frozenset(found) for name, found in rows.items()}


_SHELVES: WeakKeyDictionary[Catalogue, Shelves] = WeakKeyDictionary()


def shelves_of(catalogue: Catalogue) -> Shelves:
    """Return the shelves of a catalogue, the same for as long as it is held."""
    if catalogue not in _SHELVES:
        _SHELVES[catalogue] = Shelves(list(catalogue))
    return _SHELVES[catalogue]


def _album(track: Track) -> tuple[str, str] | None:
    return (text_key(track.artist), text_key(track.album)) if track.album else None
