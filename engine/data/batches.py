"""Batches cut from whole tensors: no per-sample Python, no worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor


class TensorBatches:
    """Iterates over batches of tensors that share their first dimension.

    With a seed every epoch has its own permutation, which depends on the seed and the epoch
    alone: the order of epoch 7 is the same whether or not the epochs before it ran here.

    Parameters
    ----------
    tensors
        Tensors [N, …], one for each field of a batch.
    make_batch
        Takes one tensor [B, …] a field, gives the batch.
    batch_size
        Events in a batch; the last one may have fewer.
    shuffle_seed
        Seed of the permutations; None keeps the order of the tensors.
    """

    def __init__(
        self,
        tensors: tuple[Tensor, ...],
        make_batch: Callable[..., Any],
        batch_size: int,
        shuffle_seed: int | None = None,
    ) -> None:
        self.tensors = tensors
        self.make_batch = make_batch
        self.batch_size = batch_size
        self.shuffle_seed = shuffle_seed
        self.epoch = 0

    @property
    def n_events(self) -> int:
        """How many events there are."""
        return len(self.tensors[0])

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return -(-self.n_events // self.batch_size)

    def to(self, device: torch.device) -> TensorBatches:
        """The same batches with all tensors on `device`; one copy for the whole training."""
        tensors = tuple(tensor.to(device) for tensor in self.tensors)
        moved = TensorBatches(tensors, self.make_batch, self.batch_size, self.shuffle_seed)
        moved.epoch = self.epoch
        return moved

    def __iter__(self) -> Iterator[Any]:
        """One epoch; the next one has the next permutation."""
        return self.starting_at(0)

    def starting_at(self, batch: int) -> Iterator[Any]:
        """One epoch without its first `batch` batches: what is left of one that was interrupted."""
        epoch, self.epoch = self.epoch, self.epoch + 1
        first = batch * self.batch_size
        if self.shuffle_seed is None:
            for start in range(first, self.n_events, self.batch_size):
                yield self.make_batch(*(t[start : start + self.batch_size] for t in self.tensors))
            return
        order = self.permutation(epoch)[first:].to(self.tensors[0].device)
        for chosen in order.split(self.batch_size) if len(order) else ():
            yield self.make_batch(*(tensor[chosen] for tensor in self.tensors))

    def permutation(self, epoch: int) -> Tensor:
        """The order [N] in which the events of `epoch` come."""
        if self.shuffle_seed is None:
            return torch.arange(self.n_events)
        generator = torch.Generator().manual_seed((self.shuffle_seed * 1_000_003 + epoch) % 2**63)
        return torch.randperm(self.n_events, generator=generator)
