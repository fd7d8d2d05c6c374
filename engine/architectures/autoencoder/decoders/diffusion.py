"""A conditional denoiser: tokens come out of noise, told by their latent vectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from engine.architectures.autoencoder.decoders.mlp import GlobalsHead
from engine.architectures.autoencoder.outputs import Reconstruction
from engine.architectures.simple.denoiser import Denoiser
from engine.architectures.simple.diffusion import sample, spread_steps
from engine.architectures.simple.mlp import MLP

CHUNK = 128
"""Events that are sampled together on a CPU, so that all steps stay in its cache."""


class DiffusionDecoder(nn.Module):
    """Features by denoising (Ho et al., arXiv:2006.11239), types by a head on the latent vector.

    A reconstruction takes few deterministic steps (Song et al., arXiv:2010.02502) from the middle
    of the noise, which is 0, so that it is a function of the latent vectors: the same for a token
    wherever it stands. A generated event begins with drawn noise and gets more in each step.

    Parameters
    ----------
    latent_dim, n_features, n_types, n_globals, globals_head
        As in `MLPDecoder`.
    hidden_dims, dropout
        As in `Denoiser`.
    noise_steps
        Steps from data to noise.
    sampling_steps
        Steps of a reconstruction.

    Raises
    ------
    ConfigError
        As `Denoiser`.
    """

    def __init__(
        self,
        latent_dim: int,
        n_features: int,
        n_types: int,
        n_globals: int,
        hidden_dims: Sequence[int] = (128, 128),
        dropout: float = 0.0,
        noise_steps: int = 1000,
        sampling_steps: int = 10,
        globals_head: bool = False,
    ) -> None:
        super().__init__()
        self.n_features = n_features
        self.sampling_steps = sampling_steps
        self.denoiser = Denoiser(n_features, latent_dim, hidden_dims, dropout, noise_steps)
        self.types = MLP(latent_dim, n_types, hidden_dims[:1], dropout)
        self.globals_head = (
            GlobalsHead(latent_dim, n_globals, hidden_dims, dropout) if globals_head else None
        )

    def forward(self, z: Tensor, mask: Tensor) -> Reconstruction:
        """Latent vectors [B, T, D] and mask [B, T] to a `Reconstruction`."""
        return self.heads(z, mask, self.reconstruct(z, self.sampling_steps))

    def heads(self, z: Tensor, mask: Tensor, tokens_cont: Tensor) -> Reconstruction:
        """Features [B, T, F], and what follows from the latent vectors without denoising."""
        globals_ = None if self.globals_head is None else self.globals_head(z, mask)
        return Reconstruction(tokens_cont, self.types(z), globals_)

    def reconstruct(self, z: Tensor, n_steps: int) -> Tensor:
        """Features [B, T, F] from latent vectors [B, T, D] in so many deterministic steps."""
        return self._sample(z, z.new_zeros(*z.shape[:2], self.n_features), n_steps)

    def generate(
        self, z: Tensor, n_steps: int | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Features [B, T, F] drawn for latent vectors [B, T, D], by all steps or fewer.

        The generator is one of the device of `z`.
        """
        shape = (*z.shape[:2], self.n_features)
        x = torch.randn(shape, generator=generator, dtype=z.dtype, device=z.device)
        return self._sample(z, x, n_steps or self.denoiser.n_steps, 1.0, generator)

    def _sample(
        self,
        z: Tensor,
        x: Tensor,
        n_steps: int,
        eta: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        steps = spread_steps(self.denoiser.n_steps, n_steps)
        chunk = CHUNK if z.device.type == "cpu" else max(1, len(z))
        pieces = []
        for latent, noised in zip(z.split(chunk), x.split(chunk), strict=True):
            condition = self.denoiser.of_latent(latent)

            def denoise(x: Tensor, step: int, told: Tensor = condition) -> tuple[Tensor, Tensor]:
                return self.denoiser(x, step, told)

            pieces.append(sample(denoise, noised, self.denoiser.kept, steps, eta, generator))
        return torch.cat(pieces)
