"""`segue generate`: a playlist on the command line, from the same walk the service takes."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.domain.playlist import Choosing, Playlist, PlaylistAsk, Seed
from app.errors import UnknownTrack
from app.settings import Settings

if TYPE_CHECKING:
    from app.serving.rollout import Served


def register(cli: typer.Typer) -> None:
    """Add the command to the command line."""
    cli.command()(generate)


def generate(
    seed: Annotated[list[str], typer.Option(help='A track to start from: "Artist - Title" or a track id; repeatable.')],
    length: Annotated[int, typer.Option("--length", "-n", min=1, max=500, help="How many tracks.")] = 20,
    out: Annotated[Path | None, typer.Option(help="Write it here: .m3u8, .xspf, .jspf or .csv.")] = None,
    checkpoint: Annotated[str, typer.Option(help="Checkpoint id or label.")] = "stable",
    store: Annotated[str | None, typer.Option(help="The model store, a folder or a bucket; SEGUE_MODEL_STORE.")] = None,
    sample: Annotated[bool, typer.Option(help="Draw the tracks instead of taking the most probable.")] = False,
    temperature: Annotated[float, typer.Option(min=0.01, max=100, help="Above 1: more adventure.")] = 1.0,
    top_k: Annotated[int, typer.Option(min=1, max=1000, help="Draw from this many.")] = 100,
    top_p: Annotated[float, typer.Option(min=0.0, max=1.0, help="Draw from the head of this mass.")] = 1.0,
    random_seed: Annotated[int | None, typer.Option(help="The same number draws the same playlist.")] = None,
    artist_gap: Annotated[int, typer.Option(min=0, max=100, help="Tracks between two of one artist.")] = 0,
) -> None:
    """Print the playlist that follows the seeds, with the probability of each track at its moment."""
    from app.formats.playlist_file import write_playlist
    from app.serving.reloader import load_served
    from app.stores.checkpoints import CheckpointStore
    from app.stores.depots import open_depot

    served = load_served(CheckpointStore(open_depot(Settings(), store)), checkpoint)
    ask = PlaylistAsk(
        length=length,
        seeds=tuple(Seed(_track_id(text, served)) for text in seed),
        choosing=Choosing.SAMPLE if sample else Choosing.GREEDY,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=random_seed,
        artist_gap=artist_gap,
    )
    playlist = asyncio.run(_walk(served, ask))
    _print(playlist, served)
    if out is not None:
        tracks = [ranked.track for ranked in playlist.tracks]
        out.write_text(write_playlist(tracks, out.suffix.lstrip(".").lower()), encoding="utf-8", newline="")
        typer.echo(f"{len(tracks)} tracks written to {out}")


def _track_id(text: str, served: "Served") -> str:
    if served.predictor.catalogue.index_of(text) is not None:
        return text
    found = served.search.find(text, 1)
    if not found:
        raise UnknownTrack(
            f"Expected a track id or `Artist - Title` of the catalogue, got {text!r}, and nothing in its "
            f"{len(served.predictor.catalogue)} tracks comes near."
        )
    return served.predictor.catalogue[found[0]].track_id


async def _walk(served: "Served", ask: PlaylistAsk) -> Playlist:
    from app.domain.session import ListenerSession
    from app.serving.engine import Engine
    from app.serving.playlists import PlaylistWalk

    settings = Settings()
    async with Engine(batch_size=1, batch_wait_us=0, queue_size=1) as engine:
        walk = PlaylistWalk(engine, served.predictor, settings.session_limits)
        return await walk.walk(ListenerSession(""), ask, ())


def _print(playlist: Playlist, served: "Served") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    catalogue = served.predictor.catalogue
    rows = [catalogue.index_of(seed) for seed in playlist.seeds]
    starts = ", ".join(catalogue[row].label for row in rows if row is not None)
    table = Table(title=escape(f"After {starts}"), caption=f"checkpoint {playlist.checkpoint_id}")
    table.add_column("#", justify="right")
    table.add_column("artist")
    table.add_column("title")
    table.add_column("probability", justify="right")
    for ranked in playlist.tracks:
        table.add_row(
            str(ranked.rank), escape(ranked.track.artist), escape(ranked.track.title), f"{ranked.probability:.4f}"
        )
    console = Console()
    console.print(table)
    if playlist.seed is not None:
        console.print(f"drawn with --random-seed {playlist.seed}")
    if playlist.shortfall:
        console.print(playlist.shortfall)
