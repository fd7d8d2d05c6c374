"""Events a second of `loop=ae` against a bare PyTorch loop of the same model, on one thread.

Both train and validate for the same epochs, from tensors that are in memory already; the engine
also writes its facts and checkpoints. Rounds alternate, so that a slow moment of the machine hits
both.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch

from engine.architectures.autoencoder.base import build_from_config
from engine.architectures.autoencoder.losses.reconstruction import id_cross_entropy, token_mse
from engine.config.compose import compose
from engine.data import make_dataloaders
from engine.training_loops import autoencoder
from engine.training_loops.fit import Fit
from engine.training_loops.session import Session

EPOCHS = 2
ROUNDS = 9

BareRate = Callable[[Any, list[Any]], float]
"""Config and splits to events a second."""


def main() -> None:
    """Measure without and with a codebook."""
    for latent_space in ("none", "vq"):
        compare_rates(autoencoder, _bare_rate, 0.95, f"phase1/latent_space={latent_space}")


def compare_rates(loop: Any, bare_rate: BareRate, goal: float, *overrides: str) -> None:
    """Print how fast the loop of a module trains, and the bare form of it.

    Parameters
    ----------
    goal
        What their ratio is to be at least.
    overrides
        Those of the config.
    """
    torch.set_num_threads(1)
    quick = [f"phase1.trainer.epochs={EPOCHS}", "device=cpu", "logging.make_plots=false"]
    cfg = compose([*overrides, *quick])
    *splits, _ = make_dataloaders(cfg)
    engine, bare = [], []
    for _ in range(ROUNDS):
        engine.append(engine_rate(loop, cfg, splits))
        bare.append(bare_rate(cfg, splits))
    ratio = statistics.median(e / b for e, b in zip(engine, bare, strict=True))
    print(
        f"{' '.join(overrides):24}  engine {statistics.median(engine):7,.0f} events/s   "
        f"bare PyTorch {statistics.median(bare):7,.0f} events/s   ratio {ratio:.3f} "
        f"(goal at least {goal})"
    )


def engine_rate(loop: Any, cfg: Any, splits: list[Any]) -> float:
    """Events a second of a training with the loop of a module."""
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        Session(cfg, loop.SUPPORTED_PLOT_FAMILIES) as session,
    ):
        objective = loop.build(cfg, session.device, len(splits[0]))
        trainer = cfg.phase1.trainer
        fit = Fit(session, objective, (*splits,), trainer, 1.0, lambda due, val: {})
        started = time.perf_counter()
        fit.run()
        return EPOCHS * splits[0].n_events / (time.perf_counter() - started)


def _bare_rate(cfg: Any, splits: list[Any]) -> float:
    torch.manual_seed(cfg.phase1.trainer.seed)
    model = build_from_config(cfg)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0, fused=True)
    train, val, test = (split.tensors[:2] for split in splits)
    started = time.perf_counter()
    for _ in range(EPOCHS):
        model.train()
        for chosen in torch.randperm(len(train[0])).split(128):
            loss = _bare_loss(model, train[0][chosen], train[1][chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        _bare_evaluate(model, val)
    _bare_evaluate(model, test)
    return EPOCHS * len(train[0]) / (time.perf_counter() - started)


def _bare_loss(model: Any, tokens_cont: torch.Tensor, tokens_id: torch.Tensor) -> torch.Tensor:
    reconstruction, latent = model(tokens_cont, tokens_id)
    loss = token_mse(reconstruction.tokens_cont, tokens_cont, tokens_id != 0)
    loss = loss + 0.1 * id_cross_entropy(reconstruction.id_logits, tokens_id)
    return loss if latent.loss is None else loss + 0.25 * latent.loss


def _bare_evaluate(model: Any, tensors: tuple[torch.Tensor, ...]) -> float:
    model.eval()
    total = torch.zeros(())
    with torch.inference_mode():
        for tokens_cont, tokens_id in zip(*(t.split(128) for t in tensors), strict=True):
            total += _bare_loss(model, tokens_cont, tokens_id)
    return total.item()


if __name__ == "__main__":
    main()
