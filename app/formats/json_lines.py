"""JSON Lines: one object a line, one event an object, with the names of CSV columns as keys."""

from collections.abc import Iterator

from app.formats.columns import Layout
from app.formats.json_text import flag, objects, text
from app.formats.listen import FIELDS, Batch, Reject, Row, batches_of
from app.formats.source import SourceFile


def read_json_lines(source: SourceFile, layout: Layout) -> Iterator[Batch]:
    """Yield the events of a JSON Lines file; every line may have other keys, so each is looked at by itself."""
    return batches_of(FIELDS, _rows(source, layout))


def _rows(source: SourceFile, layout: Layout) -> Iterator[Row | Reject]:
    # Lines of one program have the same keys in the same order, so the layout is asked once for each order.
    known: dict[tuple[str, ...], dict[str, str] | str] = {}
    for item in objects(source):
        if isinstance(item, Reject):
            yield item
            continue
        line, event = item
        header = tuple(event)
        if header not in known:
            fields = layout.fields_of(header)
            missing = layout.missing_from(fields)
            known[header] = f"expected {missing}" if missing else {name: header[at] for name, at in fields.items()}
        keys = known[header]
        if isinstance(keys, str):
            yield Reject(line, keys, ", ".join(header))
        else:
            yield (line, *(_value(event, name, keys.get(name)) for name in FIELDS))


def _value(event: dict[str, object], name: str, key: str | None) -> str | None:
    if key is None:
        return None
    value = event[key]
    if isinstance(value, list):
        return ";".join(str(item) for item in value)
    return flag(value) if name == "explicit" else text(value)
