"""CSV and TSV: quick where a file is clean, exact where it is not."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import UnreadableSource
from app.formats import delimited
from app.formats.columns import Layout
from app.formats.delimited import _BlockReader, split_line

_FIELDS = {"session": 0, "artist": 1, "title": 2}


def test_each_event_knows_its_line(read: Any) -> None:
    rows, rejects = read("a.csv", "session_id,artist,title\n1,Can,Halleluwah\n1,Neu!,Hero\n")
    assert rows == [
        {"line": 2, "session": "1", "artist": "Can", "title": "Halleluwah"},
        {"line": 3, "session": "1", "artist": "Neu!", "title": "Hero"},
    ]
    assert rejects == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(read: Any, delimiter: str) -> None:
    rows, _ = read("a.csv", f"sessionID{delimiter}Track Name\n7{delimiter}Halleluwah\n")
    assert rows == [{"line": 2, "session": "7", "title": "Halleluwah"}]


def test_windows_line_ends_and_a_byte_order_mark_are_no_content(read: Any) -> None:
    rows, _ = read("a.csv", b"\xef\xbb\xbfsession_id,title\r\n1,x\r\n1,y\r\n")
    assert [row["title"] for row in rows] == ["x", "y"]


def test_excel_text_in_utf16_is_read(read: Any) -> None:
    rows, _ = read("a.csv", "session_id,title\n1,Für Elise\n".encode("utf-16"))
    assert rows[0]["title"] == "Für Elise"


def test_a_wrong_line_is_rejected_with_its_number_and_the_rest_is_kept(read: Any) -> None:
    rows, rejects = read("a.csv", b'session_id,title\n1,x\n1\n1,\xff\n1,"open\n\n1,"two\nlines"\n1,z\n')
    assert [(row["line"], row["title"]) for row in rows] == [(2, "x"), (7, "two\nlines"), (9, "z")]
    assert [(reject.line, reject.reason) for reject in rejects] == [
        (3, "expected 2 columns, got 1"),
        (4, "not UTF-8"),
        (5, "a quote is opened and never closed"),
    ]


def test_a_quote_in_a_tsv_title_is_a_character(read: Any) -> None:
    rows, rejects = read("a.tsv", 'session_id\ttitle\n1\t"Heroes" (live)\n1\t"45\n1\t"7"" Mix"\n')
    assert [row["title"] for row in rows] == ['"Heroes" (live)', '"45', '7" Mix']
    assert rejects == []


def test_a_spreadsheet_apostrophe_is_taken_off(read: Any) -> None:
    rows, _ = read("a.csv", "session_id,title\n1,'=1+1\n1,''=1\n1,'74-'75\n")
    assert [row["title"] for row in rows] == ["=1+1", "'=1", "'74-'75"]


def test_missing_columns_are_named(read: Any) -> None:
    with pytest.raises(UnreadableSource, match=r"session_id column.*got 'artist', 'title'"):
        read("a.csv", "artist,title\nCan,Halleluwah\n")
    with pytest.raises(UnreadableSource, match="a time column"):
        read("a.csv", "user_id,title\n1,Halleluwah\n")
    with pytest.raises(UnreadableSource, match="a column 'Lied' for title"):
        read("a.csv", "session_id,title\n1,x\n", Layout({"title": "Lied"}))


def test_named_columns_win_over_usual_ones(read: Any) -> None:
    rows, _ = read("a.csv", "session_id,title,Lied\n1,no,yes\n", Layout({"title": "Lied"}))
    assert rows[0]["title"] == "yes"


def test_a_file_of_one_playlist_needs_no_session(read: Any) -> None:
    rows, _ = read("a.csv", "artist,title\nCan,Halleluwah\n", Layout(playlist_per_file=True))
    assert rows == [{"line": 2, "artist": "Can", "title": "Halleluwah"}]


def test_records_over_block_borders_are_whole(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", 7)
    rows, rejects = read("a.csv", 'session_id,title\n1,"one\ntwo"\n1,three\nbad\n1,"a ""b"" c"\n1,last')
    assert [(row["line"], row["title"]) for row in rows] == [
        (2, "one\ntwo"),
        (4, "three"),
        (6, 'a "b" c'),
        (7, "last"),
    ]
    assert [reject.line for reject in rejects] == [5]


_value = st.text(st.characters(codec="utf-8", exclude_characters="\r\0'", exclude_categories=["Cs"]), max_size=8)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(_value, _value, _value), max_size=8), st.integers(12, 60))
def test_what_a_csv_writer_wrote_is_read_back(rows: list[tuple[str, str, str]], block: int) -> None:
    """Quick or slow, in blocks of any size: the values are those written, and no line is lost."""
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\n").writerows(rows)
    content = file.getvalue().encode()
    reader = _BlockReader(",", 3, _FIELDS)
    found, line, rest, rejects = [], 1, b"", 0
    for start in range(0, len(content) + 1, block):
        data = rest + content[start : start + block]
        last = start + block > len(content)
        cut = len(data) if last else data.rfind(b"\n") + 1
        batch, unfinished = reader.read(data[:cut], line, last=last)
        line += data[:cut].count(b"\n") - unfinished.count(b"\n")
        rest = unfinished + data[cut:]
        rejects += len(batch.rejects)
        found += [tuple(row[name] or "" for name in _FIELDS) for row in batch.events.to_pylist()]
    assert rejects == 0
    assert found == [tuple(value.strip() for value in row) for row in rows]


@given(st.lists(_value.filter(lambda value: "\n" not in value), min_size=2, max_size=6), st.sampled_from(",;|"))
def test_one_line_splits_as_a_csv_writer_joined_it(values: list[str], delimiter: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, lineterminator="\n").writerow(values)
    assert split_line(file.getvalue(), delimiter) == values
