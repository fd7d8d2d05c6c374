"""The only part that knows Hydra: finds configs, composes them, checks them, lists all problems."""

from engine.config.paths import config_dir, sample_dir

__all__ = ["config_dir", "sample_dir"]
