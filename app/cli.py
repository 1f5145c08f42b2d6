"""The `segue` command: one subcommand module per noun, each importing what it needs only when it runs."""

import sys

import typer

from app.commands import datasets, evaluation, listening, models, pages, service, training
from app.errors import SegueError

cli = typer.Typer(
    name="segue",
    help="What plays next: import playlists, train, publish and serve.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (datasets, training, evaluation, models, listening, service, pages):
    command.register(cli)


def main() -> None:
    """Run the command line; what Segue refuses is one sentence on standard error and exit code 2."""
    try:
        cli()
    except SegueError as refusal:
        sys.stderr.write(f"segue: {refusal}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
