"""A codebook that follows the vectors that choose its codes.

It does so by exponential moving averages (van den Oord et al., arXiv:1711.00937, appendix A.1).
Two things keep it from collapsing onto a few codes: it starts as vectors of the first batch, and
codes that hardly any vector uses are moved onto vectors of the present batch ("random restarts",
Dhariwal et al., arXiv:2005.00341).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Codebook(nn.Module):
    """K codes of size D; padding neither counts nor moves a code.

    Parameters
    ----------
    latent_dim
        Size D of latent vectors and codes.
    codebook_size
        Number of codes K.
    decay
        How slowly the codes follow their vectors: weight of the past, 0 to 1.
    revive_every
        Steps between two revivals of dead codes; 0 never revives.
    dead_below
        A code is dead when it is used less than this fraction of even use, on average; even use
        is the objects of a step, on average, over the number of codes.
    cosine
        Keep the codes on the unit sphere, on which the vectors have to lie too.
    eps
        Smooths the averaged counts, so that a code without vectors does not divide by zero.
    """

    codebook: Tensor
    cluster_size: Tensor
    cluster_sum: Tensor
    steps: Tensor

    def __init__(
        self,
        latent_dim: int,
        codebook_size: int = 512,
        decay: float = 0.99,
        revive_every: int = 50,
        dead_below: float = 0.2,
        cosine: bool = False,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.codebook_size = codebook_size
        self.decay = decay
        self.revive_every = revive_every
        self.dead_below = dead_below
        self.cosine = cosine
        self.eps = eps
        codes = torch.randn(codebook_size, latent_dim)
        self.register_buffer("codebook", functional.normalize(codes, dim=1) if cosine else codes)
        self.register_buffer("cluster_size", torch.ones(codebook_size))
        self.register_buffer("cluster_sum", self.codebook.clone())
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self._step = 0

    def quantise(self, flat: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest code [N, D] and its number [N] to each vector of [N, D].

        While training the codes follow the vectors where `real` [N].
        """
        if self.training:
            self._before_update(flat, real)
        codes = self.nearest(flat)
        quantised = functional.embedding(codes, self.codebook)
        if self.training:
            self._update(flat, real, codes)
        return quantised, codes

    def nearest(self, flat: Tensor) -> Tensor:
        """The code [N] with the smallest Euclidean distance to each vector of [N, D]."""
        half_norm = 0.5 * self.codebook.square().sum(dim=1)
        return torch.addmm(half_norm, flat, self.codebook.t(), alpha=-1.0).argmin(dim=1)

    def _load_from_state_dict(self, *args: object, **kwargs: object) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._step = int(self.steps)

    @torch.no_grad()
    def _before_update(self, flat: Tensor, real: Tensor) -> None:
        """Start from the first batch; every `revive_every` steps move dead codes."""
        seen = real.sum() if self._step == 0 else self.cluster_size.sum()
        even_use = seen / self.codebook_size
        # Codes start a little above dead, so that one which nothing uses is found soon.
        use = even_use * (2 * self.dead_below or 1.0)
        if self._step == 0:
            if not real.any():
                return
            self._place(torch.ones_like(self.cluster_size, dtype=torch.bool), use, flat, real)
        elif self.revive_every and self._step % self.revive_every == 0:
            dead = (self.cluster_size < self.dead_below * even_use) & real.any()
            self._place(dead, use, flat, real)
        self._step += 1
        self.steps += 1

    def _place(self, which: Tensor, use: Tensor, flat: Tensor, real: Tensor) -> None:
        """Put the codes `which` [K] onto vectors of this batch, as if used `use` times a step."""
        drawn = _draw_rows(flat, real, self.codebook_size)
        self.codebook.copy_(torch.where(which.unsqueeze(1), drawn, self.codebook))
        self.cluster_sum.copy_(torch.where(which.unsqueeze(1), drawn * use, self.cluster_sum))
        self.cluster_size.copy_(torch.where(which, use, self.cluster_size))

    @torch.no_grad()
    def _update(self, flat: Tensor, real: Tensor, codes: Tensor) -> None:
        """Move each code towards the mean of the vectors that chose it."""
        weight = real.to(flat.dtype)
        counts = torch.zeros_like(self.cluster_size).index_add_(0, codes, weight)
        sums = torch.zeros_like(self.cluster_sum)
        sums.index_add_(0, codes, flat * weight.unsqueeze(1))
        self.cluster_size.lerp_(counts, 1 - self.decay)
        self.cluster_sum.lerp_(sums, 1 - self.decay)
        total = self.cluster_size.sum()
        smoothed = (self.cluster_size + self.eps) / (total + self.codebook_size * self.eps) * total
        codes = self.cluster_sum / smoothed.unsqueeze(1)
        self.codebook.copy_(functional.normalize(codes, dim=1) if self.cosine else codes)


def count_parameters(module: nn.Module) -> tuple[int, int]:
    """How many numbers training sets in a module, and how many parameters it has: with codebooks.

    The codes are learned as parameters are, by averages instead of gradients.
    """
    sizes = [(p.numel(), p.requires_grad) for p in module.parameters()]
    books = [one.codebook for one in module.modules() if isinstance(one, Codebook)]
    sizes += [(codes.numel(), True) for codes in books]
    return sum(n for n, is_trained in sizes if is_trained), sum(n for n, _ in sizes)


def _draw_rows(flat: Tensor, real: Tensor, count: int) -> Tensor:
    """`count` rows of `flat` [N, D] where `real` [N], each once before any comes again."""
    order = torch.rand(flat.shape[0], device=flat.device).masked_fill_(~real, 2.0).argsort()
    rows = torch.arange(count, device=flat.device) % real.sum().clamp(min=1)
    return flat[order[rows]]
