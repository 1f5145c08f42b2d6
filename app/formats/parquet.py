"""Parquet tables of events, with the columns of a CSV file. Knows nothing of sessions."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.formats.columns import Layout
from app.formats.event_log import FOOTER
from app.formats.listen import Batch, trimmed
from app.formats.source import SourceFile

_ROWS = 500_000


def read_parquet(source: SourceFile, layout: Layout) -> Iterator[Batch]:
    """Yield the events of a Parquet file, row numbers as lines; raise UnreadableSource when a column is missing."""
    try:
        with source.path.open("rb") as file:
            table = pq.ParquetFile(file)
            if FOOTER in (table.metadata.metadata or {}):
                raise source.refuse("the folder of an event log, but this is one of its files", "Name the folder.")
            header = table.schema_arrow.names
            fields = layout.fields_of(header)
            missing = layout.missing_from(fields)
            if missing:
                raise source.refuse(f"{missing}, got {', '.join(header)}", "Name columns with --column FIELD=COLUMN.")
            line = 1
            names = {name: header[position] for name, position in fields.items()}
            for batch in table.iter_batches(_ROWS, columns=sorted(set(names.values()))):
                columns = {name: _as_text(batch.column(column)) for name, column in names.items()}
                yield Batch(trimmed(pa.table({"line": pa.arange(line, line + batch.num_rows), **columns})))
                line += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise source.refuse("a whole Parquet file", f"It cannot be read: {error}") from error


def _as_text(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return pc.cast(pc.cast(pc.cast(column, pa.timestamp("s"), safe=False), pa.int64()), pa.string())
    if pa.types.is_floating(kind):
        # Programs that know no missing integers write them as floats; 12.0 must stay the id 12.
        whole = pc.all(pc.equal(pc.floor(column), column)).as_py()
        return pc.cast(pc.cast(column, pa.int64(), safe=False) if whole else column, pa.string())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pc.binary_join(pc.cast(column, pa.list_(pa.string())), ";")
    return pc.cast(column, pa.string())
