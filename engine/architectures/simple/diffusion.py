"""Diffusion: how much noise there is at each step, and ways to take it out again.

Shapes: T noise steps; `kept` [T + 1] is how much of the variance of the data is kept after each
step, called alpha bar in the papers: 1 at step 0, nearly 0 at step T.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Denoise = Callable[[Tensor, int], tuple[Tensor, Tensor]]
"""Noised data [...] and their step to data and noise, as predicted."""

_OFFSET = 0.008
_MOST_NOISE = 0.999


def cosine_schedule(n_steps: int) -> Tensor:
    """The variance kept [T + 1] of Nichol and Dhariwal, arXiv:2102.09672, equation 17."""
    steps = torch.arange(n_steps + 1, dtype=torch.float64) / n_steps
    shape = torch.cos((steps + _OFFSET) / (1 + _OFFSET) * math.pi / 2).square()
    kept_in_step = (shape[1:] / shape[:-1]).clamp(min=1 - _MOST_NOISE)
    return torch.cat([torch.ones(1), kept_in_step.cumprod(0)]).float()


def add_noise(data: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
    """Data [...] after some steps of noise [...]; `kept`, of that step, is broadcast to them."""
    return kept.sqrt() * data + (1 - kept).sqrt() * noise


def balanced_noise(n_features: int, generator: torch.Generator) -> Tensor:
    """Directions of noise [2 F, F] that stand for all there are, as long as noise is on average.

    They are the axes of a drawn frame, both ways. So the mean over them of a polynomial of degree 3
    is that over all directions (Delsarte, Goethals and Seidel, Geometriae Dedicata 6 (1977) 363):
    an error that is squared hardly depends on the frame.
    """
    drawn = torch.randn(n_features, n_features, generator=generator, dtype=torch.float64)
    axes, upper = torch.linalg.qr(drawn)
    # With the signs of the diagonal every frame is as likely as any other (Mezzadri, Notices of
    # the AMS 54 (2007) 592).
    axes = n_features**0.5 * axes * upper.diagonal().sign()
    return torch.cat([axes.T, -axes.T]).float()


def spread_steps(n_steps: int, number: int) -> list[int]:
    """Falling steps from T on, at about the same distance from each other and the last from 0."""
    number = min(number, n_steps)
    return [-(-n_steps * place // number) for place in range(number, 0, -1)]


def sample(
    denoise: Denoise,
    x: Tensor,
    kept: Tensor,
    steps: Sequence[int],
    eta: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Take the noise out of `x` step by step: Song et al., arXiv:2010.02502, equation 12.

    Parameters
    ----------
    x
        [...] data with the noise of the first of the steps.
    kept
        [T + 1] variance kept after each step.
    steps
        Falling; after the last one no noise is left. Without steps `x` is returned.
    eta
        How much of the noise is drawn anew in each step: with 0 none, so that the result follows
        from `x` alone; with 1 this is the ancestral sampling of Ho et al., arXiv:2006.11239.
    """
    levels = kept.tolist()
    for step, following in itertools.pairwise([*steps, 0]):
        data, noise = denoise(x, step)
        now, then = levels[step], levels[following]
        fresh = eta * math.sqrt(_share(1 - then, 1 - now) * (1 - _share(now, then)))
        x = math.sqrt(then) * data + math.sqrt(max(0.0, 1 - then - fresh**2)) * noise
        if fresh:
            drawn = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
            x = x + fresh * drawn
    return x


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
