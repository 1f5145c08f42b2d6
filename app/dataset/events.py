"""The events of an import while it lasts: a table in the columnar library, which does the heavy work.

What a time, a session and a track are is decided here, once for all formats. Knows nothing of files or of what is
left out later.
"""

# ruff: noqa: S608 - the SQL is put together from names fixed in this module, never from what is imported

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from app.dataset.cutting import Runs
from app.dataset.naming import Naming, Spelling
from app.formats.listen import Batch, Reject

FACTS = ("album", "year", "genre", "tags", "duration", "explicit", "markets")
# Ten million events need about half of it; beyond it the table goes to disk.
_MEMORY = "2GB"
_OTHER_TIMES = "['%d %b %Y %H:%M', '%d %b %Y, %H:%M', '%d/%m/%Y %H:%M', '%Y/%m/%d %H:%M:%S', '%Y/%m/%d %H:%M']"

# Seconds, milli-, micro- or nanoseconds since 1970 by size, or a written date; without a zone it is UTC.
_AT = f"""
case when time = '' then 0
     when number is null then try_cast(epoch(coalesce(
         try_cast(time as timestamptz), try_strptime(time, {_OTHER_TIMES}))) as bigint)
     when number >= 1e17 then try_cast(floor(number / 1e9) as bigint)
     when number >= 1e14 then try_cast(floor(number / 1e6) as bigint)
     when number >= 1e11 then try_cast(floor(number / 1e3) as bigint)
     else try_cast(floor(number) as bigint) end
"""
_FAULT = """
case when track_id = '' and title = '' then 'no track: neither an id nor a title'
     when session = '' and listener = '' then 'no session and no listener'
     when heard_at is null or heard_at < 0 then 'time not understood'
     when session = '' and heard_at = 0 then 'no time, which a listening history needs'
     when played < {min_played} then 'played for under {min_played} s'
     end
"""
_SPELLING = "track_id, artist, title"


