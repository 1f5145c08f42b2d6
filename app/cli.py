"""The `segue` command: one subcommand module per noun, each importing what it needs only when it runs."""

import os
import sys
from typing import NoReturn

import typer
from pydantic import ValidationError

from app.commands import (
    collecting,
    datasets,
    evaluation,
    keys,
    listening,
    models,
    pages,
    service,
    state,
    training,
    tuning,
    working,
)
from app.errors import SegueError
from app.settings import Settings

cli = typer.Typer(
    name="segue",
    help="What plays next: import playlists, train, publish and serve.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (
    datasets,
    training,
    tuning,
    evaluation,
    models,
    keys,
    listening,
    service,
    state,
    collecting,
    working,
    pages,
):
    command.register(cli)


def main() -> None:
    """Run the command line; what Segue refuses is one sentence on standard error and exit code 2."""
    # Before anything imports torch: threads that wait for each other sleep. By default they turn in circles, which on a
    # busy machine takes the processor from the very thread that is waited for, and learning takes for ever.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # numpy's products are small ones, and its threads turn in circles whatever the policy is.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        cli()
    except SegueError as refusal:
        _refuse(str(refusal))
    except ValidationError as refusal:
        if refusal.title != Settings.__name__:
            raise
        first = refusal.errors(include_url=False)[0]
        name = f"SEGUE_{first['loc'][0]}".upper()
        _refuse(f"{name}: {first['msg']}, got {first['input']!r}. docs/settings.md says what it does.")


def _refuse(sentence: str) -> NoReturn:
    sys.stderr.write(f"segue: {sentence}\n")
    sys.exit(2)


if __name__ == "__main__":
    main()
