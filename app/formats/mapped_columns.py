"""Columns of a mapped Arrow table, read row by row straight from their buffers.

What pyarrow builds for a single value costs four times as much as the value. Knows nothing of tracks.
"""

import pyarrow as pa


class Texts:
    """A column of texts."""

    def __init__(self, array: pa.Array) -> None:
        """Take an array of strings that begins where its buffers do."""
        there, offsets, data = array.buffers()
        self._offsets = memoryview(offsets or b"").cast("i")
        self._data = memoryview(data or b"")
        self._there = _Presence(there)

    def __getitem__(self, row: int) -> str:
        return str(self._data[self._offsets[row] : self._offsets[row + 1]], "utf-8")

    def get(self, row: int) -> str | None:
        """Return the text, or None where there is none."""
        return self[row] if row in self._there else None


class Numbers:
    """A column of 32-bit numbers."""

    def __init__(self, array: pa.Array) -> None:
        """Take an array of int32 that begins where its buffers do."""
        there, numbers = array.buffers()
        self._numbers = memoryview(numbers or b"").cast("i")
        self._there = _Presence(there)

    def get(self, row: int) -> int | None:
        """Return the number, or None where there is none."""
        return self._numbers[row] if row in self._there else None


class Lists:
    """A column of lists of texts, without gaps."""

    def __init__(self, array: pa.Array) -> None:
        """Take an array of lists that begins where its buffers do."""
        offsets = array.buffers()[1]
        self._offsets = memoryview(offsets or b"").cast("i")
        self._texts = Texts(array.values)

    def __getitem__(self, row: int) -> tuple[str, ...]:
        return tuple([self._texts[place] for place in range(self._offsets[row], self._offsets[row + 1])])


class Flags:
    """A column of yes and no."""

    def __init__(self, array: pa.Array) -> None:
        """Take an array of bool that begins where its buffers do."""
        there, bits = array.buffers()
        self._bits = memoryview(bits or b"")
        self._there = _Presence(there)

    def get(self, row: int) -> bool | None:
        """Return yes or no, or None where there is neither."""
        return bool(self._bits[row >> 3] >> (row & 7) & 1) if row in self._there else None


class Repeated:
    """A column of texts of which many are the same: each is kept once, and a number in every row."""

    def __init__(self, array: pa.DictionaryArray) -> None:
        """Take an array that begins where its buffers do."""
        self._numbers = Numbers(array.indices)
        self._texts = Texts(array.dictionary)

    def get(self, row: int) -> str | None:
        """Return the text, or None where there is none."""
        number = self._numbers.get(row)
        return None if number is None else self._texts[number]


class Untold:
    """A column that is not there."""

    def get(self, _: int) -> None:
        """Return None, for every row."""


class _Presence:
    """Which rows of a column hold something: all of them where Arrow kept no map of it."""

    def __init__(self, bits: pa.Buffer | None) -> None:
        self._bits = None if bits is None else memoryview(bits)

    def __contains__(self, row: int) -> bool:
        return self._bits is None or bool(self._bits[row >> 3] >> (row & 7) & 1)
