"""Message passing: both backends agree, edges are what they should be, wrong values are refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.architectures.autoencoder.base import build_from_config
from engine.architectures.autoencoder.decoders.gnn import GNNDecoder
from engine.architectures.autoencoder.encoders.gnn import GNNEncoder
from engine.architectures.simple.by_size import by_size
from engine.architectures.simple.edges import AngularEdges, fully_connected, k_nearest
from engine.cli import main
from engine.config.compose import compose
from engine.config.problems import find_problems
from engine.data import make_dataloaders
from engine.errors import ConfigError
from engine.training_loops.checkpoints import load_checkpoint
from tests.conftest import Outcome

B, T, F, D = 6, 8, 10, 5
WIDTHS: Any = {"hidden_dims": (12, 7), "backend": "dense"}


def event_mask() -> Tensor:
    """Events without an object, with one, with some between padding, and with T."""
    mask = torch.rand(B, T, generator=torch.Generator().manual_seed(1)) < 0.6
    mask[0], mask[1], mask[2] = False, torch.arange(T) == 3, True
    return mask


def tokens(size: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(B, T, size, dtype=torch.float64, generator=generator)


def part_of(kind: str, k: int | None, **options: Any) -> Any:
    torch.manual_seed(0)
    options = {**WIDTHS, "k": k, **options}
    if kind == "encoder":
        return GNNEncoder(F, D, **options).double()
    return GNNDecoder(D, 4, 8, 2, globals_head=True, **options).double()


def outputs_of(part: Any, x: Tensor) -> Tensor:
    """All that a part gives for each event, [B, ...], beside each other."""
    made = part(x, event_mask())
    pieces = [made] if isinstance(made, Tensor) else list(made)
    return torch.cat([piece.flatten(1) for piece in pieces], dim=1)


@pytest.mark.parametrize("k", [None, 1, 3, 100])
@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_both_backends_give_the_same_numbers_and_gradients(kind: str, k: int | None) -> None:
    dense, pyg = part_of(kind, k), part_of(kind, k, backend="pyg")
    pyg.load_state_dict(dense.state_dict())
    found = []
    for part in (dense, pyg):
        x = tokens(F if kind == "encoder" else D).requires_grad_()
        outputs = outputs_of(part, x)
        outputs.square().sum().backward()
        found.append([outputs, x.grad, *(p.grad for p in part.parameters())])
    for ours, theirs in zip(*found, strict=True):
        assert torch.isfinite(ours).all()
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_messages_matter_and_a_smaller_neighbourhood_gives_other_numbers(kind: str) -> None:
    x = tokens(F if kind == "encoder" else D)
    one, three, everyone, more = (outputs_of(part_of(kind, k), x) for k in (1, 3, None, T))
    assert not torch.allclose(one[2], three[2])
    assert not torch.allclose(three[2], everyone[2])
    torch.testing.assert_close(everyone, more)
    torch.testing.assert_close(one[:2], everyone[:2])  # nobody there to receive from


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
@pytest.mark.parametrize("k", [1, 3])
def test_the_nearest_do_not_depend_on_order_padding_or_other_events(kind: str, k: int) -> None:
    x, mask = tokens(F if kind == "encoder" else D), event_mask()
    part = part_of(kind, k)

    def made(x: Tensor, mask: Tensor) -> Tensor:
        result = part(x, mask)
        return result if isinstance(result, Tensor) else result.tokens_cont

    expected, order = made(x, mask), torch.randperm(T)
    torch.testing.assert_close(made(x[:, order], mask[:, order]), expected[:, order])
    torch.testing.assert_close(made(x[2:3], mask[2:3]), expected[2:3])
    x = torch.where(mask.unsqueeze(-1), x, math.nan)
    torch.testing.assert_close(made(x, mask), expected)


@pytest.mark.parametrize("group", [1, 2, 4, 50, None])
def test_events_in_groups_of_a_size_are_computed_as_they_are_all_at_once(group: int | None) -> None:
    x, mask, encoder = tokens(F), event_mask(), part_of("encoder", None)
    expected = by_size(encoder._encode, x, mask, None)
    torch.testing.assert_close(by_size(encoder._encode, x, mask, group), expected)
    assert not expected[~mask].any()
    assert by_size(encoder._encode, x[:0], mask[:0], group).shape == (0, T, D)


def test_edges_join_the_objects_of_an_event_and_no_object_with_itself() -> None:
    exists = fully_connected(torch.tensor([[True, False, True, True]]))
    pairs = {tuple(pair) for pair in exists[0].nonzero().tolist()}
    assert pairs == {(0, 2), (0, 3), (2, 0), (2, 3), (3, 0), (3, 2)}


@pytest.mark.parametrize("k", [1, 2, 7, 30])
def test_the_k_nearest_are_those_that_sorting_finds(k: int) -> None:
    exists = fully_connected(event_mask())
    distance = torch.rand(B, T, T)
    found = k_nearest(exists, distance, k)
    for event in range(B):
        for i in range(T):
            others = [j for j in range(T) if exists[event, i, j]]
            nearest = sorted(others, key=lambda j: float(distance[event, i, j]))[:k]
            assert found[event, i].nonzero().flatten().tolist() == sorted(nearest)


def test_edge_features_are_differences_in_radians_with_phi_wrapped() -> None:
    std, mean = torch.tensor([5.0, 7.0, 1.4, 1.8]), torch.tensor([9.0, 8.0, 0.2, -0.1])
    edges = AngularEdges()
    edges.set_spread(std)
    physical = torch.tensor([[[1.0, 2.0, 0.5, 3.0], [3.0, 4.0, -0.7, -3.1]]])
    eta, phi, distance = edges((physical - mean) / std)[0, 0, 1]
    assert float(eta) == pytest.approx(-1.2, rel=1e-5)
    assert float(phi) == pytest.approx(2 * math.pi - 6.1, rel=1e-5)
    assert float(distance) == pytest.approx(math.hypot(1.2, 2 * math.pi - 6.1), rel=1e-5)


def test_turning_an_event_about_the_beam_leaves_its_edges() -> None:
    edges, x = AngularEdges().double(), tokens(4)
    turned = x.clone()
    turned[..., 3] += 1.0 / edges.spread[1]
    torch.testing.assert_close(edges(turned), edges(x))


def test_angles_are_found_by_their_names() -> None:
    cfg = compose(["phase1/encoder=gnn", "data.features=[phi,E,eta,pT]"])
    assert build_from_config(cfg).encoder.edge_features.columns == [2, 0]


def test_a_training_tells_the_encoder_the_spread_of_the_angles(
    thesis_train: Callable[..., Outcome],
) -> None:
    run = thesis_train("phase1/encoder=gnn", "evaluation.enabled=false").run
    *_, meta = make_dataloaders(compose(["data.limit_samples=256"]))
    kept = load_checkpoint(run.best)["encoder.edge_features.spread"]
    assert torch.equal(kept, meta["token_normaliser"].std[2:4])
    assert main(["evaluate", str(run.path)]) == 0


GNN = ("phase1/encoder=gnn", "phase1/decoder=gnn")


@pytest.mark.parametrize("part", ["encoder", "decoder"])
@pytest.mark.parametrize(
    ("value", "words"),
    [("k=0", "at least 1"), ("k=1.5", "whole number"), ("backend=sparse", "dense or pyg")],
)
def test_a_wrong_value_is_refused_in_one_sentence(part: str, value: str, words: str) -> None:
    (problem,) = find_problems([*GNN, f"phase1.{part}.{value}"])
    assert problem.startswith(f"phase1.{part}.{value}: must be ")
    assert words in problem


def test_an_encoder_without_angles_or_backend_says_what_is_missing() -> None:
    cfg = compose(["phase1/encoder=gnn", "data.features=[E,pT,eta,angle]"])
    with pytest.raises(ConfigError, match=r"needs phi, which data\.features does not name"):
        build_from_config(cfg)
    with pytest.raises(ConfigError, match="backend=sparse: must be dense or pyg"):
        GNNEncoder(F, D, backend="sparse")
