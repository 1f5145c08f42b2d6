"""What commands say on a terminal: tables that fold on a narrow one, or JSON for machines.

Knows nothing of what it says.
"""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def table_of(*columns: str) -> "Table":
    """Return an empty table. Ids and digests are copied from the screen: folded on a narrow one, never cut."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def print_table(table: "Table") -> None:
    """Print a table as it is: what stands in square brackets is no markup."""
    from rich.console import Console

    Console(markup=False, highlight=False).print(table)


def print_json(value: Any) -> None:
    """Print a value as JSON, its letters as they are."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
