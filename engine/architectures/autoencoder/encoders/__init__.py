"""Encoders: token features [B, T, F] to a latent vector per token [B, T, D]."""
