"""Options that take names of keys, such as `--sort KEY,…`."""

from __future__ import annotations

from collections.abc import Sequence

from engine.cli.arguments import listed
from engine.errors import ConfigError


def key_names(option: str, given: Sequence[str]) -> list[str]:
    """The keys of an option that may be repeated; commas stand between several.

    Raises
    ------
    ConfigError
        If there is none, or a sign stands alone.
    """
    names = listed(given)
    if (given and not names) or not {"+", "-"}.isdisjoint(names):
        raise ConfigError(f"{option}: the name of a key is missing", f"{option} state,val_loss")
    return names
