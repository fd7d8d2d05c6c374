"""Autoencoders of collision events: encoder, latent space and decoder, put together in `base`."""
