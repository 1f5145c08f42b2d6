"""A catalogue's rows by album, year, tag and country, for the rules that ask for them.

What a catalogue does not tell of a track fails a rule that asks for it, but for countries: without a word a track may
be played in every one. Knows nothing of listeners.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, MutableSequence, Sequence
from weakref import WeakKeyDictionary, proxy

from app.domain.catalogue import Catalogue
from app.domain.rules import Rules
from app.domain.spelling import text_key

# Apps ask for the same few rules again and again; each answer is as large as the catalogue.
REMEMBERED = 32
# Of an artist whose albums are remembered there is a number for each track.
ARTISTS_REMEMBERED = 1 << 14


class Shelves:
    """One catalogue's rows, looked through when a rule first asks."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._failing: dict[tuple[object, ...], frozenset[int]] = {}
        self._albums: dict[str, Mapping[str, Sequence[int]]] = {}

    def of_album(self, row: int) -> Sequence[int]:
        """Return the rows of a track's album, none where nobody told which it is on."""
        track = self._catalogue[row]
        return self._albums_of(track.artist).get(text_key(track.album), ()) if track.album else ()

    def tagged(self, tag: str) -> frozenset[int]:
        """Return the rows with this tag or genre, however it is spelled."""
        return frozenset(self._catalogue.rows_by_tag.get(text_key(tag), ()))

    def failing(self, rules: Rules) -> dict[str, frozenset[int]]:
        """Return the rows that fail the rules about years, tags, explicit words and countries, each by itself."""
        failing = {}
        if rules.year_from is not None or rules.year_to is not None:
            years = ("years", rules.year_from, rules.year_to)
            failing["years"] = self._remembered(years, lambda: self._of_other_years(rules))
        if rules.tags_any or rules.tags_all or rules.tags_none:
            tags = ("tags", rules.tags_any, rules.tags_all, rules.tags_none)
            failing["tags"] = self._remembered(tags, lambda: self._of_other_tags(rules))
        if not rules.explicit:
            failing["explicit"] = self._remembered(("explicit",), self._not_known_clean)
        if rules.market is not None:
            failing["market"] = self._remembered(("market", rules.market), lambda: self._of_other_markets(rules))
        return failing

    def _remembered(self, asked: tuple[object, ...], find: Callable[[], Iterable[int]]) -> frozenset[int]:
        if asked not in self._failing:
            if len(self._failing) >= REMEMBERED:
                del self._failing[next(iter(self._failing))]
            self._failing[asked] = frozenset(find())
        return self._failing[asked]

    def _of_other_years(self, rules: Rules) -> Iterable[int]:
        first = 0 if rules.year_from is None else rules.year_from
        last = 9999 if rules.year_to is None else rules.year_to
        years = enumerate(self._catalogue.stated("year"))
        return (row for row, year in years if year is None or not first <= year <= last)

    def _of_other_tags(self, rules: Rules) -> Iterable[int]:
        every = frozenset(range(len(self._catalogue)))
        allowed = frozenset[int]().union(*map(self.tagged, rules.tags_any)) if rules.tags_any else every
        for tag in rules.tags_all:
            allowed &= self.tagged(tag)
        for tag in rules.tags_none:
            allowed -= self.tagged(tag)
        return every - allowed

    def _not_known_clean(self) -> Iterable[int]:
        return (row for row, explicit in enumerate(self._catalogue.stated("explicit")) if explicit is not False)

    def _of_other_markets(self, rules: Rules) -> Iterable[int]:
        markets = enumerate(self._catalogue.stated("markets"))
        return (row for row, told in markets if told and rules.market not in told)

    def _albums_of(self, artist: str) -> Mapping[str, Sequence[int]]:
        """Return the rows of each album of an artist: who asks for one track's album looks at no other artist."""
        key = text_key(artist)
        if key not in self._albums:
            if len(self._albums) >= ARTISTS_REMEMBERED:
                self._albums.clear()
            albums = defaultdict[str, MutableSequence[int]](lambda: array("i"))
            for row in self._catalogue.of_artist(artist):
                if album := self._catalogue[row].album:
                    albums[text_key(album)].append(row)
            self._albums[key] = albums
        return self._albums[key]


_SHELVES: WeakKeyDictionary[Catalogue, Shelves] = WeakKeyDictionary()


def shelves_of(catalogue: Catalogue) -> Shelves:
    """Return the shelves of a catalogue, the same for as long as it is held."""
    if catalogue not in _SHELVES:
        # By proxy: a value that holds its key would be held for ever.
        _SHELVES[catalogue] = Shelves(proxy(catalogue))
    return _SHELVES[catalogue]
