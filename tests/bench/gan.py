"""Events a second of `loop=gan_ae` against a bare PyTorch loop of the networks, on one thread.

Both take the same alternating steps and validate; the engine also writes its facts and checkpoints.
Rounds alternate, so that a slow moment of the machine hits both.
"""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine.architectures.autoencoder.discriminator import made_tokens, real_tokens
from engine.architectures.autoencoder.losses.reconstruction import id_cross_entropy, token_mse
from engine.training_loops import gan_autoencoder
from tests.bench.throughput import EPOCHS, compare_rates


def main() -> None:
    """Measure both forms."""
    compare_rates(gan_autoencoder, _bare_rate, 0.9, "loop=gan_ae")


def _bare_rate(cfg: Any, splits: list[Any]) -> float:
    torch.manual_seed(cfg.phase1.trainer.seed)
    model = gan_autoencoder.build(cfg, torch.device("cpu"), 1).model
    adversaries, learners = model.split()
    judge = adversaries["discriminator"]
    ours = torch.optim.AdamW(learners, lr=1e-3, weight_decay=0.0, fused=True)
    theirs = torch.optim.AdamW(judge.parameters(), lr=1e-3, weight_decay=0.0, fused=True)
    train, val, test = (split.tensors[:2] for split in splits)
    started = time.perf_counter()
    for _ in range(EPOCHS):
        model.train()
        for chosen in torch.randperm(len(train[0])).split(128):
            _bare_step(model, judge, ours, theirs, train[0][chosen], train[1][chosen])
        _bare_evaluate(model, judge, val)
    _bare_evaluate(model, judge, test)
    return EPOCHS * len(train[0]) / (time.perf_counter() - started)


def _bare_step(model: Any, judge: Any, ours: Any, theirs: Any, cont: Tensor, ids: Tensor) -> None:
    mask, loss, made = _reconstruct(model, cont, ids)
    real = real_tokens(cont, ids, 8).requires_grad_()
    logits = judge(real, mask)
    told = 0.5 * functional.softplus(-logits).mean()
    told = told + 0.5 * functional.softplus(judge(made.detach(), mask)).mean()
    (slope,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
    told = told + 0.1 * 0.5 * slope.square().sum() / len(real)
    told.item()  # a loss that is NaN must be seen
    theirs.zero_grad()
    told.backward()
    theirs.step()
    judge.requires_grad_(False)
    total = loss + 0.01 * functional.softplus(-judge(made, mask)).mean()
    judge.requires_grad_(True)
    total.item()
    ours.zero_grad()
    total.backward()
    ours.step()


def _reconstruct(model: Any, cont: Tensor, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The mask, the loss of the reconstruction, and what the discriminator gets of it."""
    mask, made = ids != 0, model(cont, ids).reconstruction
    loss = token_mse(made.tokens_cont, cont, mask) + 0.1 * id_cross_entropy(made.id_logits, ids)
    return mask, loss, made_tokens(made.tokens_cont, made.id_logits)


def _bare_evaluate(model: Any, judge: Any, tensors: tuple[Tensor, ...]) -> float:
    model.eval()
    total = torch.zeros(())
    with torch.inference_mode():
        for cont, ids in zip(*(t.split(128) for t in tensors), strict=True):
            mask, loss, made = _reconstruct(model, cont, ids)
            real = judge(real_tokens(cont, ids, 8), mask)
            total += loss + functional.softplus(-real).mean()
            total += functional.softplus(judge(made, mask)).mean()
    return total.item()


if __name__ == "__main__":
    main()
