"""`segue state`: what is stored of the listeners, all together."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.terminal import Json, print_json
from app.settings import Settings

if TYPE_CHECKING:
    from app.stores.state_stats import StateStats

state = typer.Typer(help="What is stored of the listeners.", no_args_is_help=True)

SHARES = {"p50": 0.5, "p99": 0.99}


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.add_typer(state, name="state")


@state.callback()
def _keep_the_subcommands() -> None:
    """Without it, typer would take the only subcommand for the command itself."""


@state.command()
def stats(
    sample: Annotated[int, typer.Option(min=1, max=100_000, help="Listeners to measure.")] = 1_000,
    as_json: Json = False,
) -> None:
    """Show how many listeners there are, what they take, and what waits to be collected.

    Looks at SEGUE_REDIS_URL, else at the store of the service that runs on SEGUE_DATA_DIR.
    """
    from app.stores.checkpoints import CheckpointStore
    from app.stores.depots import open_depot
    from app.stores.embedded import running_server

    settings = Settings()
    url = settings.redis_url or running_server(settings.data_dir)
    found = asyncio.run(_look(url, settings.redis_timeout_s, sample))
    stable = CheckpointStore(open_depot(settings)).labels().stable
    told = _told(found, stable)
    if as_json:
        print_json(told)
    else:
        _print(told)


async def _look(url: str, timeout_s: float, sample: int) -> "StateStats":
    from app.stores.exchange import Exchange
    from app.stores.state_stats import look

    exchange = Exchange.connect(url, timeout_s=timeout_s)
    try:
        return await look(exchange, sample)
    finally:
        await exchange.aclose()


def _told(found: "StateStats", stable: str | None) -> dict[str, Any]:
    count = len(found.sample)
    total = sum(one.server_bytes for one in found.sample)
    records = sum(one.record_bytes for one in found.sample)
    return {
        "listeners": found.listeners,
        "listeners_are": "counted" if found.counted else "estimated",
        "measured": count,
        "bytes_per_listener": {
            "record_mean": round(records / count) if count else None,
            "mean": round(total / count) if count else None,
            **{name: found.server_bytes(share) for name, share in SHARES.items()},
        },
        "all_listeners_bytes": round(total / count * found.listeners) if count else 0,
        "servers": [
            {"used_memory": node.used_memory, "maxmemory": node.limit, "maxmemory_policy": node.policy}
            for node in found.nodes
        ],
        "stable": stable,
        "stable_state_share": round(found.states[stable] / count, 4) if count and stable else None,
        "states": dict(found.states.most_common()),
        "schemas": dict(sorted(found.schemas.items())),
        "expire_within": found.expiries,
        "event_log": {
            "entries": found.event_log.entries,
            "longest_lane": found.event_log.longest_lane,
            "oldest_s": None if found.event_log.oldest_s is None else round(found.event_log.oldest_s, 1),
        },
    }


def _print(told: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    each, log = told["bytes_per_listener"], told["event_log"]
    servers = told["servers"]
    share = told["stable_state_share"]
    waiting = "" if log["oldest_s"] is None else f", the oldest for {log['oldest_s']:,.0f} s"
    table = Table("", "", show_header=False, box=None)
    for name, value in (
        ("listeners", f"{told['listeners']:,}, {told['listeners_are']}; {told['measured']:,} of them measured"),
        (
            "bytes per listener",
            "none yet"
            if each["mean"] is None
            else f"{each['mean']:,} in the server (half {each['p50']:,}, 99 % {each['p99']:,} at most), "
            f"{each['record_mean']:,} of it the record",
        ),
        ("all listeners", f"{told['all_listeners_bytes'] / 1e6:,.1f} MB"),
        *((f"server {number}", _memory(server)) for number, server in enumerate(servers, 1)),
        ("states of stable", "-" if share is None else f"{share:.1%}, the others replay at their next event"),
        ("records of schema", _counts(told["schemas"])),
        ("expire within", _counts(told["expire_within"])),
        ("event log", f"{log['entries']:,} wait{waiting}; {log['longest_lane']:,} in the longest lane"),
    ):
        table.add_row(name, value)
    Console(soft_wrap=True).print(table)


def _memory(server: dict[str, Any]) -> str:
    limit = "no maxmemory" if server["maxmemory"] is None else f"of {server['maxmemory'] / 1e6:,.1f} MB"
    return f"{server['used_memory'] / 1e6:,.1f} MB used, {limit}, {server['maxmemory_policy']}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in counts.items() if count) or "none"
