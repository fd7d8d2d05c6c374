"""Decoders: latent vectors [B, T, D] to the tokens of an event."""
