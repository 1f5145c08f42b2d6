"""Rough products of outputs with every row: in half precision, with a bound on how far each may be off.

The rows are packed for the few outputs of a batch by a kernel that torch ships (FBGEMM). Knows nothing of ranking.
"""

import torch
from torch import Tensor

_HIGHEST = 32_768.0
"""Half precision ends at 65,504; rows with a number beyond half of that are not packed."""

_ROUNDING = 2.0**-24
"""How far single precision rounds, as a share of the number."""

_ROWS_PER_BLOCK = 1 << 16


class RoughTable:
    """V rows of K numbers with their biases, packed in half precision: 2 K bytes a row."""

    def __init__(self, table: Tensor, bias: Tensor | None) -> None:
        """Pack a table (V, K) and its bias (V,)."""
        V, K = table.shape
        self._packed = torch.ops.quantized.linear_prepack_fp16(
            table.contiguous(), torch.zeros(V) if bias is None else bias.contiguous()
        )
        blocks = torch.split(table, _ROWS_PER_BLOCK)
        off = max(float((rows - rows.half().float()).norm(dim=1).max()) for rows in blocks)
        longest = max(float(rows.norm(dim=1).max()) for rows in blocks)
        # Of an output of length 1: what the packed rows lost, and what is rounded in adding K products and the bias up,
        # here and in the exact logits that these are compared with.
        self._off = off + 2 * (K + 1) * _ROUNDING * longest
        self._bias_off = 0.0 if bias is None else 4 * _ROUNDING * float(bias.abs().max())

    @staticmethod
    def can_hold(table: Tensor) -> bool:
        """Tell whether this processor has the kernel, and half precision the range for these rows."""
        if "fbgemm" not in torch.backends.quantized.supported_engines:
            return False
        lowest, highest = torch.aminmax(table)
        return max(-float(lowest), float(highest)) <= _HIGHEST

    def logits(self, outputs: Tensor) -> Tensor:
        """Return the logits (B, V) of outputs (B, K), each off by `bounds` at most."""
        logits: Tensor = torch.ops.quantized.linear_dynamic_fp16(outputs, self._packed)
        return logits

    def bounds(self, outputs: Tensor) -> Tensor:
        """Return how far (B,) any logit of each output may be from the exact one: Cauchy and Schwarz's inequality."""
        lengths: Tensor = torch.linalg.vector_norm(outputs, dim=1)
        return lengths * self._off + self._bias_off
