"""Vector quantisation: as the reference library does it, and blind to padding."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from engine.architectures.autoencoder.latent_spaces.codebook import Codebook, count_parameters
from engine.architectures.autoencoder.latent_spaces.vq import VectorQuantiser, perplexity
from engine.errors import ConfigError

B, T, D, K = 4, 6, 3, 8
DECAY = 0.9
ALL = torch.ones(B, T, dtype=torch.bool)
SOME = torch.arange(T) < torch.tensor([[6], [3], [1], [0]])


def vectors(seed: int = 0) -> Tensor:
    return torch.randn(B, T, D, generator=torch.Generator().manual_seed(seed))


def started(
    decay: float = DECAY, revive_every: int = 0, steps: int = 1, **options: Any
) -> VectorQuantiser:
    """A quantiser that has seen its first batch, with known codebooks."""
    quantiser = VectorQuantiser(D, K, decay=decay, revive_every=revive_every, **options)
    generator = torch.Generator().manual_seed(99)
    for level in (quantiser, *quantiser.further_levels):
        codebook = torch.randn(K, D, generator=generator)
        codebook = normalize(codebook, dim=1) if quantiser.cosine else codebook
        state = {
            "codebook": codebook,
            "cluster_sum": codebook.clone(),
            "cluster_size": torch.ones(K),
            "steps": torch.tensor(steps),
        }
        level.load_state_dict(state, strict=False)
    return quantiser


OF_LIBRARY = {
    "codebook_size": K,
    "kmeans_init": False,
    "rotation_trick": False,
    "threshold_ema_dead_code": 0,
    "learnable_codebook": False,
    "commitment_weight": 1.0,
}


def library(ours: VectorQuantiser) -> Any:
    """The reference with the same codebook, averages, decay and smoothing."""
    # Loads a compiler, which is left to the process that comes to these tests.
    from vector_quantize_pytorch import VectorQuantize

    same = {"decay": ours.decay, "eps": ours.eps, "use_cosine_sim": ours.cosine}
    theirs = VectorQuantize(dim=D, **same, **OF_LIBRARY)
    give_codebook(ours, theirs)
    return theirs


def give_codebook(ours: Codebook, theirs: Any) -> None:
    theirs._codebook.embed.copy_(ours.codebook.unsqueeze(0))
    theirs._codebook.embed_avg.copy_(ours.cluster_sum.unsqueeze(0))
    theirs._codebook.cluster_size.copy_(ours.cluster_size.unsqueeze(0))


def distance_to_nearest(points: Tensor, targets: Tensor) -> Tensor:
    return torch.cdist(points, targets).min(dim=1).values


@pytest.mark.parametrize("mask", [ALL, SOME], ids=["all real", "some padding"])
@pytest.mark.parametrize("decay", [0.5, 0.99])
@pytest.mark.parametrize("cosine", [False, True], ids=["euclidean", "cosine"])
def test_ten_steps_are_those_of_the_reference_library(
    mask: Tensor, decay: float, cosine: bool
) -> None:
    ours = started(decay, cosine=cosine)
    theirs = library(ours)
    for step in range(10):
        z, their_z = (vectors(step).requires_grad_() for _ in range(2))
        # With a mask the library takes its loss from the vectors as they came.
        entering = normalize(their_z, dim=-1) if cosine else their_z
        found, (quantised, codes, loss) = ours(z, mask), theirs(entering, mask=mask)
        assert torch.equal(found.codes[mask], codes[mask])
        torch.testing.assert_close(found.z[mask], quantised[mask])
        torch.testing.assert_close(found.loss, loss.squeeze())
        found.loss.backward()
        loss.sum().backward()
        torch.testing.assert_close(z.grad, their_z.grad)
        torch.testing.assert_close(ours.codebook, theirs.codebook)
        torch.testing.assert_close(ours.cluster_size, theirs._codebook.cluster_size[0])


def test_in_use_it_gives_what_the_reference_library_gives() -> None:
    ours, z = started().eval(), vectors()
    theirs = library(ours).eval()
    quantised, codes, _ = theirs(z)
    found = ours(z, ALL)
    assert torch.equal(found.codes, codes)
    torch.testing.assert_close(found.z, quantised)


@pytest.mark.parametrize("mask", [ALL, SOME], ids=["all real", "some padding"])
def test_ten_steps_with_levels_are_those_of_the_reference_library(mask: Tensor) -> None:
    from vector_quantize_pytorch import ResidualVQ

    ours = started(levels=3)
    theirs = ResidualVQ(dim=D, num_quantizers=3, decay=DECAY, eps=ours.eps, **OF_LIBRARY)
    levels = (ours, *ours.further_levels)
    for level, their_level in zip(levels, theirs.layers, strict=True):
        give_codebook(level, their_level)
    for step in range(10):
        z, their_z = (vectors(step).requires_grad_() for _ in range(2))
        found, (quantised, codes, losses) = ours(z, mask), theirs(their_z, mask=mask)
        numbered = codes + K * torch.arange(3)
        assert torch.equal(found.codes[mask], numbered[mask])
        torch.testing.assert_close(found.z[mask], quantised[mask])
        torch.testing.assert_close(found.loss, losses.sum())
        for level, their_level in zip(levels, theirs.layers, strict=True):
            torch.testing.assert_close(level.codebook, their_level.codebook)


def test_each_level_brings_the_codes_nearer_to_the_vectors() -> None:
    torch.manual_seed(0)
    missed = []
    for levels in (1, 2, 4):
        quantiser = VectorQuantiser(D, K, decay=DECAY, levels=levels)
        for step in range(30):
            quantiser(vectors(step), ALL)
        z = vectors(100)
        missed.append(float((quantiser.eval()(z, ALL).z - z).square().mean()))
    assert missed[0] > missed[1] > missed[2]


def test_only_the_direction_of_a_vector_counts_for_cosine_codes() -> None:
    quantiser, z = started(cosine=True).eval(), vectors()
    near, far = quantiser(z, ALL), quantiser(1000 * z, ALL)
    assert torch.equal(near.codes, far.codes)
    torch.testing.assert_close(near.z.norm(dim=-1), torch.ones(B, T))


def test_cosine_codes_on_several_levels_are_refused() -> None:
    with pytest.raises(ConfigError, match="one level"):
        VectorQuantiser(D, K, cosine=True, levels=2)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), scale=st.floats(1e-3, 1e3))
def test_every_vector_becomes_its_nearest_code(seed: int, scale: float) -> None:
    quantiser, z = started().eval(), scale * vectors(seed)
    found = quantiser(z, ALL)
    torch.testing.assert_close(found.z, quantiser.codebook[found.codes], rtol=1e-4, atol=1e-4)
    flat = z.flatten(0, 1).double()
    distances = torch.cdist(flat, quantiser.codebook.double())
    chosen = distances.gather(1, found.codes.reshape(-1, 1)).squeeze(1)
    assert (chosen <= distances.min(dim=1).values * (1 + 1e-4) + 1e-6).all()


def test_gradients_reach_the_encoder_as_if_nothing_were_between() -> None:
    z, upstream = vectors().requires_grad_(), vectors(1)
    (started()(z, ALL).z * upstream).sum().backward()
    assert z.grad is not None
    assert torch.equal(z.grad, upstream)


def test_the_codebook_gets_no_gradient() -> None:
    assert list(started().parameters()) == []


@pytest.mark.parametrize("steps", [0, 1, 10], ids=["first", "later", "reviving"])
def test_padding_neither_counts_nor_moves_a_code(steps: int) -> None:
    outcomes = []
    for filling in (0.0, 1e3):
        quantiser, z = started(revive_every=10, steps=steps), vectors()
        z[~SOME] = filling
        torch.manual_seed(0)
        found = quantiser(z, SOME)
        outcomes.append((quantiser.state_dict(), found.z[SOME], found.codes[SOME], found.loss))
    (state, *rest), (other_state, *other_rest) = outcomes
    assert all(torch.equal(state[name], other_state[name]) for name in state)
    assert all(map(torch.equal, rest, other_rest))


def test_the_first_batch_puts_every_code_on_a_vector_of_its_own() -> None:
    z, mask = vectors(), ALL.clone()
    mask[2:] = False
    z[~mask] = 1e3
    quantiser = VectorQuantiser(D, K, decay=1.0)
    quantiser(z, mask)
    assert (distance_to_nearest(quantiser.codebook, z[mask]) < 1e-4).all()
    assert len(torch.unique(quantiser.codebook.round(decimals=3), dim=0)) == K


def test_fewer_vectors_than_codes_still_put_every_code_on_one() -> None:
    z, mask = vectors(), torch.zeros_like(ALL)
    mask[0, :3] = True
    quantiser = VectorQuantiser(D, K, decay=1.0)
    quantiser(z, mask)
    assert (distance_to_nearest(quantiser.codebook, z[mask]) < 1e-4).all()
    assert (distance_to_nearest(z[mask], quantiser.codebook) < 1e-4).all()


def test_a_first_batch_without_objects_leaves_the_start_to_the_next_one() -> None:
    quantiser = VectorQuantiser(D, K, decay=1.0)
    quantiser(torch.full((B, T, D), 1e3), ~ALL)
    quantiser(vectors(), ALL)
    assert (distance_to_nearest(quantiser.codebook, vectors()[ALL]) < 1e-4).all()


def test_a_later_batch_without_objects_costs_nothing_and_keeps_the_codes() -> None:
    quantiser, before = started(), started().codebook
    found = quantiser(vectors(), ~ALL)
    assert found.loss.item() == 0
    torch.testing.assert_close(quantiser.codebook, before, rtol=1e-3, atol=1e-3)


def with_dead_codes(revive_every: int, steps: int) -> VectorQuantiser:
    """Half of the codes far away and unused."""
    quantiser = started(1.0, revive_every, steps)
    for buffer in (quantiser.codebook, quantiser.cluster_sum):
        buffer[: K // 2] = 1e3
    quantiser.cluster_size[: K // 2] = 0.0
    return quantiser


def test_dead_codes_are_moved_onto_vectors_and_the_others_stay() -> None:
    quantiser = with_dead_codes(revive_every=10, steps=20)
    alive, z = quantiser.codebook[K // 2 :].clone(), vectors()
    z[~SOME] = -1e3
    quantiser(z, SOME)
    assert (distance_to_nearest(quantiser.codebook[: K // 2], z[SOME]) < 1e-3).all()
    torch.testing.assert_close(quantiser.codebook[K // 2 :], alive, rtol=1e-3, atol=1e-3)
    even_use = quantiser.cluster_size.sum() / K
    assert (quantiser.cluster_size > quantiser.dead_below * even_use).all()


@pytest.mark.parametrize(("revive_every", "steps"), [(0, 10), (10, 11), (10, 19)])
def test_dead_codes_stay_where_they_are_between_revivals(revive_every: int, steps: int) -> None:
    quantiser = with_dead_codes(revive_every, steps)
    quantiser(vectors(), ALL)
    assert (distance_to_nearest(quantiser.codebook[: K // 2], vectors()[ALL]) > 100).all()


def test_a_collapsed_codebook_recovers() -> None:
    torch.manual_seed(0)
    quantiser, clusters = started(revive_every=5), 10.0 * vectors(3).flatten(0, 1)[:K]
    quantiser.codebook.fill_(0.0)
    quantiser.cluster_sum.fill_(0.0)
    for _ in range(60):
        noise = 0.01 * torch.randn(B, T, D)
        chosen = torch.arange(B * T).remainder(K).view(B, T)
        found = quantiser(clusters[chosen] + noise, ALL)
    assert perplexity(torch.bincount(found.codes.flatten(), minlength=K)) > 0.7 * K


def test_using_a_model_changes_nothing_in_it() -> None:
    quantiser = with_dead_codes(revive_every=10, steps=20).eval()
    before = {name: value.clone() for name, value in quantiser.state_dict().items()}
    first, second = quantiser(vectors(), SOME), quantiser(vectors(), SOME)
    assert all(map(torch.equal, first, second))
    assert all(torch.equal(value, before[name]) for name, value in quantiser.state_dict().items())


def test_a_restored_quantiser_goes_on_as_if_it_had_never_stopped() -> None:
    first = VectorQuantiser(D, K, decay=DECAY, revive_every=4)
    for step in range(3):
        first(vectors(step), SOME)
    second = VectorQuantiser(D, K, decay=DECAY, revive_every=4)
    second.load_state_dict(first.state_dict())
    for step in range(3, 12):
        for quantiser in (first, second):
            torch.manual_seed(step)
            quantiser(vectors(step), SOME)
    state = second.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in first.state_dict().items())


@pytest.mark.parametrize("k", [1, 2, 512])
def test_perplexity_is_the_number_of_codes_when_all_are_used_alike(k: int) -> None:
    assert perplexity(torch.full((k,), 7)) == pytest.approx(k)


def test_perplexity_of_a_single_used_code_is_1() -> None:
    assert perplexity(torch.tensor([0, 12, 0, 0])) == pytest.approx(1)


def test_perplexity_of_nothing_is_finite() -> None:
    assert math.isfinite(perplexity(torch.zeros(K)))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=20).filter(any))
def test_perplexity_lies_between_1_and_the_number_of_used_codes(counts: list[int]) -> None:
    used = sum(count > 0 for count in counts)
    assert 1 - 1e-9 <= perplexity(torch.tensor(counts)) <= used + 1e-9


@pytest.mark.parametrize("levels", [1, 3])
def test_the_codes_count_as_parameters_and_what_follows_them_does_not(levels: int) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, D), VectorQuantiser(D, K, levels=levels))
    model[0].requires_grad_(False)
    assert count_parameters(model) == (levels * K * D, 3 * D + levels * K * D)
