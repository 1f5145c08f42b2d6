"""The `segue` subcommands, one module per noun; heavy imports happen inside the commands."""
