"""`segue keys`: make API keys, list them, revoke them. A running service follows within a second."""

import re
from time import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.terminal import Json, print_json, print_table, table_of
from app.errors import InvalidRequest
from app.settings import Settings

if TYPE_CHECKING:
    from app.domain.api_keys import ApiKey
    from app.stores.api_keys import ApiKeyFile

keys = typer.Typer(help="API keys: make, list, revoke.", no_args_is_help=True)

UNITS_S = {"h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.add_typer(keys, name="keys")


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="Who will use it. Two keys of a name may be live: the old and the new.")],
    scope: Annotated[list[str] | None, typer.Option(help="events, recommend or admin; may come several times.")] = None,
    expires: Annotated[str | None, typer.Option(help="After how long it ends, such as 12h, 90d or 52w.")] = None,
    requests_per_minute: Annotated[
        int | None, typer.Option(min=1, help="In place of SEGUE_REQUESTS_PER_MINUTE.")
    ] = None,
) -> None:
    """Make a key and print its secret, this once. Without a scope it reads /metrics and /openapi.json, no more."""
    from app.domain.api_keys import Scope, new_key

    known = [one.value for one in Scope]
    if unknown := sorted(set(scope or ()) - set(known)):
        raise InvalidRequest(f"Expected scopes of {', '.join(known)}, got {', '.join(unknown)}.")
    key, secret = new_key(
        name,
        map(Scope, scope or ()),
        now=time(),
        lifetime_s=None if expires is None else _seconds(expires),
        requests_per_minute=requests_per_minute,
    )
    file = _file()
    file.change(lambda ring: ring.adding(key, key.created_at))
    # The secret alone on standard output: KEY=$(segue keys create app --scope recommend)
    typer.echo(f"Key {key.key_id} for {name} is in {file.path}. Keep what follows; it is shown this once:", err=True)
    typer.echo(secret)


@keys.command("list")
def list_keys(as_json: Json = False) -> None:
    """List all keys that were ever made, with what they are for and when they were last used. No secrets."""
    file, now = _file(), time()
    rows = [_row(file, key, now) for key in file.read().keys.values()]
    if as_json:
        print_json(rows)
        return
    if not rows:
        typer.echo(f"No API key in {file.path} yet: the service answers on loopback only.")
        return
    table = table_of(*(column.replace("_", " ") for column in rows[0]))
    for row in rows:
        table.add_row(*(", ".join(value) if isinstance(value, list) else str(value or "") for value in row.values()))
    print_table(table)


@keys.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The id, as `segue keys list` shows it.")]) -> None:
    """End a key at once and for good."""
    _file().change(lambda ring: ring.revoking(key_id, time()))
    typer.echo(f"{key_id} is revoked; every worker knows within a second.")


def _file() -> "ApiKeyFile":
    from app.stores.api_keys import ApiKeyFile

    return ApiKeyFile(Settings().api_keys_file)


def _row(file: "ApiKeyFile", key: "ApiKey", now: float) -> dict[str, Any]:
    from app.stores.api_keys import written_time

    ended = "revoked" if key.revoked_at is not None else "expired"
    return {
        "id": key.key_id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "state": "live" if key.is_live(now) else ended,
        "created": written_time(key.created_at),
        "last_used": written_time(file.last_used(key.key_id)),
        "expires": written_time(key.expires_at),
    }


def _seconds(written: str) -> float:
    match = re.fullmatch(r"([1-9][0-9]{0,4})([hdw])", written)
    if match is None:
        raise InvalidRequest(f"Expected a time such as 12h, 90d or 52w, got {written!r}.")
    return float(int(match[1]) * UNITS_S[match[2]])
