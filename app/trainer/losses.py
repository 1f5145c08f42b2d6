"""The loss: how surprised a softmax over candidates is by the tracks that were played.

Knows nothing of where outputs or candidates come from.
"""

from typing import Any

import torch
from torch import Tensor


class _Surprise(torch.autograd.Function):
    """Mean cross-entropy whose gradient is made in the forward pass, in the one (N, C) buffer of logits.

    dloss/dlogits = (softmax - one-hot) / N. Autograd would keep three buffers of that size, which is most of a
    step's memory traffic.
    """

    @staticmethod
    def forward(
        ctx: Any, outputs: Tensor, table: Tensor, bias: Tensor | None, correction: Tensor | None, columns: Tensor
    ) -> Tensor:
        N = len(outputs)
        targets = columns.unsqueeze(1)
        logits = outputs @ table.t() if bias is None else torch.addmm(bias, outputs, table.t())
        own = logits.gather(1, targets)
        if correction is not None:
            # The target is always among the candidates; only what was sampled is corrected for its chance.
            logits.add_(correction).scatter_(1, targets, own)
        highest = logits.amax(1, keepdim=True)
        total = logits.sub_(highest).exp_().sum(1, keepdim=True)
        loss = (highest + total.log() - own).mean()
        logits.div_(total * N)
        logits.scatter_add_(1, targets, torch.full_like(own, -1.0 / N))
        ctx.save_for_backward(logits @ table, logits.t() @ outputs, None if bias is None else logits.sum(0))
        return loss

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        outputs, table, bias = ctx.saved_tensors
        (scale,) = upstream
        return outputs * scale, table * scale, None if bias is None else bias * scale, None, None


def softmax_loss(
    outputs: Tensor, table: Tensor, bias: Tensor | None, correction: Tensor | None, columns: Tensor
) -> Tensor:
    """Return mean_n of -log softmax(outputs_n · table + bias + correction)[columns_n], a scalar.

    outputs (N, K); table (C, K) and bias (C,) are the candidates' rows; columns (N,) the targets' positions among
    them. correction (C,) is added to every logit but the target's own: sampled softmax with logQ.
    """
    loss: Tensor = _Surprise.apply(outputs, table, bias, correction, columns)  # type: ignore[no-untyped-call]
    return loss
