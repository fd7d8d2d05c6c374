"""What `--json` says of a run: the same keys in every command."""

from __future__ import annotations

from typing import Any

from engine.library.summary import RunSummary
from engine.tables.cells import machine
from engine.tables.keys import FIELDS, Vocabulary

_HEAD = ("name", "path", "state")


def record(run: RunSummary, now: float | None = None) -> dict[str, Any]:
    """All that is known of a run, by the names of its keys and in their base units.

    Parameters
    ----------
    now
        Unix seconds, for the age; None takes the clock.

    Returns
    -------
    dict
        Every field of `engine.tables.keys`, then `numbers`, `results` and `config`.
    """
    age = Vocabulary([run], now).find("age")
    fields = {key.name: machine(key.kind, key.read(run)) for key in (*FIELDS.values(), age)}
    return fields | {"numbers": run.numbers, "results": run.results, "config": run.config}


def head(run: RunSummary) -> dict[str, Any]:
    """Which run it is, and its state, as in `record`."""
    return {name: FIELDS[name].read(run) for name in _HEAD}
