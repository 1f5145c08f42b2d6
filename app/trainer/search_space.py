"""The recipes near a recipe: which settings a search may turn, and how far.

Knows nothing of how the search proceeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.trainer.recipe import Recipe

Setting = float | int | str | bool

_WIDTHS = ("hidden_size", "embedding_size", "output_size")


@dataclass(frozen=True, slots=True)
class Range:
    """A number between two others; `by_ratio` makes steps of equal ratio equally likely."""

    low: float
    high: float
    by_ratio: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values."""

    values: tuple[int, ...]


Dial = Range | Choice


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """The dials around a recipe by the setting they turn; `start` is where the recipe itself stands."""

    recipe: Recipe
    dials: Mapping[str, Dial]

    @classmethod
    def around(cls, recipe: Recipe, catalogue_size: int) -> "SearchSpace":
        """Return the settings worth turning for this recipe over a catalogue.

        Rates and batches go up and down by a factor, dropout over what is useful; what the recipe does not use, and
        what decides which network it is, stays.
        """
        dials: dict[str, Dial] = {
            "learning_rate": _around(recipe.learning_rate, 4.0),
            "table_learning_rate": _around(recipe.table_learning_rate, 4.0),
            "hidden_size": Choice(_steps(recipe.hidden_size)),
            "dropout": Range(0.0, max(0.5, recipe.dropout)),
            "input_dropout": Range(0.0, max(0.5, recipe.input_dropout)),
        }
        if recipe.embedding_size not in (0, recipe.hidden_size):
            dials["embedding_size"] = Choice(_steps(recipe.embedding_size))
        batch = "session_parallel" if recipe.session_parallel else "batch_events"
        dials[batch] = Choice(_steps(getattr(recipe, batch)))
        if catalogue_size > recipe.full_softmax_up_to and recipe.negatives:
            dials["negatives"] = Choice(_steps(recipe.negatives))
            dials["negatives_power"] = Range(0.0, 1.0)
        if recipe.table_inertia:
            dials["table_inertia"] = _around(recipe.table_inertia, 8.0)
        if recipe.half_life:
            dials["half_life"] = _around(recipe.half_life, 4.0)
        if recipe.residual:
            dials["residual"] = _around(recipe.residual, 4.0)
        return cls(recipe, dials)

    @property
    def start(self) -> dict[str, Setting]:
        """Return where the recipe itself stands."""
        return {name: getattr(self.recipe, name) for name in self.dials}

    def at(self, settings: Mapping[str, Any]) -> Recipe:
        """Return the recipe with its dials at these settings, numbers rounded to what one would write by hand.

        Where the recipe's vectors are as long as its hidden state, or those that rank as those that are read, they
        stay so.
        """
        changes = {
            name: float(f"{value:.3g}") if isinstance(self.dials[name], Range) else value
            for name, value in settings.items()
        }
        for leader in ("hidden_size", "embedding_size"):
            for name in _WIDTHS:
                if leader in changes and getattr(self.recipe, name) == getattr(self.recipe, leader):
                    changes[name] = changes[leader]
        return self.recipe.changed(changes)


def _around(value: float, factor: float) -> Range:
    return Range(value / factor, value * factor, by_ratio=True)


def _steps(value: int) -> tuple[int, ...]:
    return tuple(sorted({max(value // 2, 1), value, value * 2}))
