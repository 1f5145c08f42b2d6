"""The recurrent network: tracks in, one output vector per step, hidden state out.

`forward` trains; `read_ragged` serves, and ends with the same bits. It knows nothing of listeners, losses, files or how
its outputs are ranked.
"""

import copy
import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from app.errors import IncompatibleCheckpoint, InvalidRequest
from app.rnn.cells import RNN_KINDS, new_cell
from app.rnn.ragged import Ragged

PADDING = -1
"""A track that is not there: the hidden state passes it unchanged."""

_ROWS_PER_BLOCK = 1 << 16
"""Rows in half precision that are widened at once."""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """The shape of a network; a checkpoint's manifest states it and nothing else is needed to build one.

    `embedding_size` 0 reads one-hot tracks: W has a row of gates for every track. `output_size` 0 ranks with the top
    hidden state itself. `skip_input` joins the last track's embedding to the hidden state before the output;
    `residual` times it is added to the output as well, so that ranking starts from what resembles the last track.
    `normalised_input` reads embeddings at length sqrt(embedding_size), however far they have moved.
    `normalised` is a cosine softmax whose learned sharpness starts at `scale`.
    `temperature` divides all logits; it is fitted after learning, so that probabilities mean something.
    """

    rnn_kind: str
    catalogue_size: int
    hidden_size: int = 100
    activation: str = "tanh"
    embedding_size: int = 0
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
    temperature: float = 1.0

    def __post_init__(self) -> None:
        _expect(self.rnn_kind in RNN_KINDS, f"rnn_kind {', '.join(RNN_KINDS)}", self.rnn_kind)
        _expect(self.activation in ("tanh", "relu"), "activation tanh or relu", self.activation)
        for name in ("catalogue_size", "hidden_size", "num_layers"):
            _expect(getattr(self, name) >= 1, f"{name} of at least 1", getattr(self, name))
        paired = self.rnn_kind != "lru" or self.hidden_size % 2 == 0
        _expect(paired, "an even hidden_size for lru, two numbers for each complex one", self.hidden_size)
        for name in ("embedding_size", "output_size"):
            _expect(getattr(self, name) >= 0, f"{name} of at least 0", getattr(self, name))
        for name in ("dropout", "input_dropout"):
            _expect(0.0 <= getattr(self, name) < 1.0, f"{name} in [0, 1)", getattr(self, name))
        for name in ("scale", "temperature"):
            _expect(getattr(self, name) > 0.0, f"{name} above 0", getattr(self, name))
        _expect(not self.skip_input or self.embedding_size > 0, "embedding_size above 0 with skip_input", 0)
        _expect(self.residual >= 0.0, "residual of at least 0", self.residual)
        _expect(not self.residual or self.skip_input, "skip_input with residual", self.skip_input)
        _expect(not self.normalised_input or self.embedding_size > 0, "embedding_size above 0 to normalise", 0)
        if self.tied or self.residual:
            expected = f"embedding_size equal to the output's {self.vector_size} when tied or residual"
            _expect(self.embedding_size == self.vector_size, expected, self.embedding_size)

    @property
    def vector_size(self) -> int:
        """K: the length of the vectors that rank the tracks."""
        return self.output_size or self.hidden_size

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON writes them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> "NetworkConfig":
        """Return the config a manifest states. Raises IncompatibleCheckpoint for settings unknown here."""
        unknown = sorted(settings.keys() - {field.name for field in fields(cls)})
        missing = sorted({"rnn_kind", "catalogue_size"} - settings.keys())
        if unknown or missing:
            raise IncompatibleCheckpoint(
                f"Expected the network settings of this version, got unknown {unknown} and missing {missing}. "
                "Serve this checkpoint with the version of Segue that trained it."
            )
        return cls(**settings)


class Layer(nn.Module):
    """One recurrent layer: the product with W where its input is a vector, the cell, and what leaves it."""

    def __init__(self, config: NetworkConfig, input_size: int) -> None:
        super().__init__()
        self.cell = new_cell(config.rnn_kind, config.hidden_size, config.activation)
        self.project = _projection(input_size, self.cell.gates, config.hidden_size) if input_size else nn.Identity()
        self.norm = nn.LayerNorm(config.hidden_size) if config.layer_norm else nn.Identity()

    def forward(self, inputs: Tensor, present: Tensor | None, state: Tensor) -> tuple[Tensor, Tensor]:
        """Read inputs (B, T, ·) from a state (B, parts*H); return h of every step (B, T, H) and the last state."""
        steps = []
        for t, gates_x in enumerate(self.project(inputs).unbind(1)):
            new = self.cell.step(gates_x, state)
            state = new if present is None else torch.where(present[:, t, None], new, state)
            steps.append(state[:, : self.cell.hidden_size])
        return self.norm(torch.stack(steps, 1)), state

    def read_ragged(self, inputs: Tensor, state: Tensor, sizes: tuple[int, ...]) -> Tensor:
        """Read inputs (N, ·), of `sizes` as `Ragged` has them, from states (M, parts*H); return all (M + N, parts*H).

        What leaves the layer is `norm` of their h. Without gradients.
        """
        gates_x = self.project(inputs)
        states = state.new_empty(sum(sizes), state.shape[1])
        states[: len(state)] = state
        self.cell.fill(states, gates_x, sizes)
        return states


