"""The highest of many logits, met block by block: which they are, and in which rows.

Equal ones go by lower row, however the blocks were cut. Knows nothing of what the rows stand for.
"""

import torch
from torch import Tensor

_GROUP = 64


class Best:
    """The best logits met so far, and their rows."""

    def __init__(self, outputs: Tensor, most: int) -> None:
        self._most = most
        self.logits = outputs.new_empty(len(outputs), 0)
        self.rows = torch.empty(len(outputs), 0, dtype=torch.int64)

    def add(self, first: int, logits: Tensor) -> None:
        """Take in a block (B, n) of logits that begins with row `first`, higher than that of any block before."""
        block, rows = _best(logits, min(self._most, logits.shape[1]))
        if not self.logits.shape[1]:
            self.logits, self.rows = block, rows + first
            return
        best, best_rows = torch.cat((self.logits, block), 1), torch.cat((self.rows, rows + first), 1)
        # Earlier blocks hold the lower rows and stand first, so position decides ties as the row would.
        kept = _first(best, min(self._most, best.shape[1]))
        self.logits, self.rows = best.gather(1, kept), best_rows.gather(1, kept)


def near_best(logits: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the `count` highest of each row of logits (B, V), highest first, and their columns; of equal ones any."""
    V = logits.shape[1]
    groups = V // _GROUP
    if count * 4 >= groups:
        highest, columns = logits.topk(count, 1)
        return highest, columns
    end = groups * _GROUP
    whole = logits[:, :end].view(len(logits), groups, _GROUP)
    chosen = whole.amax(2).topk(count, 1, sorted=False).indices
    looked_at = whole.gather(1, chosen.unsqueeze(2).expand(-1, -1, _GROUP)).flatten(1)
    highest, places = torch.cat((looked_at, logits[:, end:]), 1).topk(count, 1)
    group = chosen.gather(1, (places // _GROUP).clamp(max=count - 1))
    columns = torch.where(places < count * _GROUP, group * _GROUP + places % _GROUP, places - count * _GROUP + end)
    return highest, columns


def _best(logits: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Return the `most` highest of each row (B, N) and their columns, equal ones by lower column.

    The maxima of groups of columns are ranked first: no track outside the `most` best groups can be among the
    `most` best tracks, so that all but a few thousand logits are only looked at once.
    """
    B, N = logits.shape
    groups = N // _GROUP
    if most * 4 >= groups:
        kept = _first(logits, most)
        return logits.gather(1, kept), kept
    whole = logits[:, : groups * _GROUP].view(B, groups, _GROUP)
    chosen = _first(whole.amax(2), most).sort(1).values
    columns = (chosen.unsqueeze(2) * _GROUP + torch.arange(_GROUP)).view(B, -1)
    tail = torch.arange(groups * _GROUP, N).expand(B, -1)
    columns = torch.cat((columns, tail), 1)
    candidates = logits.gather(1, columns)
    kept = _first(candidates, most)
    return candidates.gather(1, kept), columns.gather(1, kept)


def _first(values: Tensor, most: int) -> Tensor:
    """Return the columns of the `most` highest values of each row (B, N), highest first, equal ones by lower column.

    Value and column are packed in one integer, since torch.topk does not say which of equal values it takes.
    """
    bits = (values + 0.0).view(torch.int32)  # + 0.0 turns -0.0 into 0.0
    ordered = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).to(torch.int64)
    columns = torch.arange(values.shape[1])
    packed = (ordered << 32) | (0xFFFFFFFF - columns)
    return 0xFFFFFFFF - (packed.topk(most, 1).values & 0xFFFFFFFF)
