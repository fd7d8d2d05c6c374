"""An autoencoder put together from the components that a config names."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from torch import Tensor, nn

from engine.architectures.autoencoder.losses.reconstruction import PADDING
from engine.architectures.autoencoder.outputs import AutoencoderOutput, LatentOutput
from engine.errors import ConfigError


class TokenEmbedding(nn.Module):
    """A token's features beside a learned vector for its type: [B, T, F + E], 0 where padding."""

    def __init__(self, n_types: int, dim: int) -> None:
        super().__init__()
        self.types = nn.Embedding(n_types, dim, padding_idx=PADDING)

    def forward(self, tokens_cont: Tensor, tokens_id: Tensor) -> Tensor:
        """Features [B, T, F] and types [B, T] to [B, T, F + E]."""
        return torch.cat([tokens_cont, self.types(tokens_id)], dim=-1)


class Autoencoder(nn.Module):
    """Token embedding, encoder, latent space, decoder.

    An encoder gets `x` [B, T, F + E] and gives [B, T, D]; one whose `forward` has a parameter
    `mask` gets the mask [B, T] too.
    """

    def __init__(
        self,
        embedding: TokenEmbedding,
        encoder: nn.Module,
        latent_space: nn.Module,
        decoder: nn.Module,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.encoder = encoder
        self.latent_space = latent_space
        self.decoder = decoder
        self._encoder_takes_mask = "mask" in inspect.signature(encoder.forward).parameters

    def forward(self, tokens_cont: Tensor, tokens_id: Tensor) -> AutoencoderOutput:
        """Features [B, T, F] (normalised) and types [B, T] of a batch of events."""
        latent = self.latent(tokens_cont, tokens_id)
        return AutoencoderOutput(self.decoder(latent.z, tokens_id != PADDING), latent)

    def latent(self, tokens_cont: Tensor, tokens_id: Tensor) -> LatentOutput:
        """What the latent space makes of the encoder's vectors."""
        return self.latent_space(self.encode(tokens_cont, tokens_id), tokens_id != PADDING)

    def encode(self, tokens_cont: Tensor, tokens_id: Tensor) -> Tensor:
        """The encoder's latent vectors [B, T, D], before the latent space."""
        x = self.embedding(tokens_cont, tokens_id)
        if self._encoder_takes_mask:
            return self.encoder(x, mask=tokens_id != PADDING)
        return self.encoder(x)

    def set_feature_spread(self, std: Tensor) -> None:
        """Tell the encoder, if it has this method too, the spread [F] of what it gets normalised.

        It is the standard deviation of each feature before; for differences in radians, say.
        """
        tell = getattr(self.encoder, "set_feature_spread", None)
        if tell is not None:
            tell(std)


def build_from_config(cfg: Any) -> Autoencoder:
    """The autoencoder that `cfg.phase1` describes.

    `phase1.{encoder,latent_space,decoder}` each name their class as `_target_`; further keys are
    its arguments. Sizes that follow from the data are added here: `input_dim` and `latent_dim` for
    an encoder, `latent_dim` for a latent space (which tells its `output_dim`), and `latent_dim`,
    `n_features`, `n_types` and `n_globals` for a decoder. An encoder that has a method
    `set_features` gets their names, `data.features`, and one with `set_decoder` the decoder.

    Raises
    ------
    ConfigError
        If a class cannot be found or does not take its arguments, or lacks a feature; where a
        component raises one, with what it says.
    """
    phase1, data = cfg.phase1, cfg.data
    n_features, n_types = len(data.features), len(data.type_names)
    embedding = TokenEmbedding(n_types, phase1.id_embedding_dim)
    encoder = _component(
        phase1,
        "encoder",
        input_dim=n_features + phase1.id_embedding_dim,
        latent_dim=phase1.latent_dim,
    )
    if hasattr(encoder, "set_features"):
        encoder.set_features([str(name) for name in data.features])
    latent_space = _component(phase1, "latent_space", latent_dim=phase1.latent_dim)
    decoder = _component(
        phase1,
        "decoder",
        latent_dim=latent_space.output_dim,
        n_features=n_features,
        n_types=n_types,
        n_globals=len(data.global_features),
    )
    if hasattr(encoder, "set_decoder"):
        encoder.set_decoder(decoder)
    model = Autoencoder(embedding, encoder, latent_space, decoder)
    _check_encoder(model, data.n_tokens, n_features, phase1.latent_dim)
    return model


@torch.no_grad()
def _check_encoder(model: Autoencoder, n_tokens: int, n_features: int, latent_dim: int) -> None:
    """Raise a `ConfigError` if the encoder does not give one latent vector for each token."""
    ids = torch.ones(2, n_tokens, dtype=torch.long)
    ids[:, n_tokens // 2 :] = PADDING
    model.eval()
    try:
        z = model.encode(torch.zeros(2, n_tokens, n_features), ids)
    except (RuntimeError, TypeError, ValueError, IndexError):
        return  # one that needs a GPU, say, or other numbers; the training will tell
    finally:
        model.train()
    wanted, given = [2, n_tokens, latent_dim], list(getattr(z, "shape", [type(z).__name__]))
    if given != wanted:
        raise ConfigError(f"phase1.encoder gives {given}, and must give {wanted}")


def _component(phase1: Any, part: str, **sizes: int) -> Any:
    """The module that `phase1.PART` names, made with its own arguments and `sizes`."""
    if not phase1.get(part) or "_target_" not in phase1[part]:
        raise ConfigError(f"phase1.{part} has no _target_: name the class to make")
    try:
        return instantiate(phase1[part], **sizes)
    except InstantiationException as error:
        cause = error.__cause__ or error
        if isinstance(cause, RuntimeError | MemoryError):
            raise cause from None  # not a wrong class but, most often, a lack of memory
        if isinstance(cause, ConfigError):  # it knows best
            raise ConfigError(f"phase1.{part}: {cause.message}", cause.hint) from error
        raise ConfigError(
            f"phase1.{part}: {phase1[part].get('_target_')} cannot be made: {cause}",
            f"Correct its _target_ and arguments; it is also given {', '.join(sizes)}.",
        ) from error
