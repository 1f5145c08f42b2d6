"""`segue import` and `segue dataset`: from people's files to a data set, and what is in one."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from app.dataset.rejects import RejectedLine

_ACCOUNT = "Account"
_NAMES = "Names"
_READING = "Reading"


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.command("import")(import_)
    dataset = typer.Typer(help="Look into data sets.", no_args_is_help=True)
    dataset.command("show")(show)
    cli.add_typer(dataset, name="dataset")


def import_(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE...", help="Files, folders or quoted patterns.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DATASET", help="The data set folder to make.")],
    format_name: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="Take every file for this format.", rich_help_panel=_READING),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="What text files are written in, if not UTF-8.", rich_help_panel=_READING)
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=COLUMN",
            help="Where a table keeps a field, as `artist=Interpret`; may be given several times.",
            rich_help_panel=_READING,
        ),
    ] = None,
    playlist_per_file: Annotated[
        bool, typer.Option(help="Each table file is one playlist.", rich_help_panel=_READING)
    ] = False,
    min_played: Annotated[
        int,
        typer.Option(min=0, metavar="SECONDS", help="Leave out plays cut off sooner, where the file says so."),
    ] = 30,
    idle_gap: Annotated[
        float, typer.Option(min=0.01, metavar="MINUTES", help="Silence that ends a listener's session.")
    ] = 30,
    min_session_length: Annotated[int, typer.Option(min=1, help="Leave out sessions of fewer events.")] = 2,
    min_support: Annotated[int, typer.Option(min=1, help="Leave out tracks in fewer events.")] = 1,
    drop_repeats: Annotated[bool, typer.Option(help="Leave out a track that repeats the one before.")] = False,
    join_featuring: Annotated[
        bool, typer.Option(help="Take `Umbrella (feat. Jay-Z)` for `Umbrella`.", rich_help_panel=_NAMES)
    ] = False,
    join_releases: Annotated[
        bool, typer.Option(help="Take `Heroes - 2017 Remaster` for `Heroes`.", rich_help_panel=_NAMES)
    ] = False,
    join_by_name: Annotated[
        bool, typer.Option(help="Join different ids of the same artist and title.", rich_help_panel=_NAMES)
    ] = False,
    strict: Annotated[bool, typer.Option(help="Stop at the first malformed line.", rich_help_panel=_ACCOUNT)] = False,
    force: Annotated[bool, typer.Option(help="Replace the data set that is there.", rich_help_panel=_ACCOUNT)] = False,
) -> None:
    """Make a data set of playlists, sessions or listening histories.

    Reads CSV, TSV, Parquet, JSON Lines, plain session files, M3U, XSPF, JSPF, Million Playlist slices, Last.fm
    scrobbles, ListenBrainz listens and Spotify's privacy export, as they are or as .gz.
    """
    from rich.console import Console

    from app.dataset.cutting import CutRules
    from app.dataset.importing import ImportSettings, import_sources
    from app.dataset.naming import Joining
    from app.formats.columns import Layout

    settings = ImportSettings(
        format=format_name,
        encoding=encoding,
        layout=Layout(columns_of(column or []), playlist_per_file),
        joining=Joining(featuring=join_featuring, releases=join_releases, by_name=join_by_name),
        rules=CutRules(round(idle_gap * 60), min_session_length, min_support, drop_repeats),
        min_played_s=min_played,
        strict=strict,
        force=force,
    )
    with Console(stderr=True).status("reading") as status:
        imported = import_sources(
            sources, out, settings, lambda stage, events: status.update(f"{events:,} events, {_plain(stage)}")
        )
    console = Console(markup=False, highlight=False)
    console.print(summary_table(imported.dataset.summary))
    _print_rejects(console, imported.dataset.summary, imported.first_rejects, out)
    console.print(f"The data set is {out}. Learn from it with: segue train {out}", soft_wrap=True)


def show(dataset: Annotated[Path, typer.Argument(metavar="DATASET")]) -> None:
    """Print what a data set holds and what its import left out."""
    from rich.console import Console

    from app.dataset.folder import open_dataset

    opened = open_dataset(dataset)
    console = Console(markup=False, highlight=False)
    console.print(summary_table(opened.summary))
    console.print(f"Fingerprint {opened.fingerprint}", soft_wrap=True)


def columns_of(options: Sequence[str]) -> dict[str, str]:
    """Return the column of each field named as `FIELD=COLUMN`; fields may be called as columns mostly are."""
    from app.errors import InvalidRequest

    columns: dict[str, str] = {}
    for option in options:
        name, equals, column = option.partition("=")
        if not equals or not column:
            raise InvalidRequest(f"Expected --column FIELD=COLUMN, as artist=Interpret; got {option!r}.")
        names = {"session_id": "session", "listener_id": "listener", "track": "track_id", "duration_s": "duration"}
        columns[names.get(name, name)] = column
    return columns


def summary_table(summary: dict[str, Any]) -> "Table":
    """Return the account of an import as a table: what came in, what was left out and why, what is there."""
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column()

    def add(name: str, value: object, note: str = "") -> None:
        table.add_row(name, f"{value:,}" if isinstance(value, int) else str(value), Text(note))

    formats = ", ".join(f"{count:,} {name}" for name, count in summary.get("formats", {}).items())
    passed = summary.get("files_passed_over", 0)
    if "files" in summary:
        add("files", summary["files"], formats + (f"; {passed:,} of unknown kind passed over" if passed else ""))
    if "events_in" in summary:
        add("events read", summary["events_in"])
    for title in ("rejected", "dropped"):
        for reason, count in summary.get(title, {}).items():
            add(f"  {title}", count, reason)
    for name in ("sessions", "events", "tracks"):
        if name in summary:
            add(name, summary[name])
    if summary.get("spellings_joined"):
        add("spellings joined", summary["spellings_joined"])
    if "session_length" in summary:
        lengths = summary["session_length"]
        add("events a session", lengths["median"], "  ".join(f"{name} {value:,}" for name, value in lengths.items()))
    if summary.get("period"):
        add("from", "", " to ".join(summary["period"]))
    return table


def _print_rejects(console: Any, summary: dict[str, Any], first: Sequence["RejectedLine"], out: Path) -> None:
    if not summary["rejected"]:
        return
    from app.dataset.importing import REJECTS_FILE

    for rejected in first:
        console.print(f"  {rejected}", soft_wrap=True)
    more = summary["malformed"] - len(first)
    if more > 0:
        console.print(f"  and {more:,} more malformed lines")
    console.print(f"Every rejected line is in {out / REJECTS_FILE}.", soft_wrap=True)


def _plain(text: str) -> str:
    # Square brackets in a file's name would be read as style.
    return text.replace("[", "(").replace("]", ")")
