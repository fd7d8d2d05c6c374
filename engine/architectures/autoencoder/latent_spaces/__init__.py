"""Latent spaces: what happens to the latent vectors between encoder and decoder."""
