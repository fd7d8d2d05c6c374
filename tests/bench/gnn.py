"""Events a second of the `gnn` encoder, forward and backward, on one thread.

The bare form is the same network in a few lines of PyTorch, with the same algebra and from the same
weights, on events padded to their full length. The other form is torch_geometric's (`backend=pyg`),
which is there for few neighbours, so that it need not be slower with them. Each gets the same
batches of the sample. Rounds alternate, so that a slow moment of the machine hits all.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine.architectures.autoencoder.base import build_from_config
from engine.config.compose import compose
from engine.data import make_dataloaders

BATCHES = 8
ROUNDS = 9

Encode = Callable[[Tensor, Tensor], Tensor]


def main() -> None:
    """Measure with all objects of an event as neighbours, and with the nearest."""
    torch.set_num_threads(1)
    for k in (None, 6):
        cfg = compose(["phase1/encoder=gnn", f"phase1.encoder.k={'null' if k is None else k}"])
        dense = build_from_config(cfg)
        cfg.phase1.encoder.backend = "pyg"
        pyg = build_from_config(cfg)
        pyg.load_state_dict(dense.state_dict())
        forms: dict[str, Encode] = {"dense": dense.encoder, "pyg": pyg.encoder}
        if k is None:
            forms["bare"] = lambda x, mask, encoder=dense.encoder: _bare(encoder, x, mask)
        _measure(forms, _batches(cfg, dense), "all objects" if k is None else f"{k} nearest")


def _batches(cfg: Any, model: Any) -> list[tuple[Tensor, Tensor]]:
    train, *_ = make_dataloaders(cfg)
    chosen = [batch for batch, _ in zip(train, range(BATCHES), strict=False)]
    return [(model.embedding(b.tokens_cont, b.tokens_id).detach(), b.mask) for b in chosen]


def _measure(
    forms: dict[str, Encode], batches: list[tuple[Tensor, Tensor]], neighbours: str
) -> None:
    """Print one line for each form that is no `dense` one."""
    first = {name: encode(*batches[0]) for name, encode in forms.items()}
    for encoded in first.values():
        torch.testing.assert_close(encoded, first["dense"], rtol=1e-4, atol=1e-5)
    rates: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(ROUNDS):
        for name, encode in forms.items():
            rates[name].append(_rate(encode, batches))
    goals = {
        ("all objects", "bare"): " (goal at least 0.9)",
        ("all objects", "pyg"): " (goal above 1)",
    }
    for other in [name for name in forms if name != "dense"]:
        ratio = statistics.median(d / o for d, o in zip(rates["dense"], rates[other], strict=True))
        print(
            f"gnn {neighbours:11}  dense {statistics.median(rates['dense']):7,.0f} events/s   "
            f"{other:4} {statistics.median(rates[other]):7,.0f} events/s   "
            f"ratio {ratio:.2f}{goals.get((neighbours, other), '')}"
        )


def _rate(encode: Encode, batches: list[tuple[Tensor, Tensor]]) -> float:
    started = time.perf_counter()
    for x, mask in batches:
        encode(x, mask).square().mean().backward()
    return sum(len(x) for x, _ in batches) / (time.perf_counter() - started)


def _bare(encoder: Any, x: Tensor, mask: Tensor) -> Tensor:
    """What the encoder computes with all objects as neighbours."""
    x = x * mask.unsqueeze(-1)
    eta, phi = (x[..., 2:4] * encoder.edge_features.spread).unbind(-1)
    delta_eta = eta.unsqueeze(1) - eta.unsqueeze(2)
    delta_phi = phi.unsqueeze(1) - phi.unsqueeze(2)
    delta_phi = torch.remainder(delta_phi + math.pi, 2 * math.pi) - math.pi
    delta_r = (delta_eta**2 + delta_phi**2 + 1e-12).sqrt()
    edges = torch.stack([delta_eta, delta_phi, delta_r], dim=-1)
    weight = (mask.unsqueeze(1) & mask.unsqueeze(2)) & ~torch.eye(x.shape[1], dtype=torch.bool)
    share = weight / weight.sum(2, keepdim=True).clamp(min=1)
    for layer in encoder.gnn.layers:
        receiver, sender, between = layer.first.weight.split(layer.parts, dim=1)
        u, v = functional.linear(x, receiver, layer.first.bias), functional.linear(x, sender)
        hidden = functional.linear(edges, between) + u.unsqueeze(2) + v.unsqueeze(1)
        mean = (share.unsqueeze(2) @ functional.gelu(hidden)).squeeze(2)
        x = functional.gelu(layer.skip(x) + layer.last(mean))
    return encoder.gnn.head(x) * mask.unsqueeze(-1)


if __name__ == "__main__":
    main()
