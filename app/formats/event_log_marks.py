"""Marks in the event log: whose rows are not to be used any more, and whose are another's by now.

A listener's rows and marks lie in one lane, in the order they were logged; between lanes only time tells. Knows
nothing of files.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.domain.event_log import listener_digest
from app.formats.event_log import FORGOTTEN, MERGED

PLACE_COLUMNS = ("logged_at", "logged_n", "listener_id")
MARK_COLUMNS = (*PLACE_COLUMNS, "kind", "merged_into", "listener_digest")
# Room for a million entries in one millisecond of one lane.
_NUMBER_BITS = 20


@dataclass(frozen=True, slots=True)
class Merge:
    """From the place on, what was logged of `listener_id` before is the other's."""

    place: int
    listener_id: str
    into: str


@dataclass(frozen=True)
class Marks:
    """The last place at which each listener, named by digest, was forgotten, and every merge in order of time."""

    forgotten: Mapping[str, int]
    merges: tuple[Merge, ...]

    @classmethod
    def of(cls, tables: Iterable[pa.Table]) -> "Marks":
        """Gather the marks among the rows of tables that hold MARK_COLUMNS."""
        forgotten: dict[str, int] = {}
        merges = []
        for table in tables:
            marks = table.filter(pc.is_in(table["kind"], pa.array([FORGOTTEN, MERGED])))
            columns = marks.select(["kind", "listener_id", "merged_into", "listener_digest"]).to_pydict()
            for place, kind, listener_id, into, digest in zip(places_of(marks), *columns.values(), strict=True):
                if kind == MERGED:
                    merges.append(Merge(int(place), listener_id, into))
                else:
                    forgotten[digest] = max(int(place), forgotten.get(digest, 0))
        return cls(forgotten, tuple(sorted(merges, key=lambda merge: merge.place)))

    def __bool__(self) -> bool:
        return bool(self.forgotten or self.merges)

    def joined(self, other: "Marks") -> "Marks":
        """Return the marks of both."""
        forgotten = {
            digest: max(self.forgotten.get(digest, 0), other.forgotten.get(digest, 0))
            for digest in {**self.forgotten, **other.forgotten}
        }
        merges = (*self.merges, *other.merges)
        return Marks(forgotten, tuple(sorted(merges, key=lambda merge: merge.place)))

    @property
    def ends(self) -> dict[str, int]:
        """Up to which place the rows of which listener (by digest) are not to be used.

        With a listener those go who had been merged into that listener by then, as far as they had been.
        """
        sources: dict[str, list[Merge]] = {}
        for merge in self.merges:
            sources.setdefault(listener_digest(merge.into).hex(), []).append(merge)
        ends = dict(self.forgotten)
        left = list(ends.items())
        while left:
            digest, end = left.pop()
            for merge in sources.get(digest, ()):
                source = listener_digest(merge.listener_id).hex()
                if merge.place >> _NUMBER_BITS <= end >> _NUMBER_BITS and merge.place > ends.get(source, 0):
                    ends[source] = merge.place
                    left.append((source, merge.place))
        return ends


def places_of(table: pa.Table) -> NDArray[np.int64]:
    """Return where each row stands in its lane: a number that grows with every entry."""
    at_ms = table["logged_at"].cast(pa.int64()).to_numpy()
    number = table["logged_n"].to_numpy().astype(np.int64)
    placed: NDArray[np.int64] = (at_ms << _NUMBER_BITS) + number
    return placed


def usable(table: pa.Table, ends: Mapping[str, int]) -> NDArray[np.bool_]:
    """Tell of each row whether it may be used: a mark of a forgotten listener may, the listener's rows may not."""
    listeners: Any = table["listener_id"].combine_chunks().dictionary_encode()
    if isinstance(listeners, pa.ChunkedArray):
        listeners = listeners.combine_chunks()
    # One place more, for rows without a listener.
    names = [*(listener_digest(name).hex() for name in listeners.dictionary.to_pylist()), ""]
    end = np.array([ends.get(name, -1) for name in names], np.int64)
    number = listeners.indices.fill_null(len(names) - 1).to_numpy(zero_copy_only=False)
    usable: NDArray[np.bool_] = places_of(table) > end[number]
    return usable


def owners(table: pa.Table, merges: Iterable[Merge]) -> pa.Array:
    """Return whose each row is by now: of a merged listener, the one that the listener was merged into."""
    following: dict[str, list[Merge]] = {}
    for merge in merges:
        following.setdefault(merge.listener_id, []).append(merge)
    listeners, places = table["listener_id"].to_pylist(), places_of(table)
    for row in np.flatnonzero(pc.is_in(table["listener_id"], pa.array(list(following), pa.string())).to_numpy()):
        owner, place = listeners[row], int(places[row])
        while (merged := next((one for one in following.get(owner, ()) if one.place > place), None)) is not None:
            owner, place = merged.into, merged.place
        listeners[row] = owner
    return pa.array(listeners, pa.string())
