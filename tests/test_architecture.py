"""Imports point one way only, as docs/architecture.md draws them."""

import ast
import sys
from pathlib import Path

import pytest

APP = Path(__file__).parents[1] / "app"

# What each package may import from `app`, besides itself and the three modules everybody may.
MAY_IMPORT = {
    "domain": set[str](),
    "formats": {"domain"},
    "dataset": {"formats", "domain"},
    "demo": {"dataset", "formats", "domain"},
    "rnn": {"formats", "domain"},
    "stores": {"rnn", "formats", "domain"},
    "serving": {"stores", "rnn", "domain"},
    "trainer": {"dataset", "stores", "rnn", "formats", "domain"},
    "web": {"serving", "formats", "domain"},
    "commands": {"demo", "dataset", "formats", "trainer", "stores", "serving", "web", "rnn", "domain", "main"},
}
EVERYBODY = {"errors", "settings", "telemetry"}
# Each heavy dependency has its homes; anywhere else it is a mistake.
HOMES = {
    "torch": {"rnn", "trainer"},
    "redis": {"stores"},
    "obstore": {"stores"},
    "fastapi": {"web", "main"},
    "starlette": {"web", "main"},
    "duckdb": {"dataset"},
    "matplotlib": {"trainer"},
    "optuna": {"trainer"},
    "typer": {"commands", "cli"},
}
DUMPS = {"utils", "util", "helpers", "helper", "common", "core", "services", "managers", "misc"}

MODULES = sorted(APP.rglob("*.py"))


def imports_of(path: Path) -> list[str]:
    """Return every module a file imports, also inside functions."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which way they point"
            names.append(node.module or "")
    return names


def home_of(path: Path) -> str:
    """Return the package of a file, or its own name where it stands beside the packages."""
    parts = path.relative_to(APP).with_suffix("").parts
    return parts[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(APP)))
def test_imports_point_one_way(path: Path) -> None:
    """A package imports only what lies below it."""
    home = home_of(path)
    if home in {"main", "cli", "__init__"}:
        return
    allowed = MAY_IMPORT.get(home, {"domain"} if home in EVERYBODY else None)
    assert allowed is not None, f"{home} is a package docs/architecture.md does not know"
    for name in imports_of(path):
        if name.split(".")[0] == "app" and len(name.split(".")) > 1:
            target = name.split(".")[1]
            assert target in allowed | EVERYBODY | {home}, f"{path.relative_to(APP)} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(APP)))
def test_heavy_dependencies_stay_at_home(path: Path) -> None:
    """torch, Redis, FastAPI and the like are imported where they live and nowhere else."""
    for name in imports_of(path):
        homes = HOMES.get(name.split(".")[0])
        assert homes is None or home_of(path) in homes, f"{path.relative_to(APP)} imports {name}"


def test_trainer_takes_only_the_checkpoint_store_from_stores() -> None:
    """A published checkpoint is all that trainer and serving share."""
    for path in (APP / "trainer").rglob("*.py"):
        for name in imports_of(path):
            if name.startswith("app.stores"):
                assert name.split(".")[2] in {"checkpoints", "labels", "track_search"}, f"{path.name} imports {name}"


def test_no_module_is_a_dump() -> None:
    """Code belongs to the noun it works on."""
    for path in MODULES:
        assert not DUMPS & set(path.relative_to(APP).with_suffix("").parts), path


def test_every_module_says_what_it_is() -> None:
    """A module docstring names the noun, and what it knows nothing of."""
    for path in MODULES:
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


@pytest.mark.parametrize("path", sorted((APP.parent / "segue_client").rglob("*.py")), ids=lambda path: path.name)
def test_the_client_stands_alone(path: Path) -> None:
    """An app installs httpx and pydantic with it, and nothing of the server's."""
    for name in imports_of(path):
        home = name.split(".")[0]
        assert home in {"segue_client", "httpx", "pydantic"} or home in sys.stdlib_module_names, f"{path.name}: {name}"
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path
