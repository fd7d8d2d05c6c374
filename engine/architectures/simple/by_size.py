"""A network on events of many sizes, without computing much of their padding."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

GROUP = 32
"""Events of about the same size that are computed together on a CPU: few enough to be alike, and
for their pairs of tokens to stay in its cache."""


def by_size(
    network: Callable[[Tensor, Tensor], Tensor], x: Tensor, mask: Tensor, group: int | None = GROUP
) -> Tensor:
    """What `network` makes of tokens [B, T, ...] and mask [B, T]: [B, T, ...], 0 where padding.

    Events are sorted by size and computed in groups, each cut to its largest event: the work of a
    pair of tokens grows with the square of the size. `network` may not mix events, and sees 0
    for padding. On a GPU, and without a `group`, all events are computed at once.
    """
    x = x.masked_fill(~mask.unsqueeze(-1), 0.0)
    if group is None or x.device.type != "cpu" or not len(x):
        made = network(x, mask)
    else:
        made = _in_groups(network, x, mask, group)
    return made.masked_fill(~mask.unsqueeze(-1), 0.0)


def _in_groups(
    network: Callable[[Tensor, Tensor], Tensor], x: Tensor, mask: Tensor, group: int
) -> Tensor:
    n_tokens = mask.shape[1]
    # Padding may stand between objects: the size is the place of the last object.
    size = (mask * torch.arange(1, n_tokens + 1)).amax(dim=1)
    size, order = size.sort(stable=True)
    x, mask = x[order], mask[order]
    made = []
    for start in range(0, len(x), group):
        events = slice(start, start + group)
        end = max(1, int(size[events][-1]))
        cut = network(x[events, :end], mask[events, :end])
        made.append(functional.pad(cut, (0, 0, 0, n_tokens - end)))
    return torch.cat(made)[order.argsort()]
