"""A device that is not the processor, made up of it: what lies there can only be computed with what lies there, too.

It stands in for a GPU where there is none. Its tensors call themselves torch's `meta` tensors, which no code can read
by mistake, and hold numbers all the same. As on a GPU, operands on two devices are refused, and each number that is
looked at, or copied away, is waited for: `reads` counts them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

ELSEWHERE = torch.device("meta")
_aten = torch.ops.aten
_READING = (_aten._local_scalar_dense.default, _aten.nonzero.default, _aten.equal.default)


class ElsewhereTensor(torch.Tensor):
    """A tensor there; `held` are its numbers."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> "ElsewhereTensor":
        make: Callable[..., ElsewhereTensor] = torch.Tensor._make_wrapper_subclass
        place = held.storage_offset()
        return make(cls, held.shape, held.stride(), place, dtype=held.dtype, device=ELSEWHERE)

    def __init__(self, held: Tensor) -> None:
        self.held = held

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        raise AssertionError(f"{func} was called outside of `elsewhere`.")


class Elsewhere(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Carries out what is asked of the device."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.reads = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        tensors = [leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, Tensor)]
        there = any(isinstance(tensor, ElsewhereTensor) for tensor in tensors)
        moves = func in (_aten._to_copy.default, _aten.copy_.default)
        if there and not moves:
            # One number may come from the processor: it travels with the call.
            strangers = [tuple(t.shape) for t in tensors if not isinstance(t, ElsewhereTensor) and t.dim()]
            assert not strangers, f"{func} got operands on two devices, of shapes {strangers} on the processor"
        goes_there = there
        if (device := kwargs.get("device")) is not None:
            goes_there, kwargs["device"] = torch.device(device) == ELSEWHERE, torch.device("cpu")
        elif func is _aten.copy_.default:
            goes_there = isinstance(args[0], ElsewhereTensor)
        self.reads += there and (func in _READING or (moves and not goes_there))
        found = func(*tree_map(_held, args), **tree_map(_held, kwargs))
        if not goes_there:
            return found
        own = {id(tensor.held): tensor for tensor in tensors if isinstance(tensor, ElsewhereTensor)}

        def wrapped(leaf: Any) -> Any:
            if not isinstance(leaf, Tensor):
                return leaf
            # What was changed in place is the tensor it was.
            return own[id(leaf)] if id(leaf) in own else ElsewhereTensor(leaf)

        return tree_map(wrapped, found)


def _held(leaf: Any) -> Any:
    return leaf.held if isinstance(leaf, ElsewhereTensor) else leaf


@contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    """Have the device until the block ends."""
    with Elsewhere() as device:
        yield device