class RecurrentNetwork(nn.Module):
    """Recurrent layers over tracks: `input_table` is W, the cells hold U, `output_table` is V transposed.

    `output_table` is None when tied: the rows of `input_table` rank too, stored and updated once.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        V, E, H, K = config.catalogue_size, config.embedding_size, config.hidden_size, config.vector_size
        self._layers = [Layer(config, size) for size in (E, *[H] * (config.num_layers - 1))]
        self.layers = nn.ModuleList(self._layers)
        self.input_table = nn.Parameter(_rows(V, E or self._layers[0].cell.gates * H, E or H))
        self.output_table = None if config.tied else nn.Parameter(_rows(V, K, K))
        self.output_bias = nn.Parameter(torch.zeros(V)) if config.output_bias else None
        joins = config.output_size or config.skip_input
        self.join = nn.Linear(H + E * config.skip_input, K) if joins else nn.Identity()
        self.log_scale = nn.Parameter(torch.tensor(math.log(config.scale))) if config.normalised else None

    @property
    def state_size(self) -> int:
        """S: floats of hidden state per listener, all layers and parts, and the last input if it is joined."""
        return sum(self._state_sizes)

    @property
    def read_size(self) -> int:
        """Floats of hidden state that only reading can make: all but the joined last input, which its track tells."""
        return sum(layer.cell.state_size for layer in self._layers)

    @property
    def _state_sizes(self) -> list[int]:
        last = [self.config.embedding_size] if self.config.skip_input else []
        return [*(layer.cell.state_size for layer in self._layers), *last]

    def start(self, batch_size: int) -> Tensor:
        """Return the start state (B, S): nothing heard yet."""
        return self.input_table.new_zeros(batch_size, self.state_size, dtype=torch.float32)

    def forward(self, tracks: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Read tracks (B, T) of int64 rows; return outputs (B, T, K) and the hidden state (B, S) after the last.

        A track of PADDING leaves the hidden state as it is; the output there is the one before it.
        """
        present = tracks != PADDING
        inputs = functional.embedding(tracks.clamp(min=0), self.input_table).float()
        return self.read(inputs, None if bool(present.all()) else present, hidden)

    def joined(self, tracks: Tensor) -> Tensor:
        """Return what is joined to the hidden state (B, E or 0) after these last tracks (B,); zeros for PADDING."""
        if not self.config.skip_input:
            return self.input_table.new_zeros(len(tracks), 0, dtype=torch.float32)
        inputs = self._as_read(functional.embedding(tracks.clamp(min=0), self.input_table).float())
        return torch.where((tracks != PADDING)[:, None], inputs, 0.0)

    def read(self, inputs: Tensor, present: Tensor | None, hidden: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Read rows of `input_table` (B, T, ·) where `present` (B, T; None: everywhere), as `forward` does."""
        states = list(torch.split(self.start(len(inputs)) if hidden is None else hidden, self._state_sizes, 1))
        inputs = functional.dropout(self._as_read(inputs), self.config.input_dropout, self.training)
        top = inputs
        for depth, layer in enumerate(self._layers):
            top, states[depth] = layer(top, present, states[depth])
            top = functional.dropout(top, self.config.dropout, self.training)
        heard = None
        if self.config.skip_input:
            heard = _last_present(inputs, present, states[-1])
            states[-1] = heard[:, -1]
        return self._outputs(top, heard), torch.cat(states, 1)

    @torch.no_grad()
    def read_ragged(self, playlists: Ragged, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Read B playlists on top of hidden (B, S); return outputs (B, K) after their last tracks, and the new hidden.

        It ends with the bits that `forward` ends with, where all sizes are multiples of eight. Without gradients.
        """
        count, lines = len(hidden), playlists.sizes[0]
        states = torch.split(hidden[playlists.order], self._state_sizes, 1)
        inputs = self._as_read(functional.embedding(playlists.tracks, self.input_table).float())
        after, top = list[Tensor](), inputs
        for layer, state in zip(self._layers, states, strict=False):  # a joined last input is no layer's
            every = layer.read_ragged(top, state, playlists.sizes)
            after.append(every[playlists.ends])
            if layer is not self._layers[-1]:
                top = layer.norm(every[lines:, : layer.cell.hidden_size])
        heard = None
        if self.config.skip_input:
            heard = torch.cat((states[-1], inputs))[playlists.ends]
        last = self._layers[-1]
        outputs = self._outputs(last.norm(after[-1][:, : last.cell.hidden_size]), heard)
        if heard is not None:
            after.append(heard)
        return outputs[:count], torch.cat(after, 1)[:count]

    def _outputs(self, top: Tensor, heard: Tensor | None) -> Tensor:
        """Return outputs (..., K) from what leaves the top layer (..., H) and the joined last input (..., E)."""
        outputs: Tensor = self.join(top if heard is None else torch.cat((top, heard), -1))
        if self.config.residual and heard is not None:
            outputs = outputs + heard * self.config.residual
        if self.log_scale is not None:
            outputs = functional.normalize(outputs, dim=-1) * self.log_scale.exp()
        # The logits' temperature is applied here and in `ranking_bias`, since tables may be mapped from a file.
        return outputs if self.config.temperature == 1.0 else outputs / self.config.temperature

    def _as_read(self, inputs: Tensor) -> Tensor:
        """Return rows of `input_table` (..., E) as the layers meet them."""
        if not self.config.normalised_input:
            return inputs
        return functional.normalize(inputs, dim=-1) * math.sqrt(self.config.embedding_size)

    def ranking_rows(self, rows: Tensor) -> Tensor:
        """Return rows of the output table (..., K) as they meet the outputs: of unit length in a cosine softmax."""
        rows = rows.float()
        return rows if self.log_scale is None else functional.normalize(rows, dim=-1)

    @property
    def stored_table(self) -> Tensor:
        """The output table (V, K) as it is stored; `ranking_rows` of its rows rank."""
        return self.input_table if self.output_table is None else self.output_table

    @property
    def in_halves(self) -> bool:
        """Whether the tables of rows are kept in half precision, as large catalogues' are; all sums are in single."""
        return self.stored_table.dtype == torch.float16

    def ranking_table(self) -> Tensor:
        """Return the vectors (V, K) whose products with an output, plus `ranking_bias`, are the logits."""
        return self.ranking_rows(self.stored_table)

    def ranking_bias(self) -> Tensor | None:
        """Return what is added (V,) to the products with the `ranking_table`, None where nothing is."""
        if self.output_bias is None or self.config.temperature == 1.0:
            return self.output_bias
        return self.output_bias / self.config.temperature

    def logits(self, outputs: Tensor, rows: list[int] | None = None) -> Tensor:
        """Return the logits (..., V) = V^T h + b over the whole catalogue, or of some rows, for outputs (..., K)."""
        if rows is not None:
            bias = self.ranking_bias()
            return functional.linear(
                outputs, self.ranking_rows(self.stored_table[rows]), None if bias is None else bias[rows]
            )
        if not self.in_halves:
            return functional.linear(outputs, self.ranking_table(), self.ranking_bias())
        blocks = torch.split(self.stored_table, _ROWS_PER_BLOCK)
        products = torch.cat([functional.linear(outputs, self.ranking_rows(rows)) for rows in blocks], -1)
        bias = self.ranking_bias()
        return products if bias is None else products + bias

    def tempered(self, temperature: float) -> "RecurrentNetwork":
        """Return this network with all logits divided by `temperature`; it shares the weights."""
        network = copy.copy(self)
        network.config = replace(self.config, temperature=temperature)
        return network


def _rows(count: int, size: int, fan_in: int) -> Tensor:
    return torch.randn(count, size) / math.sqrt(fan_in)


def _projection(input_size: int, gates: int, hidden_size: int) -> nn.Linear:
    projection = nn.Linear(input_size, gates * hidden_size)
    for gate in projection.weight.data.view(gates, hidden_size, input_size):
        nn.init.xavier_uniform_(gate)
    nn.init.zeros_(projection.bias)
    return projection


def _last_present(inputs: Tensor, present: Tensor | None, before: Tensor) -> Tensor:
    """Return at each step (B, T, E) the newest input up to it; `before` (B, E) where there is none yet."""
    if present is None:
        return inputs
    steps = torch.arange(1, present.shape[1] + 1, device=present.device)
    newest = (present * steps).cummax(1).values
    history = torch.cat((before.unsqueeze(1), inputs), 1)
    return history.gather(1, newest.unsqueeze(2).expand(-1, -1, inputs.shape[2]))


def _expect(holds: bool, expected: str, came: object) -> None:
    if not holds:
        raise InvalidRequest(f"Expected {expected}, got {came!r}. Correct the recipe.")
