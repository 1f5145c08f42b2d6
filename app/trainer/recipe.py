"""A recipe: everything that decides what a network learns from a data set, as one page of TOML.

Knows nothing of data sets or of how the settings are carried out.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

from app.errors import InvalidRequest
from app.rnn.network import NetworkConfig
from app.trainer.pairwise_losses import PAIRWISE_LOSSES

_LEAST_BATCH = 32  # events: below, a step learns from a session or two


@dataclass(frozen=True, slots=True)
class Recipe:
    """The settings of one training run; those of the network are explained at NetworkConfig.

    Start: with `cooccurrence_start` the tracks' vectors begin as those of tracks heard near each other
    (`cooccurrence.py`), else at random. With `pull_back` the output table is afterwards moved back toward that start,
    as far as validation says (`pull_back.py`).
    Side information: with `traits` a track's vectors are the sums of its own and those of its artist, genre, tags and
    decade, as far as other tracks share them (`trait_table.py`).
    Sampling: catalogues of at most `full_softmax_up_to` tracks are ranked whole at each step; of larger ones the
    batch's targets and `negatives` tracks, drawn in proportion to (plays)^`negatives_power`. With `log_q` the softmax
    over them is corrected for how likely each was to be drawn.
    Loss: `cross-entropy`, or of the GRU4Rec papers `top1`, `bpr`, `top1-max`, `bpr-max` (`pairwise_losses.py`), the
    last with `logit_penalty` times the weighted squares of the negatives' logits.
    Batches: about `batch_events` targets of sessions of like length, fewer (but 32) where an epoch would not take
    `least_steps` steps otherwise; sessions of more than `window` targets are cut.
    With a `half_life` newer sessions are read more often: half as often for every such share of the sessions that is
    newer. With `choose_half_life`, and none given, held-out listening says which, if any (`recency.py`).
    `learn_start` also teaches what sessions begin with. With `session_parallel` sessions side by side instead, a step
    is one track of each, and its gradient reaches no further back.
    Learning: `learning_rate` is for the cells (`optimizer` adam or adagrad), `table_learning_rate` for the rows of
    tracks (Adagrad, with one step size per number, or per row with `row_adagrad`, and started as if `table_inertia`
    had been the squared sum of an event's gradient before: more keeps rarely heard tracks nearer to where they begin).
    Both rates rise over the first `warm_up` share of the run and then fall along half a cosine to `final_rate` of
    their height.
    `gradient_clip` bounds the length of the cells' gradient, and of the rows'.
    Length: `epochs` over all sessions, fewer where those read about `learn_events` events (0: no such bound), never
    less than two for that reason: little listening is read more often than much.
    Stopping: the newest `validation_share` of sessions (no more than `validation_targets` targets of them) judge each
    epoch; after `patience` epochs without a better one the best is kept. With `refit` the network is then trained
    anew, for as many epochs as were best, on all sessions.
    Mixing: with `mixture` the network's ranking is joined with what past sessions say of the recent tracks
    (`mixing.py`), fitted to no more than `mixture_targets` targets of the validation sessions, if that is better there.
    `mixture_neighbours`, `mixture_transitions` and `mixture_repeats` say who speaks: past sessions like this one, what
    followed and led to the last tracks, what was heard already.
    """

    name: str = "custom"
    rnn_kind: str = "gru"
    activation: str = "tanh"
    hidden_size: int = 100
    embedding_size: int = 100
    output_size: int = 0
    num_layers: int = 1
    tied: bool = False
    skip_input: bool = False
    residual: float = 0.0
    normalised_input: bool = False
    output_bias: bool = True
    normalised: bool = False
    scale: float = 16.0
    dropout: float = 0.0
    input_dropout: float = 0.0
    layer_norm: bool = False
    cooccurrence_start: bool = False
    pull_back: bool = False
    traits: bool = False
    full_softmax_up_to: int = 5000
    negatives: int = 4096
    negatives_power: float = 0.5
    log_q: bool = True
    loss: str = "cross-entropy"
    logit_penalty: float = 0.0
    batch_events: int = 1024
    least_steps: int = 0
    window: int = 50
    half_life: float = 0.0
    choose_half_life: bool = False
    learn_start: bool = True
    session_parallel: int = 0
    epochs: int = 10
    learn_events: int = 0
    patience: int = 2
    optimizer: str = "adam"
    learning_rate: float = 0.003
    table_learning_rate: float = 0.05
    row_adagrad: bool = False
    table_inertia: float = 0.0
    warm_up: float = 0.02
    final_rate: float = 0.02
    gradient_clip: float = 1.0
    validation_share: float = 0.1
    validation_targets: int = 10_000
    refit: bool = False
    mixture: bool = False
    mixture_targets: int = 30_000
    mixture_neighbours: bool = True
    mixture_transitions: bool = True
    mixture_repeats: bool = True
    seed: int = 1

    def __post_init__(self) -> None:
        for name in (
            "batch_events",
            "window",
            "epochs",
            "patience",
            "validation_targets",
            "mixture_targets",
        ):
            _expect(getattr(self, name) >= 1, f"{name} of at least 1", getattr(self, name))
        for name in ("learning_rate", "table_learning_rate", "gradient_clip"):
            _expect(getattr(self, name) > 0, f"{name} above 0", getattr(self, name))
        for name in (
            "negatives",
            "session_parallel",
            "logit_penalty",
            "table_inertia",
            "learn_events",
            "least_steps",
            "half_life",
        ):
            _expect(getattr(self, name) >= 0, f"{name} of at least 0", getattr(self, name))
        losses = ("cross-entropy", *PAIRWISE_LOSSES)
        _expect(self.loss in losses, f"loss {', '.join(losses)}", self.loss)
        _expect(self.optimizer in ("adam", "adagrad"), "optimizer adam or adagrad", self.optimizer)
        no_start = not (self.session_parallel and self.learn_start)
        _expect(no_start, "learn_start false where sessions run in parallel", self.learn_start)
        once = not (self.session_parallel and (self.half_life or self.choose_half_life))
        _expect(once, "half_life 0, and none to choose, where sessions run in parallel", self.half_life)
        for name in ("negatives_power", "warm_up", "final_rate"):
            _expect(0 <= getattr(self, name) <= 1, f"{name} from 0 to 1", getattr(self, name))
        _expect(0 < self.validation_share < 1, "validation_share between 0 and 1", self.validation_share)
        _expect(self.seed >= 0, "seed of at least 0", self.seed)
        _expect(not self.cooccurrence_start or self.embedding_size > 0, "embedding_size above 0 to start from", 0)
        begins = self.cooccurrence_start and self.normalised
        _expect(begins or not self.pull_back, "cooccurrence_start and normalised with pull_back", begins)
        self.network(1)  # refuses what contradicts itself before any data is read

    def network(self, catalogue_size: int) -> NetworkConfig:
        """Return the network this recipe asks for over a catalogue."""
        own = asdict(self)
        shared = {field.name: own[field.name] for field in fields(NetworkConfig) if field.name in own}
        return NetworkConfig(catalogue_size=catalogue_size, **shared)

    def planned(self, events: int) -> "Recipe":
        """Return the recipe with the epochs and batches it comes to for so many events to learn from."""
        planned = self
        if self.learn_events:
            enough = max(2, round(self.learn_events / max(events, 1)))
            planned = replace(planned, epochs=min(self.epochs, enough))
        if self.least_steps:
            smaller = max(_LEAST_BATCH, events // self.least_steps)
            planned = replace(planned, batch_events=min(self.batch_events, smaller))
        return planned

    def changed(self, changes: Mapping[str, Any]) -> "Recipe":
        """Return the recipe with settings replaced. Raises InvalidRequest for unknown names and wrong types."""
        types = {field.name: field.type for field in fields(self)}
        typed: dict[str, Any] = {}
        for name, value in changes.items():
            if name not in types:
                raise InvalidRequest(f"Expected a setting of a recipe ({', '.join(sorted(types))}), got {name!r}.")
            # TOML writes 1 where 1.0 is meant; a bool is an int to Python but not to a reader.
            number = types[name] is float and isinstance(value, int) and not isinstance(value, bool)
            typed[name] = float(value) if number else value
            _expect(type(typed[name]) is types[name], f"{name} of type {_type_name(types[name])}", value)
        return replace(self, **typed)

    def to_toml(self) -> str:
        """Return the recipe as TOML, every setting on its line."""
        return "".join(f"{name} = {json.dumps(value)}\n" for name, value in asdict(self).items())

    @classmethod
    def from_toml(cls, text: str, source: str) -> "Recipe":
        """Read a recipe; settings left out keep their defaults. `source` names the text in errors."""
        try:
            return cls().changed(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise InvalidRequest(f"{source} is not TOML: {error}.") from error
        except InvalidRequest as error:
            raise InvalidRequest(f"{source}: {error}") from error


def recipe_names() -> list[str]:
    """Return the names of the recipes that ship."""
    folder = resources.files("app.trainer") / "recipes"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def find_recipe(name_or_file: str) -> Recipe:
    """Return the recipe of this name, or read it from the TOML file of this path."""
    if name_or_file in recipe_names():
        shipped = resources.files("app.trainer") / "recipes" / f"{name_or_file}.toml"
        return Recipe.from_toml(shipped.read_text("utf-8"), name_or_file).changed({"name": name_or_file})
    path = Path(name_or_file)
    if path.is_file():
        return Recipe.from_toml(path.read_text("utf-8"), str(path))
    raise InvalidRequest(f"Expected a recipe ({', '.join(recipe_names())}) or a TOML file, got {name_or_file!r}.")


def _type_name(kind: object) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind)


def _expect(holds: bool, expected: str, came: object) -> None:
    if not holds:
        raise InvalidRequest(f"Expected {expected}, got {came!r}. Correct the recipe.")
