"""Vector quantisation: every latent vector becomes the nearest of K codes.

After van den Oord et al., "Neural discrete representation learning" (arXiv:1711.00937). Further
levels quantise what the levels before have left: residual quantisation, as in Zeghidour et al.,
"SoundStream" (arXiv:2107.03312). With cosine codes only the direction of a vector counts: Yu et
al., arXiv:2110.04627.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.architectures.autoencoder.latent_spaces.codebook import Codebook
from engine.architectures.autoencoder.losses.quantisation import commitment_loss
from engine.architectures.autoencoder.outputs import LatentOutput
from engine.errors import ConfigError


class VectorQuantiser(Codebook):
    """A codebook, and one for each further level.

    Parameters
    ----------
    latent_dim, codebook_size, decay, revive_every, dead_below, cosine, eps
        As in `Codebook`, of each level; with `cosine` all vectors become of length 1 first.
    levels
        How many codes, one of each level, make a vector together.

    Raises
    ------
    ConfigError
        With cosine codes on several levels: what a level leaves is not of length 1.
    """

    def __init__(
        self,
        latent_dim: int,
        codebook_size: int = 512,
        decay: float = 0.99,
        revive_every: int = 50,
        dead_below: float = 0.2,
        cosine: bool = False,
        levels: int = 1,
        eps: float = 1e-5,
    ) -> None:
        if cosine and levels > 1:
            raise ConfigError("cosine codes are for one level", "Set levels=1 or cosine=false.")
        given = (latent_dim, codebook_size, decay, revive_every, dead_below, cosine, eps)
        super().__init__(*given)
        self.output_dim = latent_dim
        self.n_codes = levels * codebook_size
        self.further_levels = nn.ModuleList(Codebook(*given) for _ in range(levels - 1))

    def forward(self, z: Tensor, mask: Tensor) -> LatentOutput:
        """[B, T, D] and mask [B, T] to codes, straight-through gradients and commitment loss.

        The codes of a level are numbered behind those of the levels before; the loss is that of
        all levels together.
        """
        z = functional.normalize(z, dim=-1) if self.cosine else z
        left, codes = z, []
        loss = z.new_zeros(())
        for number, level in enumerate((self, *self.further_levels)):
            flat = left.detach().reshape(-1, z.shape[-1])
            quantised, chosen = level.quantise(flat, mask.reshape(-1))
            loss = loss + commitment_loss(left, quantised.view_as(z), mask)
            left = left - quantised.view_as(z)
            codes.append(chosen.view(mask.shape) + number * self.codebook_size)
        together = codes[0] if len(codes) == 1 else torch.stack(codes, dim=-1)
        return LatentOutput(z - left.detach(), loss, together)


def perplexity(counts: Tensor) -> float:
    """exp(entropy) of the use [K] of the codes: K when all are used alike, 1 when one is."""
    share = counts.double() / counts.sum().clamp(min=1)
    return float(torch.special.entr(share).sum().exp())
