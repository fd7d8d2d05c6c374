"""Whose code the config of a past run may name."""

from __future__ import annotations

import os

TRUST_VARIABLE = "THESIS_TRUST"


def trusted_packages() -> list[str]:
    """The packages that the environment says are trusted."""
    return [name for name in os.environ.get(TRUST_VARIABLE, "").split(",") if name]
