"""Networks that tell what is real from what is made: whole events, and latent vectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from engine.architectures.autoencoder.base import Autoencoder
from engine.architectures.simple.mlp import MLP


class Discriminator(nn.Module):
    """Deep Sets (Zaheer et al., arXiv:1703.06114) from the tokens of an event to one number.

    One network on every token, the mean over the tokens, another network on that: the order of
    the tokens does not count, and padding is left out.

    Parameters
    ----------
    n_features, n_types
        Features of a token, object types (padding included).
    hidden_dims
        Sizes of the layers of each of the two networks; the last is that of the mean too.
    spectral_norm
        Whether no layer may stretch what it gets: see `limit_norms`.
    """

    def __init__(
        self,
        n_features: int,
        n_types: int,
        hidden_dims: Sequence[int] = (64, 64),
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        input_dim = n_features + n_types
        width = hidden_dims[-1] if hidden_dims else input_dim
        self.per_token = MLP(input_dim, width, hidden_dims)
        self.per_event = MLP(width, 1, hidden_dims)
        if spectral_norm:
            limit_norms(self)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Tokens [B, T, F + types] and mask [B, T] to logits [B]: above 0 for a real event."""
        per_token = self.per_token(tokens).masked_fill(~mask.unsqueeze(-1), 0.0)
        n_objects = mask.sum(dim=1, keepdim=True).clamp(min=1)
        return self.per_event(per_token.sum(dim=1) / n_objects).squeeze(-1)


class LatentCritic(nn.Module):
    """A multilayer perceptron from a latent vector to one number.

    Parameters
    ----------
    latent_dim
        Size D of the latent vectors.
    hidden_dims
        As in `MLP`.
    spectral_norm
        As in `Discriminator`.
    """

    def __init__(
        self, latent_dim: int, hidden_dims: Sequence[int] = (64, 64), spectral_norm: bool = False
    ) -> None:
        super().__init__()
        self.mlp = MLP(latent_dim, 1, hidden_dims)
        if spectral_norm:
            limit_norms(self)

    def forward(self, z: Tensor) -> Tensor:
        """Latent vectors [N, D] to logits [N]: above 0 for one of the prior."""
        return self.mlp(z).squeeze(-1)


class AdversarialAutoencoder(Autoencoder):
    """An autoencoder together with the networks that it is trained against.

    They are kept in its checkpoint, since they score events; `critic` is None for an encoder
    whose latent vectors are free.
    """

    def __init__(
        self, autoencoder: Autoencoder, discriminator: Discriminator, critic: LatentCritic | None
    ) -> None:
        super().__init__(
            autoencoder.embedding,
            autoencoder.encoder,
            autoencoder.latent_space,
            autoencoder.decoder,
        )
        self.discriminator = discriminator
        self.critic = critic

    def split(self) -> tuple[dict[str, nn.Module], list[nn.Parameter]]:
        """The adversaries by name, and the parameters of all other parts."""
        adversaries: dict[str, nn.Module] = {"discriminator": self.discriminator}
        if self.critic is not None:
            adversaries["critic"] = self.critic
        others = [part for name, part in self.named_children() if name not in adversaries]
        return adversaries, [p for part in others for p in part.parameters()]


def limit_norms(network: nn.Module) -> None:
    """Divide the weights of all linear layers by their largest singular value, from here on.

    Spectral normalisation, Miyato et al., arXiv:1802.05957.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear):
            parametrizations.spectral_norm(module)


def real_tokens(tokens_cont: Tensor, tokens_id: Tensor, n_types: int) -> Tensor:
    """Features [B, T, F] and types [B, T] as a discriminator gets them: [B, T, F + types]."""
    types = functional.one_hot(tokens_id, n_types).to(tokens_cont.dtype)
    return torch.cat([tokens_cont, types], dim=-1)


def made_tokens(tokens_cont: Tensor, id_logits: Tensor) -> Tensor:
    """The same of a reconstruction: features [B, T, F] and logits of the types [B, T, types].

    The most probable type is 1 and the others 0, as in real tokens, so that softness gives nothing
    away. Gradients go to the probabilities (straight through: Bengio et al., arXiv:1308.3432).
    """
    soft = id_logits.softmax(dim=-1)
    hard = torch.zeros_like(soft).scatter_(-1, soft.argmax(dim=-1, keepdim=True), 1.0)
    return torch.cat([tokens_cont, hard + soft - soft.detach()], dim=-1)
