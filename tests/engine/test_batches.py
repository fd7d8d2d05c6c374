"""Batches: every event once an epoch, in an order that the seed and the epoch alone decide."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.data.batches import TensorBatches
from engine.data.fields import PADDING, EventBatch, SampleBatch


def batches(n_events: int = 10, batch_size: int = 4, seed: int | None = 0) -> TensorBatches:
    """Events whose target is their number and whose input is ten times that."""
    targets = torch.arange(n_events)
    return TensorBatches((10 * targets.unsqueeze(1), targets), SampleBatch, batch_size, seed)


def epoch(loader: TensorBatches) -> list[int]:
    """The events of one epoch in the order in which they come."""
    return [int(target) for batch in loader for target in batch.targets]


sizes = st.tuples(st.integers(1, 40), st.integers(1, 50), st.none() | st.integers(0, 2**40))


@settings(max_examples=30, deadline=None)
@given(sizes)
def test_every_event_comes_once_an_epoch(size: tuple[int, int, int | None]) -> None:
    loader = batches(*size)
    for _ in range(2):
        assert sorted(epoch(loader)) == list(range(size[0]))


@settings(max_examples=30, deadline=None)
@given(sizes)
def test_all_batches_but_the_last_are_full_and_their_number_is_the_length(
    size: tuple[int, int, int | None],
) -> None:
    n_events, batch_size, seed = size
    loader = batches(n_events, batch_size, seed)
    lengths = [len(batch.targets) for batch in loader]
    assert len(lengths) == len(loader)
    assert all(length == batch_size for length in lengths[:-1])
    assert lengths[-1] == n_events - batch_size * (len(loader) - 1) > 0


@pytest.mark.parametrize("seed", [0, None])
def test_the_fields_of_an_event_stay_together(seed: int | None) -> None:
    for batch in batches(seed=seed):
        assert torch.equal(batch.inputs.squeeze(1), 10 * batch.targets)


def test_every_epoch_has_another_order() -> None:
    loader = batches(50)
    orders = [tuple(epoch(loader)) for _ in range(5)]
    assert len(set(orders)) == 5
    assert tuple(range(50)) not in orders


def test_another_seed_gives_another_order() -> None:
    orders = {tuple(epoch(batches(50, seed=seed))) for seed in range(5)}
    assert len(orders) == 5


def test_no_epoch_of_a_seed_is_one_of_its_neighbour() -> None:
    loaders = [batches(50, seed=seed) for seed in range(4)]
    orders = {tuple(loader.permutation(e).tolist()) for loader in loaders for e in range(8)}
    assert len(orders) == 32


@pytest.mark.parametrize("seed", [0, 42])
def test_an_epoch_does_not_depend_on_those_before_it(seed: int) -> None:
    all_of_them, later = batches(seed=seed), batches(seed=seed)
    for _ in range(3):
        epoch(all_of_them)
    later.epoch = 3
    assert epoch(later) == epoch(all_of_them)


def test_the_order_does_not_depend_on_the_random_state_of_torch_and_leaves_it_alone() -> None:
    torch.manual_seed(1)
    first = epoch(batches())
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert epoch(batches()) == first
    assert torch.equal(torch.get_rng_state(), before)


def test_an_epoch_left_early_does_not_come_again() -> None:
    loader, whole = batches(50), batches(50)
    next(iter(loader))
    epoch(whole)
    assert epoch(loader) == epoch(whole)


def test_without_a_seed_the_order_is_that_of_the_tensors() -> None:
    loader = batches(seed=None)
    assert epoch(loader) == epoch(loader) == list(range(10))
    assert loader.permutation(3).tolist() == list(range(10))


def test_the_announced_permutation_is_the_order_of_the_epoch() -> None:
    loader = batches()
    epoch(loader)
    assert epoch(loader) == loader.permutation(1).tolist()


def test_moving_to_a_device_keeps_events_and_epoch() -> None:
    loader, stayed = batches(), batches()
    epoch(loader)
    epoch(stayed)
    moved = loader.to(torch.device("cpu"))
    assert (moved.epoch, moved.n_events, len(moved)) == (1, 10, 3)
    assert epoch(moved) == epoch(stayed)


def test_moving_to_a_device_moves_every_tensor() -> None:
    moved = batches().to(torch.device("meta"))
    assert {tensor.device.type for tensor in moved.tensors} == {"meta"}


def test_the_mask_of_a_batch_is_true_where_there_is_an_object() -> None:
    ids = torch.tensor([[1, 7, PADDING], [2, PADDING, PADDING]])
    batch = EventBatch(torch.zeros(2, 3, 4), ids, torch.zeros(2, 2))
    expected: Tensor = torch.tensor([[True, True, False], [True, False, False]])
    assert torch.equal(batch.mask, expected)
