"""The tensors of an event, named once.

Shapes use B events, T tokens (the objects of an event) and F features of a token.

==============  =================  =======  ====================================================
name            shape              dtype    meaning
==============  =================  =======  ====================================================
``tokens_cont``  [B, T, F]         float32  the features of each object, normalised; 0 if padding
``tokens_id``    [B, T]            int64    the type of each object; 0 is padding
``globals``      [B, G]            float32  what belongs to the whole event, normalised
==============  =================  =======  ====================================================

Order and units of the features, and the names of the types, stand in `configs/data/*.yaml`;
for the sample: E and pT in GeV, pseudorapidity eta, azimuth phi in radians; MET in GeV and its
azimuth in radians.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

PADDING = 0
"""The object type of an empty place: enters no loss and no statistic."""

SPLITS = ("train", "val", "test")


class EventBatch(NamedTuple):
    """A batch of collision events; see the module's table."""

    tokens_cont: Tensor
    tokens_id: Tensor
    globals: Tensor

    @property
    def mask(self) -> Tensor:
        """[B, T] bool: True where there is an object."""
        return self.tokens_id != PADDING


class SampleBatch(NamedTuple):
    """A batch of plain supervised samples: inputs [B, F], targets [B]."""

    inputs: Tensor
    targets: Tensor
