"""How much memory the tensors take that a piece of work makes."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def peak_bytes(work: Callable[[], object], device: torch.device) -> int:
    """The most memory that new tensors of `work` take at one time, in bytes.

    On a GPU its allocator tells. Elsewhere each new tensor is counted for as long as it lives,
    which leaves out what a single operation needs for itself while it runs.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        return int(torch.cuda.max_memory_allocated(device)) - before
    with _LivingTensors() as tensors:
        work()
    return tensors.peak


def size_of(tensors: Iterable[Tensor]) -> int:
    """Bytes of all `tensors`."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def tensors_in(node: Any) -> list[Tensor]:
    """All tensors in dictionaries, lists and tuples within each other."""
    return [leaf for leaf in tree_leaves(node) if isinstance(leaf, Tensor)]


class _LivingTensors(TorchDispatchMode):
    """Counts the storage of every tensor that an operation makes, until it is freed."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._now = 0
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled here, and to say so would import all of torch's compiler."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        for tensor in tensors_in((args, kwargs)):
            self._known.add(tensor.untyped_storage())  # what was there before is not new
        made = func(*args, **(kwargs or {}))
        for tensor in tensors_in(made):
            self._count(tensor.untyped_storage())
        return made

    def _count(self, storage: Any) -> None:
        if storage in self._known:
            return
        self._known.add(storage)
        n_bytes = storage.nbytes()
        weakref.finalize(storage, self._free, n_bytes)
        self._now += n_bytes
        self.peak = max(self.peak, self._now)

    def _free(self, n_bytes: int) -> None:
        self._now -= n_bytes
