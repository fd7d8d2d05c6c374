"""One seed for every source of randomness."""

from __future__ import annotations

import random


def set_all_seeds(seed: int | None) -> None:
    """Seed Python, NumPy and torch (all devices); None leaves them as they are."""
    if seed is None:
        return
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
