"""Events a second of `loop=diffusion_ae` against a bare PyTorch loop of the model, on one thread.

Both train, average the weights and validate at the same levels of noise, as often at each, and with
the same sampler; the engine also writes its facts and checkpoints. Rounds alternate, so that a slow
moment of the machine hits both.
"""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from engine.architectures.autoencoder.base import build_from_config
from engine.architectures.autoencoder.losses.reconstruction import id_cross_entropy, token_mse
from engine.architectures.simple.diffusion import add_noise
from engine.training_loops import diffusion_autoencoder
from tests.bench.throughput import EPOCHS, compare_rates

LEVELS = [round(1000 * level) for level in diffusion_autoencoder.NOISE_LEVELS]
DECAY = 0.999


def main() -> None:
    """Measure both forms."""
    compare_rates(diffusion_autoencoder, _bare_rate, 0.9, "loop=diffusion_ae")


def _bare_rate(cfg: Any, splits: list[Any]) -> float:
    torch.manual_seed(cfg.phase1.trainer.seed)
    model = build_from_config(cfg)
    weights = list(model.parameters())
    average = [p.detach().clone() for p in weights]
    optimiser = torch.optim.AdamW(weights, lr=1e-3, weight_decay=0.0, fused=True)
    train, val, test = (split.tensors[:2] for split in splits)
    started = time.perf_counter()
    for _ in range(EPOCHS):
        model.train()
        for chosen in torch.randperm(len(train[0])).split(128):
            step = torch.randint(1, 1001, (len(chosen),))
            loss = _bare_loss(model, train[0][chosen], train[1][chosen], step)
            loss.item()  # a loss that is NaN must be seen
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            torch._foreach_lerp_(average, [p.detach() for p in weights], 1 - DECAY)
        _bare_evaluate(model, val)
    _bare_evaluate(model, test)
    return EPOCHS * len(train[0]) / (time.perf_counter() - started)


def _bare_loss(model: Any, tokens_cont: Tensor, tokens_id: Tensor, step: Tensor) -> Tensor:
    z = model.latent(tokens_cont, tokens_id).z
    return _noise_loss(model, z, tokens_cont, tokens_id, step) + 0.1 * id_cross_entropy(
        model.decoder.types(z), tokens_id
    )


def _noise_loss(
    model: Any, z: Tensor, tokens_cont: Tensor, tokens_id: Tensor, step: Tensor
) -> Tensor:
    denoiser, noise = model.decoder.denoiser, torch.randn_like(tokens_cont)
    noised = add_noise(tokens_cont, noise, denoiser.kept[step].view(-1, 1, 1))
    _, told = denoiser(noised, step, denoiser.of_latent(z))
    return token_mse(told, noise, tokens_id != 0)


def _bare_evaluate(model: Any, tensors: tuple[Tensor, ...]) -> float:
    model.eval()
    total = torch.zeros(())
    with torch.inference_mode():
        for tokens_cont, tokens_id in zip(*(t.split(128) for t in tensors), strict=True):
            z = model.latent(tokens_cont, tokens_id).z
            real = tokens_id != 0
            objects = [one[real].unsqueeze(0) for one in (z, tokens_cont, tokens_id)]
            for level in LEVELS:
                for _ in range(2 * tokens_cont.shape[-1]):
                    total += _noise_loss(model, *objects, torch.tensor([level]))
            total += id_cross_entropy(model.decoder.types(z), tokens_id)
            made = model.decoder.reconstruct(z, model.decoder.sampling_steps)
            total += token_mse(made, tokens_cont, tokens_id != 0)
    return total.item()


if __name__ == "__main__":
    main()
