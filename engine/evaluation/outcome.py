"""What a loop tells about events, for them to be evaluated."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from engine.architectures.autoencoder.outputs import Reconstruction


class Outcome(NamedTuple):
    """What a loop makes of the B events of a batch; nothing by default."""

    scores: dict[str, Tensor] = {}  # noqa: RUF012 - nobody changes it
    """Name to score [B]: the higher, the more an event looks like signal. The first is the one
    that a run is judged by."""
    reconstruction: Reconstruction | None = None
    """The same events, normalised, of a loop that reconstructs them."""
