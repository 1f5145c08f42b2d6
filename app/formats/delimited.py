"""CSV and TSV with a header: read in blocks by the columnar reader, line by line where a block is not clean.

A block whose rows are exactly its lines needs no second look, so a row's line number is its place. Any other block
(a value with a line break, a wrong number of columns, bytes that are not UTF-8) is read again slowly and exactly.
Values of CSV files may be quoted. In TSV files a quote is an ordinary character, since titles hold them, unless it
wraps a whole value. Knows nothing of sessions.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv

from app.formats.columns import Layout
from app.formats.listen import Batch, Reject, trimmed
from app.formats.source import SourceFile

_BLOCK_BYTES = 8 << 20
_LONGEST_RECORD = 32  # lines; beyond it an opened quote is taken for a mistake
_DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
_UNCLOSED = "a quote is opened and never closed"
_ESCAPED_FORMULA = r"^'('*[=+\-@])"


def delimiter_of(source: SourceFile, layout: Layout) -> str | None:
    """Return the delimiter under which the first line names the most fields, None when it names none."""
    first = source.head.split(b"\n", 1)[0].decode("utf-8", "replace")
    counts = {mark: len(layout.fields_of(split_line(first, mark))) for mark in _DELIMITERS if mark in first}
    best = max(counts, key=lambda mark: counts[mark], default=None)
    return best if best is not None and counts[best] else None


def split_line(line: str, delimiter: str) -> list[str]:
    """Return the values of one line."""
    line = line.rstrip("\r\n")
    if delimiter == "\t":
        return [_unwrapped(value) for value in line.split("\t")]
    if '"' not in line:
        return line.split(delimiter)
    return next(csv.reader([line], delimiter=delimiter), [])


def read_delimited(source: SourceFile, layout: Layout) -> Iterator[Batch]:
    """Yield the events of a CSV or TSV file; raise UnreadableSource when its header lacks a needed column."""
    first = source.head.split(b"\n", 1)[0].decode("utf-8", "replace")
    delimiter = delimiter_of(source, layout) or ("\t" if "\t" in first else ",")
    header = split_line(first, delimiter)
    for name, column in layout.columns.items():
        if column not in header:
            raise source.refuse(f"a column {column!r} for {name} in its header, got {_shown(header)}")
    fields = layout.fields_of(header)
    missing = layout.missing_from(fields)
    if missing:
        raise source.refuse(
            f"a header with {missing}, got {_shown(header)}", "Name other columns with --column FIELD=COLUMN."
        )
    reader = _BlockReader(delimiter, len(header), fields)
    with source.open() as file:
        file.readline()
        line, rest = 2, b""
        while data := file.read(_BLOCK_BYTES):
            cut = data.rfind(b"\n") + 1
            if not cut:
                rest += data
                continue
            block, carried = rest + data[:cut], data[cut:]
            batch, unfinished = reader.read(block, line, last=False)
            yield batch
            line += block.count(b"\n") - unfinished.count(b"\n")
            rest = unfinished + carried
        yield reader.read(rest, line, last=True)[0]


def _shown(header: Sequence[str]) -> str:
    names = ", ".join(repr(name[:40]) for name in header[:12])
    return names + (", …" if len(header) > 12 else "")


def _unwrapped(value: str) -> str:
    """Take off quotes around a whole value, as programs put them that quote TSV: `"7"" Mix"` is `7" Mix`."""
    if len(value) >= 2 and value[0] == value[-1] == '"' and '"' not in value[1:-1].replace('""', ""):
        return value[1:-1].replace('""', '"')
    return value


@dataclass(frozen=True)
class _BlockReader:
    delimiter: str
    width: int
    fields: dict[str, int]

    def read(self, block: bytes, first_line: int, *, last: bool) -> tuple[Batch, bytes]:
        """Return a block's events and the bytes of a record that goes on in the next block."""
        table = self._at_once(block, first_line)
        if table is not None:
            return Batch(self._cleaned(table)), b""
        return self._by_line(block, first_line, last)

    def _at_once(self, block: bytes, first_line: int) -> pa.Table | None:
        lines = block.count(b"\n") + (not block.endswith(b"\n"))
        if not block or (self.delimiter != "\t" and block.count(b'"') % 2):
            return None
        names = [str(position) for position in range(self.width)]
        used = [str(position) for position in self.fields.values()]
        try:
            table = pcsv.read_csv(
                pa.BufferReader(block),
                read_options=pcsv.ReadOptions(column_names=names),
                parse_options=pcsv.ParseOptions(
                    delimiter=self.delimiter,
                    quote_char=False if self.delimiter == "\t" else '"',
                    ignore_empty_lines=False,
                ),
                convert_options=pcsv.ConvertOptions(
                    column_types={name: pa.string() for name in used}, include_columns=sorted(set(used))
                ),
            )
        except pa.ArrowInvalid:
            return None
        # One column lets blank lines through as values; only the slow reader tells them from rows.
        if table.num_rows != lines or (self.width == 1 and b"\n\n" in block):
            return None
        columns = {name: table.column(str(position)) for name, position in self.fields.items()}
        return pa.table({"line": pa.arange(first_line, first_line + lines), **columns})

    def _cleaned(self, table: pa.Table) -> pa.Table:
        columns = {}
        for name in table.column_names:
            column = table.column(name)
            if name != "line":
                if self.delimiter == "\t" and pc.any(pc.starts_with(column, '"')).as_py():
                    column = pa.array([_unwrapped(value) for value in column.to_pylist()], pa.string())
                if pc.any(pc.starts_with(column, "'")).as_py():
                    column = pc.replace_substring_regex(column, _ESCAPED_FORMULA, r"\1")
            columns[name] = column
        return trimmed(pa.table(columns))

    def _by_line(self, block: bytes, first_line: int, last: bool) -> tuple[Batch, bytes]:
        lines = block.split(b"\n")
        numbers: list[int] = []
        rows: list[list[str]] = []
        rejects: list[Reject] = []
        at = 0
        while at < len(lines):
            if not lines[at].strip():
                at += 1
                continue
            values, taken = self._record(lines, at)
            if values is None and not last and len(lines) - at <= _LONGEST_RECORD:
                break
            complaint = self._complaint(values)
            if complaint is None and values is not None:
                numbers.append(first_line + at)
                rows.append(list(values))
            else:
                rejects.append(Reject(first_line + at, complaint or "", lines[at].decode("utf-8", "replace")))
            at += taken
        return self._gathered(numbers, rows, rejects), b"\n".join(lines[at:])

    def _complaint(self, values: list[str] | str | None) -> str | None:
        if values is None:
            return _UNCLOSED
        if isinstance(values, str):
            return values
        return None if len(values) == self.width else f"expected {self.width} columns, got {len(values)}"

    def _record(self, lines: list[bytes], at: int) -> tuple[list[str] | str | None, int]:
        """Return the record that begins at a line and how many lines it takes.

        The record is its values, or the reason it cannot be read, or None where an opened quote is not closed.
        """
        try:
            text = lines[at].decode().removesuffix("\r")
        except UnicodeDecodeError:
            return "not UTF-8", 1
        if self.delimiter == "\t" or '"' not in text:
            return text.split(self.delimiter), 1
        for taken in range(1, min(_LONGEST_RECORD, len(lines) - at) + 1):
            try:
                record = b"\n".join(lines[at : at + taken]).decode().removesuffix("\r")
                return next(csv.reader([record], delimiter=self.delimiter, strict=True)), taken
            except UnicodeDecodeError:
                return None, 1
            except csv.Error as error:
                if "unexpected end" not in str(error):
                    # Text after a closing quote, say: the columnar reader takes it as it stands, so do we.
                    return (self._leniently(text) if taken == 1 else _UNCLOSED), 1
        return None, 1

    def _leniently(self, text: str) -> list[str] | str:
        try:
            return next(csv.reader([text], delimiter=self.delimiter))
        except csv.Error as error:
            return f"not a line of CSV ({error})"

    def _gathered(self, numbers: list[int], rows: list[list[str]], rejects: list[Reject]) -> Batch:
        columns = {name: pa.array([row[i] for row in rows], pa.string()) for name, i in self.fields.items()}
        return Batch(self._cleaned(pa.table({"line": pa.array(numbers, pa.int64()), **columns})), rejects)