class EventTable:
    """All events of an import, added batch by batch. `folder` holds what does not fit in memory."""

    def __init__(self, folder: Path, *, min_played_s: int) -> None:
        self._connection = duckdb.connect(":memory:")
        for setting, value in (
            ("memory_limit", f"'{_MEMORY}'"),
            ("temp_directory", f"'{str(folder).replace(chr(39), chr(39) * 2)}'"),
            ("enable_progress_bar", "false"),
            ("timezone", "'UTC'"),
            ("autoinstall_known_extensions", "false"),
        ):
            self._connection.execute(f"set {setting} = {value}")
        facts = ", ".join(f"{name} varchar" for name in FACTS)
        self._connection.execute(
            "create table events (place bigint, file int, scope int, session varchar, listener varchar, "
            f"heard_at bigint, track_id varchar, artist varchar, title varchar, {facts})"
        )
        self._fault = _FAULT.format(min_played=int(min_played_s))
        self._facts_seen: set[str] = set()
        self._places = 0

    def close(self) -> None:
        """End the table and free its memory."""
        self._connection.close()

    def add(self, batch: Batch, file: int, *, own_sessions: bool, one_session: bool) -> list[Reject]:
        """Take in a batch of a file and return the lines of it that are no events.

        `own_sessions`: session names mean nothing outside the file. `one_session`: the whole file is one session.
        """
        rows = batch.events
        if not rows.num_rows:
            return []
        present = set(rows.column_names)
        self._facts_seen |= {"duration" if name == "duration_ms" else name for name in present} & {*FACTS}
        values = {
            name: f"coalesce({name}, '')" if name in present else "''"
            for name in ("session", "listener", "time", "track_id", "artist", "title", *FACTS)
        }
        if one_session:
            values |= {"session": "'1'", "listener": "''"}
        if "duration_ms" in present:
            values["duration"] = "coalesce(cast(try_cast(duration_ms as double) / 1000 as varchar), '')"
        played = "try_cast(played as double)" if "played" in present else "null::double"
        scope = file if own_sessions or one_session else -1
        self._connection.register("batch", rows.append_column("place", pa.arange(self._places, self._next(rows))))
        self._places = self._next(rows)
        staged = f"""
            with named as (
                select place, line, {played} as played, {", ".join(f"{sql} as {name}" for name, sql in values.items())}
                from batch
            ), timed as (
                select *, {_AT} as heard_at from (select *, try_cast(time as double) as number from named)
            ), staged as (select *, {self._fault} as fault from timed)
        """
        taken_in = self._connection.execute(
            f"insert into events {staged} select place, {file}, {scope}, session, listener, heard_at, {_SPELLING}, "
            f"{', '.join(FACTS)} from staged where fault is null"
        ).fetchone()
        faults: list[tuple[int, str, str]] = []
        # Most batches are without fault, and looking again would cost as much as taking in.
        if taken_in != (rows.num_rows,):
            faults = self._connection.execute(
                f"{staged} select line, fault, concat_ws(', ', nullif(session, ''), nullif(listener, ''), "
                "nullif(time, ''), nullif(track_id, ''), nullif(artist, ''), nullif(title, '')) "
                "from staged where fault is not null order by place"
            ).fetchall()
        self._connection.unregister("batch")
        return [Reject(line, fault, text, malformed=not fault.startswith("played for")) for line, fault, text in faults]

    def forget(self, file: int) -> None:
        """Take out the events of a file that turned out to be unreadable."""
        self._connection.execute("delete from events where file = ?", [file])

    def spellings(self) -> list[Spelling]:
        """Return every way a track is written, the first written first."""
        self._connection.execute(
            f"create table spellings as select {_SPELLING}, count(*) as n, min(place) as first_place "
            "from events group by all"
        )
        table = self._asked("select * from spellings order by first_place")
        columns = [column.to_pylist() for column in table.columns]
        return [Spelling(*values) for values in zip(*columns, strict=True)]

    def runs(self, naming: Naming) -> Runs:
        """Return the events with their tracks, run by run in playing order.

        A run in which every event has a time is in the order of time, any other in the order of the sources.
        """
        self._connection.register(
            "numbered",
            pa.table(
                {
                    "number": pa.arange(1, len(naming.track_of_spelling) + 1),
                    "track": pa.array(naming.track_of_spelling, pa.int32()),
                }
            ),
        )
        self._connection.execute(
            f"""
            create table tracks as
            select {_SPELLING}, n, first_place, track
            from (select *, row_number() over (order by first_place) as number from spellings)
            join numbered using (number);
            create table runs as
            select scope, listener, session, row_number() over (order by min(place)) as run,
                   count(*) = count(nullif(heard_at, 0)) as timed, session = '' as history
            from events group by scope, listener, session
            """
        )
        found = self._connection.execute(
            f"""
            select run, track, heard_at, place, history
            from events join runs using (scope, listener, session) join tracks using ({_SPELLING})
            order by run, case when timed then heard_at else 0 end, place
            """
        ).fetchnumpy()
        return Runs(
            found["run"].astype(np.int64),
            found["track"].astype(np.int32),
            found["heard_at"].astype(np.int64),
            found["place"].astype(np.int64),
            found["history"].astype(np.bool_),
        )

    def facts(self) -> Iterator[tuple[str, Sequence[int], Sequence[str]]]:
        """Yield, for each kind of fact the sources state, the tracks that have it and its most frequent value."""
        for name in FACTS:
            if name not in self._facts_seen:
                continue
            table = self._asked(
                f"""
                with stated as (
                    select {_SPELLING}, {name} as value, count(*) as n, min(place) as first_place
                    from events where {name} <> '' group by all
                ), counted as (
                    select track, value, sum(stated.n) as n, min(stated.first_place) as first_place
                    from stated join tracks using ({_SPELLING}) group by track, value
                )
                select track, value from counted
                qualify row_number() over (partition by track order by n desc, first_place) = 1
                """
            )
            yield name, table.column(0).to_pylist(), table.column(1).to_pylist()

    def _asked(self, sql: str) -> pa.Table:
        return self._connection.sql(sql).to_arrow_table()

    def _next(self, rows: pa.Table) -> int:
        return self._places + int(rows.num_rows)
